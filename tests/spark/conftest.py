"""One local session for all tests of this folder, started by the first that needs it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clearance.classifiers.findings import ColumnReport
from clearance.jobs.datasets import Dataset, Reference, open_dataset
from clearance.jobs.desk import Desk, open_desk
from clearance.jobs.scan import Scan, scan_dataset
from clearance.jobs.settings import Detection
from clearance.tokenization.tokens import Tokenizer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PATTERNS = Detection(ner=None)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SparkSession]":
    """The session that a user gets, its warehouse in a temporary folder."""
    from clearance.jobs.session import get_session

    with contextlib.chdir(tmp_path_factory.mktemp("session")):
        session = get_session()
    yield session
    session.stop()


@pytest.fixture
def desk(tmp_path: Path, key_file: Path) -> Desk:
    """A desk with a registry of its own, the default policy, and pattern detectors only."""
    return open_desk(home=tmp_path / "home", detection=PATTERNS, key_file=key_file)


@pytest.fixture
def tokenizer(desk: Desk) -> Tokenizer:
    """The tokenizer that the desk's protections use."""
    return desk.tokens().open()


@pytest.fixture
def opened(spark: "SparkSession") -> Callable[..., Dataset]:
    """Opens a dataset by path and reader settings."""
    return lambda path, *rest, **options: open_dataset(spark, Reference(str(path), *rest, **options))


@pytest.fixture
def looked_at(spark: "SparkSession") -> Callable[..., tuple[Scan, dict[str, ColumnReport]]]:
    """Scans a path or dataset with patterns only; its scan, and the reports by path."""

    def look(what: Any, *rest: Any) -> tuple[Scan, dict[str, ColumnReport]]:
        dataset = what if isinstance(what, Dataset) else open_dataset(spark, Reference(str(what), *rest))
        found = scan_dataset(dataset, PATTERNS)
        return found, {report.path: report for report in found.columns}

    return look


@pytest.fixture
def crowd(spark: "SparkSession", people: Callable[[int], list[Any]]) -> "Callable[[int], DataFrame]":
    """People as a frame: card numbers in a bigint, birth dates in a date."""

    def make(n: int) -> "DataFrame":
        from pyspark.sql import functions as F

        rows = [(p.id, p.email, p.card, p.born) for p in people(n)]
        frame = spark.createDataFrame(rows, "id bigint, email string, card bigint, born string")
        return frame.withColumn("born", F.col("born").cast("date"))

    return make
