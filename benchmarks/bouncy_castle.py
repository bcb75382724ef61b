"""Bouncy Castle's FF1 as a Java UDF, made at run time: its jar from a Maven repository, the class by ``javac``.

For ``tokenization.py --spark``, which measures it beside ours. Nothing of it is installed: both jars go to a folder
that the caller removes.
"""

import hashlib
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

KEY = bytes(range(32))
VERSION, SHA256 = "1.84", "64d6c5a6121fcd927152dd182cbed39afe0fda641a970d9bcc0c9cb1858b2731"
CLASS = "BouncyFf1"
SOURCE = """\
import org.apache.spark.sql.api.java.UDF1;
import org.bouncycastle.crypto.fpe.FPEFF1Engine;
import org.bouncycastle.crypto.params.FPEParameters;
import org.bouncycastle.crypto.params.KeyParameter;

/** Digits are encrypted, all else stays where it is: what format_preserving does to an SSN. */
public final class BouncyFf1 implements UDF1<String, String> {
    private transient FPEFF1Engine engine;

    @Override
    public String call(String text) {
        if (text == null) {
            return null;
        }
        if (engine == null) {
            byte[] key = new byte[32];
            for (int i = 0; i < key.length; i++) {
                key[i] = (byte) i;
            }
            engine = new FPEFF1Engine();
            engine.init(true, new FPEParameters(new KeyParameter(key), 10, new byte[0]));
        }
        char[] letters = text.toCharArray();
        byte[] digits = new byte[letters.length];
        int count = 0;
        for (char letter : letters) {
            if (letter >= '0' && letter <= '9') {
                digits[count++] = (byte) (letter - '0');
            }
        }
        engine.processBlock(digits, 0, count, digits, 0);
        for (int i = 0, at = 0; i < letters.length; i++) {
            if (letters[i] >= '0' && letters[i] <= '9') {
                letters[i] = (char) ('0' + digits[at++]);
            }
        }
        return new String(letters);
    }
}
"""


def build(folder: Path) -> str | None:
    """Makes the jars in a folder and has Spark's next session load them. Why not, where it can't be done."""
    if shutil.which("javac") is None or shutil.which("jar") is None:
        return "there is no javac"
    repository = os.environ.get("CLEARANCE_MAVEN_MIRROR") or "https://repo1.maven.org/maven2"
    url = f"{repository.rstrip('/')}/org/bouncycastle/bcprov-jdk18on/{VERSION}/bcprov-jdk18on-{VERSION}.jar"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            octets = answer.read()
    except OSError as error:
        return f"{url} can't be read ({type(error).__name__})"
    if hashlib.sha256(octets).hexdigest() != SHA256:
        return f"{url} is not what it was"
    library, udf, classes = folder / "bcprov.jar", folder / "udf.jar", folder / "classes"
    library.write_bytes(octets)
    source = folder / f"{CLASS}.java"
    source.write_text(SOURCE)
    import pyspark

    path = os.pathsep.join([str(library), *map(str, Path(pyspark.__file__).parent.glob("jars/spark-sql-api_*.jar"))])
    javac = ["javac", "--release", "17", "-cp", path, "-d", str(classes), str(source)]
    for command in (javac, ["jar", "--create", "--file", str(udf), "-C", str(classes), "."]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{command[0]}: {done.stderr.strip().splitlines()[-1:]}"
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--jars {library},{udf} pyspark-shell"
    return None
