"""Spark's classes, read and verified once for all later starts: an archive that the JVM maps into its memory.

A start of Spark loads some 15,000 classes out of 280 JARs. The first local session of an installation records which,
and its JVM writes them to the archive (JEP 350) after whoever started it has gone on. Every later JVM looks for itself
whether the archive is of this very Java and these very JARs and whole, and goes on without one that is not. It takes an
archive away before it writes another, and writes the header last: one without a header is not there yet. What the JVM
does not survive is a header with nothing behind it, as a full disk or a power cut may leave; who starts it then drops
the archive and starts again.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from clearance.cache import cache_home

#: Who chose archives, class paths or agents of their own is left alone; a folder on the class path can't be archived.
_OPTIONS = ("SPARK_SUBMIT_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
_CHOSEN = ("SharedArchive", "ArchiveClasses", "-Xshare", "-javaagent", "-agent")
_PLACES = ("SPARK_HOME", "SPARK_CONF_DIR", "SPARK_DIST_CLASSPATH", "HADOOP_CONF_DIR", "YARN_CONF_DIR")
_USE, _WRITE = "-XX:SharedArchiveFile=", "-XX:ArchiveClassesAtExit="
_WRITING = 1_800  # seconds after which who wanted to write an archive is taken for dead
_UNUSED = 60 * 24 * 3_600  # seconds after which an archive that nobody started with goes


def archive_options(java: Path, said: str) -> list[str]:
    """Options for Spark's JVM: to use its archive, to write it, or none where neither is safe.

    ``said`` is what this Java says of its version. Nothing that goes wrong here is an error: Spark starts as ever.
    """
    java = java.resolve()
    chosen = any(word in os.environ.get(name, "") for name in _OPTIONS for word in _CHOSEN)
    if chosen or any(os.environ.get(name) for name in _PLACES):
        return []
    # Only HotSpot has this file, and without it writes no archive.
    if not (java.parent.parent / "lib" / "server" / "classes.jsa").is_file():
        return []
    try:
        folder = cache_home() / "classes"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o022:
            return []
        archive = folder / f"{_installation(java, said)}.jsa"
        # Java takes a colon for two archives; the rest would end the option.
        option = "" if set(str(archive)) & set(":\"\\'") else _option(archive)
        _forget_unused(folder)
    except OSError:
        return []
    if not option:
        return []
    # What is not as expected is passed over in silence: the JVM's remarks are none of the user's business.
    quiet = ["-Xshare:auto", "-XX:+VerifySharedSpaces", "-Xlog:cds*=off", "-Xlog:class+path*=off"]
    return [f'"{option}{archive}"', *quiet, f'"-XX:ErrorFile={folder}/error-%p.log"']


def drop_archive(options: Sequence[str], since: float) -> bool:
    """Deletes the archive that a start used by these options, if its JVM died after ``since`` (Unix time).

    False where it used none, or left no error log: another archive would not help.
    """
    used = [Path(option.strip('"').removeprefix(_USE)) for option in options if option.startswith(f'"{_USE}')]
    dead = [archive for archive in used if any(log.stat().st_mtime >= since for log in _error_logs(archive.parent))]
    for archive in dead:
        archive.unlink(missing_ok=True)
    return bool(dead)


def _error_logs(folder: Path) -> Iterable[Path]:
    return folder.glob("error-*.log")


def _option(archive: Path) -> str:
    now = time.time()
    try:
        with archive.open("rb") as file:
            status, written = os.fstat(file.fileno()), any(file.read(4))
    except FileNotFoundError:
        # Two at once would both write, one for nothing: who makes the file does.
        with archive.open("xb"):
            return _WRITE
    if written:
        os.utime(archive, (now, status.st_mtime))  # it is in use
        return _USE
    if now - status.st_mtime < _WRITING:
        return ""
    os.utime(archive)
    return _WRITE


def _installation(java: Path, said: str) -> str:
    """Names the Java and Spark's JARs: others, or the same in another place or put there anew, have another archive."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise FileNotFoundError
    spark = Path(spec.origin).parent
    if any((spark / "conf").glob("*")):
        raise IsADirectoryError  # it would stand on the class path
    facts = hashlib.sha256(f"{java}\n{said}\n".encode())
    for jar in sorted((spark / "jars").iterdir()):
        status = jar.stat()
        facts.update(f"{jar} {status.st_size} {status.st_mtime_ns}\n".encode())
    return facts.hexdigest()[:32]


def _forget_unused(folder: Path) -> None:
    for old in (*folder.glob("*.jsa"), *_error_logs(folder)):
        status = old.stat()
        if time.time() - max(status.st_atime, status.st_mtime) > _UNUSED:
            old.unlink(missing_ok=True)
