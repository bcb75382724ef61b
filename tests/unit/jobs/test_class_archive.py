"""Which archive of classes Spark's JVM is told to use or to write, and when it is told nothing."""

import os
import time
from pathlib import Path

import pytest

from clearance.jobs.class_archive import archive_options, drop_archive

SAID = 'openjdk version "17.0.15" 2025-04-15'


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Java of HotSpot's shape, a Spark of two JARs, and an empty cache."""
    for name in [n for n in os.environ if n.startswith(("SPARK_", "JAVA_", "JDK_", "_JAVA", "HADOOP_", "YARN_"))]:
        monkeypatch.delenv(name)
    for file in ("jdk/bin/java", "jdk/lib/server/classes.jsa", "lib/pyspark/__init__.py", "lib/pyspark/jars/a.jar"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("x")
    (tmp_path / "lib/pyspark/jars/b.jar").write_text("x")
    found = type("Spec", (), {"origin": str(tmp_path / "lib/pyspark/__init__.py")})
    monkeypatch.setattr("clearance.jobs.class_archive.find_spec", lambda name: found)
    monkeypatch.setenv("CLEARANCE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "jdk/bin/java"


def archive(options: list[str], option: str) -> Path:
    """The file that goes with the option."""
    assert options[0].startswith(f'"{option}=') and options[0].endswith('"'), options
    return Path(options[0].strip('"').removeprefix(f"{option}="))


def recorded(java: Path) -> Path:
    """An archive as a JVM leaves it: another file in place of what was there."""
    made = archive(archive_options(java, SAID), "-XX:ArchiveClassesAtExit")
    made.unlink()
    made.write_bytes(b"\xa8\xab\x0b\xf0 classes")
    return made


def test_the_first_start_writes_it_and_later_ones_use_it(java: Path) -> None:
    made = archive(archive_options(java, SAID), "-XX:ArchiveClassesAtExit")
    assert made.parent.stat().st_mode & 0o777 == 0o700
    # Another start while it is being written: it waits for nobody, and writes none of its own.
    assert archive_options(java, SAID) == []
    made.unlink()
    made.write_bytes(b"\xa8\xab\x0b\xf0 classes")
    for _ in range(2):
        assert archive(archive_options(java, SAID), "-XX:SharedArchiveFile") == made


def test_who_was_killed_before_it_was_written_is_followed_by_another(java: Path) -> None:
    made = archive(archive_options(java, SAID), "-XX:ArchiveClassesAtExit")
    made.write_bytes(bytes(4096))  # the header comes last
    assert archive_options(java, SAID) == []
    hour = time.time() - 3600
    os.utime(made, (hour, hour))
    assert archive(archive_options(java, SAID), "-XX:ArchiveClassesAtExit") == made
    assert archive_options(java, SAID) == []


def test_another_java_and_other_jars_have_their_own(java: Path, tmp_path: Path) -> None:
    made = recorded(java)
    assert archive(archive_options(java, SAID.replace("15", "16", 1)), "-XX:ArchiveClassesAtExit") != made
    (tmp_path / "lib/pyspark/jars/b.jar").write_text("y")
    os.utime(tmp_path / "lib/pyspark/jars/b.jar", (1, 1))
    assert archive(archive_options(java, SAID), "-XX:ArchiveClassesAtExit") != made


def test_a_start_that_failed_with_it_drops_it(java: Path) -> None:
    writes = archive_options(java, SAID)
    made = archive(writes, "-XX:ArchiveClassesAtExit")
    made.write_bytes(b"\xa8\xab\x0b\xf0")
    uses, begun = archive_options(java, SAID), time.time() - 1
    # It is not to blame for a start that failed without the JVM's own end.
    assert not drop_archive(uses, begun) and made.exists()
    log = made.with_name("error-17.log")
    log.touch()
    os.utime(log, (begun - 60, begun - 60))
    assert not drop_archive(uses, begun) and made.exists()
    log.touch()
    assert not drop_archive(writes, begun) and not drop_archive([], begun)
    assert drop_archive(uses, begun) and not made.exists()


def test_one_that_nobody_used_for_long_goes(java: Path) -> None:
    made, old = recorded(java), 90 * 24 * 3600
    other = made.with_name("0123.jsa")
    for path in (made, other):
        path.write_bytes(made.read_bytes())
        os.utime(path, (time.time() - old, time.time() - old))
    assert archive(archive_options(java, SAID), "-XX:SharedArchiveFile") == made
    assert made.exists() and not other.exists()


@pytest.mark.parametrize(
    "variable",
    [
        "SPARK_HOME",
        "SPARK_CONF_DIR",
        "HADOOP_CONF_DIR",
        "JAVA_TOOL_OPTIONS=-Xshare:off",
        "SPARK_SUBMIT_OPTS=-agentlib:x",
    ],
)
def test_who_chose_for_himself_is_left_alone(java: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    recorded(java)
    name, _, value = variable.partition("=")
    monkeypatch.setenv(name, value or "/somewhere")
    assert archive_options(java, SAID) == []


def test_nothing_is_asked_where_it_can_not_be(java: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = recorded(java).parent
    folder.chmod(0o777)  # classes that others can write are somebody else's program
    assert archive_options(java, SAID) == []
    folder.chmod(0o700)
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "a:b", tmp_path / 'a"b'):
        monkeypatch.setenv("CLEARANCE_CACHE", str(place))
        assert archive_options(java, SAID) == []
    monkeypatch.setenv("CLEARANCE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "lib/pyspark/conf").mkdir()
    (tmp_path / "lib/pyspark/conf/spark-defaults.conf").write_text("")
    assert archive_options(java, SAID) == []
    (tmp_path / "lib/pyspark/conf/spark-defaults.conf").unlink()
    assert archive_options(java, SAID) != []
    (tmp_path / "jdk/lib/server/classes.jsa").unlink()  # a JVM that has no archive of its own makes none of ours
    assert archive_options(java, SAID) == []
