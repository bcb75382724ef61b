"""The Spark session: the user's where there is one, a quiet local one otherwise.

A session that the user brings (an active classic or Connect session, ``SPARK_REMOTE``, ``spark-submit``) is used
as it is: no setting is forced on it. The local session resolves Delta's JARs once by package coordinates into
Clearance's own cache and starts from there, offline, ever after.
"""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from clearance.cache import cache_home
from clearance.errors import SessionError
from clearance.jobs.class_archive import archive_options, drop_archive

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MINIMUM_JAVA = 17
# What Spark ships itself: downloading it again doubles the size, and two versions on one class path is worse.
_SHIPPED_WITH_SPARK = (
    "com.fasterxml.jackson.core:*",
    "com.fasterxml.jackson.datatype:*",
    "com.github.luben:*",
    "com.google.code.findbugs:*",
    "commons-pool:*",
    "io.airlift:*",
    "javax.annotation:*",
    "org.apache.hadoop:*",
    "org.apache.logging.log4j:*",
    "org.apache.parquet:*",
    "org.locationtech.jts:*",
    "org.slf4j:*",
    "org.xerial.snappy:*",
)


def get_session() -> "SparkSession":
    """The active session, the one that the environment names, or a new local one.

    Raises ``SessionError`` when Java is missing or too old, or Delta's JARs can't be had.
    """
    from pyspark.sql import SparkSession

    active = _active_connect() or SparkSession.getActiveSession()
    if active is not None:
        return active
    if _environment_brings_one():
        return SparkSession.builder.getOrCreate()
    return _local()


def _active_connect() -> "SparkSession | None":
    if "pyspark.sql.connect.session" not in sys.modules:
        return None
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    return ConnectSession.getActiveSession()  # type: ignore[return-value]


def _environment_brings_one() -> bool:
    """``SPARK_REMOTE`` names a Connect server; ``spark-submit`` leaves the port of its gateway."""
    return any(os.environ.get(name) for name in ("SPARK_REMOTE", "PYSPARK_GATEWAY_PORT"))


def is_connect(spark: "SparkSession") -> bool:
    """Whether this is a Spark Connect session."""
    return type(spark).__module__.startswith("pyspark.sql.connect")


def is_local(spark: "SparkSession") -> bool:
    """Whether the workers run beside the driver, with its files and its environment. False where that can't be told."""
    try:
        return str(spark.conf.get("spark.master", "")).startswith("local")
    except Exception:  # a server may keep its settings to itself
        return False


def log_file() -> Path:
    """The file that takes Spark's log."""
    return cache_home() / "spark.log"


def delta_coordinates() -> str:
    """Delta's Maven coordinates for the installed pyspark and delta-spark."""
    spark_minor = ".".join(version("pyspark").split(".")[:2])
    return f"io.delta:delta-spark_{spark_minor}_2.13:{version('delta-spark')}"


