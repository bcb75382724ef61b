"""What is said of a failure holds nothing that the failure quoted."""

import pickle

import pytest

from clearance.errors import DatasetError, DetectionError, ExitCode
from clearance.jobs.failures import from_worker, reason, value_free
from clearance.jobs.naming import looks_like_a_value
from clearance.jobs.runner import worst


def test_a_foreign_failure_is_named_by_class_only():
    with pytest.raises(DatasetError) as caught, value_free("reading x", hint="check it"):
        raise ValueError("mara@mail.com is not a number")
    assert caught.value.message == "reading x failed (ValueError)"
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_a_file_that_nobody_may_read_is_not_called_broken():
    said = "[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file file:///d/x. Caused by: /d/x "
    assert reason(RuntimeError(f"{said}(Permission denied)")) == "permission denied"


def test_a_full_disk_is_told():
    error = RuntimeError("Job aborted: mara@mail.com\nCaused by: java.io.IOException: No space left on device\n\tat x")
    assert reason(error) == "no space left on the device"


def test_sparks_condition_is_kept():
    class FailedError(Exception):
        def getCondition(self):
            return "CAST_INVALID_INPUT"

    assert reason(FailedError("the value 'mara@mail.com'")) == "CAST_INVALID_INPUT"


def test_times_of_pandas_are_told_with_what_to_do():
    class IllegalError(Exception):
        def getCondition(self):
            return "PARQUET_TYPE_ILLEGAL"

    said = reason(IllegalError("[PARQUET_TYPE_ILLEGAL] Illegal Parquet type: INT64 (TIMESTAMP(NANOS,false))."))
    assert said.startswith("PARQUET_TYPE_ILLEGAL: ")
    assert "coerce_timestamps='us'" in said


def test_names_that_differ_in_case_alone_are_told():
    error = RuntimeError("[COLUMN_ALREADY_EXISTS] The column `mara@mail.com` already exists.")
    assert reason(error).startswith("two columns have one name") and "mara" not in reason(error)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "[FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER] Encountered error while reading file "
            "file:/d/mail=mara@mail.com/part-00000-0a%20b.parquet. Could not read footer.",
            "part-00000-0a b.parquet is cut off, or not of this format: write it again, or take it away",
        ),
        (
            "[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file file:///d/x.orc. It is possible",
            "x.orc is not there any more: write it again, or take it away",
        ),
        (
            "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:///d/mara@mail.com.parquet. SQLSTATE",
            "one of its files can't be read to its end: write it again, or take it away",
        ),
    ],
)
def test_a_file_that_can_not_be_read_is_named(said, told):
    assert reason(RuntimeError(f"Job aborted: {said}\nCaused by: java.io.IOException: mara@mail.com")) == told


def test_our_own_failure_comes_back_from_a_worker():
    text = (
        "An exception was thrown from the Python worker.\nTraceback (most recent call last):\n  File x\n"
        "clearance.errors.DetectionError: the scan stopped with ValueError\nhint: report it\n"
    )
    found = from_worker(RuntimeError(text))
    assert isinstance(found, DetectionError)
    assert (found.message, found.hint) == ("the scan stopped with ValueError", "report it")


def test_failures_cross_processes_with_their_hint():
    error = pickle.loads(pickle.dumps(DatasetError("m", hint="h")))
    assert (type(error), error.message, error.hint) == (DatasetError, "m", "h")


@pytest.mark.parametrize("name", ["mara@mail.com", "4111111111111111", "078-05-1120", "AKIAIOSFODNN7EXAMPLE"])
def test_names_that_are_values(name):
    assert looks_like_a_value(name)


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "address_line_1",
        "2024-01-01",
        "iso_3166_1_alpha_2",
        "md5",
        "x1y2z3w4v5",
        "größe",
        "e.mail",
        "a_1_2_3_4_5",
    ],
)
def test_names_that_are_names(name):
    assert not looks_like_a_value(name)


def test_the_worst_verdict_is_the_exit_code():
    order = [ExitCode.INTERNAL, ExitCode.USAGE, ExitCode.UNDECIDABLE, ExitCode.CONFLICT, ExitCode.ESCALATED]
    for position, code in enumerate(order):
        assert worst([ExitCode.CLEAR, *reversed(order[position:])]) is code
    assert worst([]) is ExitCode.CLEAR