def require_java() -> tuple[Path, str]:
    """The Java that Spark will find, and what it says of its version; ``SessionError`` unless Spark can run on it."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    hint = f"install a JDK, version {MINIMUM_JAVA} or newer, or point JAVA_HOME at one"
    if java is None or not Path(java).exists():
        where = f"JAVA_HOME={home} has no bin/java" if home else "there is no java on PATH"
        raise SessionError(f"Spark needs Java, and {where}", hint=hint)
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found is None or int(found.group(1)) < MINIMUM_JAVA:
        raise SessionError(f"Spark needs Java {MINIMUM_JAVA} or newer; {java} says {said.strip()[:60]!r}", hint=hint)
    return Path(java), said


def _local() -> "SparkSession":
    from pyspark.sql import SparkSession

    java = require_java()
    cache = cache_home()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        log_file().touch()
    except OSError as error:
        raise SessionError(
            f"the cache folder {cache} can't be written ({error.strerror})",
            hint="set CLEARANCE_CACHE to one that can",
        ) from None
    # Workers take python3 of PATH unless told; theirs must be the one that Clearance is installed in.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    options = archive_options(*java)

    def start(options: Sequence[str]) -> SparkSession:
        builder = SparkSession.builder.appName("clearance").master(os.environ.get("CLEARANCE_MASTER", "local[*]"))
        for key, value in {**_settings(options), **_delta_jars()}.items():
            builder = builder.config(key, value)
        return builder.getOrCreate()

    with _output_to(log_file()):
        # A file system may keep whole seconds only.
        begun = time.time() - 1
        try:
            try:
                spark = start(options)
            except Exception:
                if not drop_archive(options, begun):
                    raise
                spark = start([])
        except Exception as error:
            raise SessionError(
                f"Spark did not start ({type(error).__name__})",
                hint=f"the reason is at the end of {log_file()}; without network, set CLEARANCE_MAVEN_MIRROR",
            ) from None
    _remember_jars(spark)
    return spark


def _settings(options: Sequence[str]) -> dict[str, str]:
    log4j = resources.files("clearance.jobs") / "log4j2.properties"
    logging = [f"-Dlog4j2.configurationFile=file:{log4j}", f"-Dclearance.log={log_file()}"]
    return {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": " ".join([*logging, *options]),
        "spark.driver.memory": os.environ.get("CLEARANCE_DRIVER_MEMORY", "3g"),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        # With the defaults (200 and 50) one tiny read took longer than the session's start.
        "spark.sql.shuffle.partitions": "4",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": _warehouse(),
        # A cell may hold a megabyte: bound a batch by bytes, not by rows alone.
        "spark.sql.execution.arrow.maxBytesPerBatch": "64m",
        # So many rows are held in columns at once, which costs no time and with 4,096 documents of a megabyte the heap.
        "spark.sql.parquet.columnarReaderBatchSize": "64",
        "spark.sql.orc.columnarReaderBatchSize": "64",
        "spark.sql.files.maxPartitionBytes": "64m",
        # A field name may be a value (JSON keyed by e-mail), and plans go to the event log: names stay out of them.
        "spark.sql.debug.maxToStringFields": "0",
        "spark.sql.maxMetadataStringLength": "4",
        "spark.sql.ui.explainMode": "simple",
        # Python workers are reused, so that an engine is built once a worker and not once a task.
        "spark.python.worker.reuse": "true",
        "spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled": "true",
    }


def _warehouse() -> str:
    """A folder for managed tables that goes with the process, as the session's in-memory catalog does.

    Spark would make it in whatever folder the user stands in.
    """
    folder = tempfile.mkdtemp(prefix="clearance-warehouse-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _delta_jars() -> dict[str, str]:
    """JARs of an earlier start by path, which needs no resolution and no network; else by coordinates."""
    known = _remembered_jars()
    if known:
        return {"spark.jars": ",".join(known)}
    ivy = cache_home() / "ivy"
    ivy.mkdir(parents=True, exist_ok=True)
    # A half-filled ~/.m2 breaks Spark's own resolver chain: one resolver and our own cache do not look there.
    mirror = os.environ.get("CLEARANCE_MAVEN_MIRROR")
    root = f" root={quoteattr(mirror)}" if mirror else ""
    settings = cache_home() / "ivysettings.xml"
    settings.write_text(
        "<ivysettings><settings defaultResolver='main'/>"
        f"<caches defaultCacheDir={quoteattr(str(ivy / 'cache'))}/>"
        f"<resolvers><ibiblio name='main' m2compatible='true'{root}/></resolvers></ivysettings>\n"
    )
    return {
        "spark.jars.packages": delta_coordinates(),
        "spark.jars.ivy": str(ivy),
        "spark.jars.ivySettings": str(settings),
        "spark.jars.excludes": ",".join(_SHIPPED_WITH_SPARK),
    }


def _jar_list() -> Path:
    return cache_home() / f"jars-{delta_coordinates().replace(':', '_')}.txt"


def _remembered_jars() -> list[str]:
    """The JARs that an earlier start resolved, if all are still there."""
    try:
        paths = _jar_list().read_text().splitlines()
    except FileNotFoundError:
        return []
    return paths if paths and all(Path(path).is_file() for path in paths) else []


def _remember_jars(spark: "SparkSession") -> None:
    if _remembered_jars():
        return
    listed = spark.conf.get("spark.jars", "") or ""
    paths = [entry.removeprefix("file://") for entry in listed.split(",") if entry]
    if paths and any("delta-spark" in path for path in paths):
        temporary = _jar_list().with_suffix(f".{os.getpid()}")
        temporary.write_text("\n".join(paths) + "\n")
        temporary.replace(_jar_list())


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """The JVM inherits our output streams when it starts and keeps them: hand it the log file instead."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(stream) for stream in (1, 2)]
    try:
        with path.open("ab") as log:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, stream)
            os.close(copy)
