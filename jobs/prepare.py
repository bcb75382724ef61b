"""Preparation: declared clean-up of a dataset, before it is scanned and protected.

The steps are expressions of Spark over the opened frame: the source is only read, nothing is materialised, and what
is scanned, labelled and proved is the prepared data. No conversion can fail on a value (an ANSI cast would carry it
into the error): what can't be read is null, and counted.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clearance.governance.strict_yaml import suggest
from clearance.jobs import records
from clearance.jobs.cleaning import cleaned
from clearance.jobs.datasets import CORRUPT, Dataset
from clearance.jobs.desk import Desk
from clearance.jobs.duplicates import SameRecords, without_duplicates
from clearance.jobs.failures import value_free
from clearance.jobs.preparation import AnyStep, Duplicates, Needed, OnColumns, Range
from clearance.jobs.preparation_words import words
from clearance.jobs.references import Reference
from clearance.jobs.schema import carried, is_record_column
from clearance.paths import sql_name

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructField, StructType

PREPARED = "preparation"
"""The purpose under which the steps of a protection are signed with the key ring."""
_TEXT = ("string", "char", "varchar")
_INTEGERS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_CHANGED, _NULLED, _REFUSED, _DROPPED = 1, 2, 3, 4


@dataclass(slots=True)
class StepDone:
    """What one step did: counts only. ``columns``: values changed, nulls made, values refused, by column."""

    step: str
    columns: dict[str, dict[str, int]] = field(default_factory=dict)
    dropped: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"step": self.step, "columns": self.columns, "records_dropped": self.dropped}


def prepare(spark: "SparkSession", dataset: Dataset, steps: Sequence[AnyStep], desk: Desk) -> Dataset:
    """The dataset as the steps make it, for ``scan`` and ``protect``; counted in one pass over what they touch.

    It goes by a name of its own: a label of prepared data must never stand for its source. Raises ``PolicyError`` for
    steps that don't fit its columns before any value is read, ``ProtectionError`` for values that a step refuses.
    """
    require_fit(steps, dataset.frame.schema)
    work = _Work(dataset, steps, desk, os.urandom(16))
    with desk.run("prepare", dataset.key, spark=spark, inputs=[records.source_of(dataset)]) as run:
        with value_free(f"preparing {dataset.reference.text}", hint="check that all its files can be read"):
            done = work.count()
        run.facts = {"prepared": [step.to_dict() for step in done]}
        for step, counted in zip(steps, done, strict=True):
            refused = {name: own["refused"] for name, own in counted.columns.items() if own["refused"]}
            if refused:
                told = ", ".join(f"{count:,} in {name}" for name, count in refused.items())
                raise step.refusal(f"{counted.step}: it does not take {told}")
    frame = work.frame(len(steps))
    names = set(frame.columns)
    return replace(
        dataset,
        reference=Reference(f"frame:{dataset.key} (prepared)"),
        frame=frame,
        partitions=tuple(name for name in dataset.partitions if name in names),
        origin=dataset,
        preparation=tuple(steps),
        prepared=tuple(step.to_dict() for step in done),
    )


def declared(steps: Sequence[AnyStep]) -> bytes:
    """The steps as octets, for a signature: bounds and markers may be somebody's, so that no plain digest will do."""
    told = [step.model_dump(mode="json") for step in steps]
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


@dataclass(frozen=True, slots=True)
class _Work:
    """One preparation under way."""

    dataset: Dataset
    steps: Sequence[AnyStep]
    desk: Desk
    salt: bytes

    def frame(self, upto: int) -> "DataFrame":
        """The data after the first ``upto`` steps."""
        frame = self.dataset.frame
        for step in self.steps[:upto]:
            frame = self._after(frame, step)
        return frame

    def _after(self, frame: "DataFrame", step: AnyStep) -> "DataFrame":
        if isinstance(step, Needed):
            return frame.select(*(sql_name(name) for name in _kept(step, frame)))
        if isinstance(step, Duplicates):
            return without_duplicates(_without_record_columns(frame), self._same(step, frame))
        for name in step.columns:
            outcome = cleaned(step, frame.schema[name])
            if outcome.drop is not None:
                frame = frame.where(~outcome.drop)
            frame = with_column(frame, name, outcome.value)
        return frame

    def _same(self, step: Duplicates, frame: "DataFrame") -> SameRecords:
        names = _without_record_columns(frame).columns
        columns = tuple(names.index(name) for name in step.columns or ())
        order = None if step.order is None else names.index(step.order)
        return SameRecords(self.desk.tokens(), self.salt, columns, order, step.keep == "last", step.place)

    def count(self) -> list[StepDone]:
        """What each step does. One pass for all steps up to one that drops duplicates, one more after each of these."""
        done = [StepDone(words(step)) for step in self.steps]
        before: tuple[int, int] | None = None
        for first, end in _stretches(self.steps):
            rows = self._count(first, end, done[first:end])
            if before is not None:
                number, there = before
                done[number].dropped = there - rows.before
            before = (end, rows.after) if end < len(self.steps) else None
        return done

    def _count(self, first: int, end: int, done: Sequence[StepDone]) -> "_Rows":
        from pyspark.sql import functions as F

        frame = self.frame(first)
        gone = F.lit(False)
        sums: list[Column] = [F.count(F.lit(1)).alias("rows")]
        marks: list[tuple[int, str]] = []
        frame = frame.withColumn(_GONE, gone)
        for number, step in enumerate(self.steps[first:end]):
            if isinstance(step, Needed):
                frame = frame.select(*(sql_name(name) for name in _kept(step, frame)), *_hidden(frame))
                continue
            assert isinstance(step, OnColumns)
            for name in step.columns:
                frame, mark = _marked(frame, step, name, f"{_MARK}{len(marks)}")
                marks.append((number, name))
                sums += [F.count_if(F.col(mark) == code).alias(f"{mark}_{code}") for code in _CODES]
        found = frame.select(*sums, F.count_if(~F.col(_GONE)).alias("left")).collect()[0]
        for index, (number, name) in enumerate(marks):
            changed, nulled, refused, dropped = (found[f"{_MARK}{index}_{code}"] for code in _CODES)
            done[number].columns[name] = {"changed": changed, "nulls_made": nulled, "refused": refused}
            done[number].dropped += dropped
        return _Rows(found["rows"], found["left"])


_GONE, _MARK = "_clearance_gone", "_clearance_mark_"
_CODES = (_CHANGED, _NULLED, _REFUSED, _DROPPED)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Records before and after some steps."""

    before: int
    after: int


def _stretches(steps: Sequence[AnyStep]) -> Iterator[tuple[int, int]]:
    """(first, end) of the steps between those that drop duplicates; the last may be empty: its records are counted."""
    first = 0
    for number, step in enumerate(steps):
        if isinstance(step, Duplicates):
            yield first, number
            first = number + 1
    yield first, len(steps)


def _marked(frame: "DataFrame", step: OnColumns, name: str, mark: str) -> "tuple[DataFrame, str]":
    """The frame after a step on one column, and beside it what the step did to each record that is still there."""
    from pyspark.sql import functions as F

    old, gone = F.col(sql_name(name)), F.col(_GONE)
    outcome = cleaned(step, frame.schema[name])
    new = outcome.value
    code = F.when(old.isNotNull() & new.isNull(), _NULLED).when(~old.eqNullSafe(new), _CHANGED).otherwise(0)
    if outcome.refused is not None:
        code = F.when(outcome.refused, _REFUSED).otherwise(code)
    if outcome.drop is not None:
        code = F.when(outcome.drop, _DROPPED).otherwise(code)
    columns = [F.col(sql_name(each)) for each in frame.columns if each not in (name, _GONE)]
    left = gone if outcome.drop is None else gone | outcome.drop
    marked = F.when(gone, 0).otherwise(code)
    return frame.select(*columns, new.alias(name), left.alias(_GONE), marked.alias(mark)), mark


def _hidden(frame: "DataFrame") -> list[str]:
    return [name for name in frame.columns if name == _GONE or name.startswith(_MARK)]


def with_column(frame: "DataFrame", name: str, value: "Column") -> "DataFrame":
    """The frame with one column's values replaced: its place and comment stay, its varchar length does not."""
    from pyspark.sql import functions as F

    columns = []
    for own in frame.schema.fields:
        if own.name == name:
            kept = {k: v for k, v in (own.metadata or {}).items() if k == "comment"}
            columns.append(value.alias(name, metadata=kept))
        else:
            columns.append(F.col(sql_name(own.name)))
    return frame.select(*columns)


def _kept(step: Needed, frame: "DataFrame") -> list[str]:
    """In the frame's order. The text of malformed records is no column of the data, and stays to be judged."""
    wanted = {*step.columns_for(()), CORRUPT}
    return [name for name in frame.columns if name in wanted]


def _without_record_columns(frame: "DataFrame") -> "DataFrame":
    return frame.drop(*(own.name for own in frame.schema.fields if is_record_column(own)))


def require_fit(steps: Sequence[AnyStep], schema: "StructType") -> None:
    """Raises ``PolicyError``, with the line of the step, for a column that is not there then or of another type."""
    columns = {own.name: own for own in schema.fields if not own.name.startswith("_clearance_")}
    for step in steps:
        if isinstance(step, Needed):
            named = dict.fromkeys(name for each in step.by.values() for name in each)
            for name in named:
                _there(step, name, columns)
            wanted = {*step.columns_for(()), CORRUPT}
            columns = {name: own for name, own in columns.items() if name in wanted}
        elif isinstance(step, Duplicates):
            _require_comparable(step, columns)
        else:
            for name in step.columns:
                _require_type(step, _there(step, name, columns))


def _there(step: AnyStep, name: str, columns: "dict[str, StructField]") -> "StructField":
    if name not in columns:
        raise step.error(f"{step.step}: there is no column {name!r} at this step", hint=suggest(name, columns))
    return columns[name]


def _require_comparable(step: Duplicates, columns: "dict[str, StructField]") -> None:
    for name in step.columns or ():
        _there(step, name, columns)
    for own in columns.values():
        if not carried(own.dataType):
            raise step.error(
                f"duplicates: column {own.name!r} ({own.dataType.simpleString()}) can't be compared",
                hint="leave the column out before, with a step `needed`",
            )
    if step.order is not None:
        kind = _there(step, step.order, columns).dataType.simpleString()
        if kind.startswith(("struct", "array", "map", "binary", "boolean")):
            raise step.error(f"duplicates: {step.order!r} ({kind}) is no order", hint="name a number, date or text")


def _require_type(step: OnColumns, own: "StructField") -> None:
    kind = own.dataType.simpleString()
    text = kind.startswith(_TEXT)
    if step.on_text and not text:
        raise step.error(f"column {own.name!r} is {kind}: this step is for text", hint="take it out of the step")
    if not isinstance(step, Range) or text:
        return
    of_dates = kind.startswith(("date", "timestamp"))
    if not of_dates and kind not in (*_INTEGERS, "float", "double") and not kind.startswith("decimal"):
        raise step.error(f"column {own.name!r} is {kind}: it has no range", hint="take it out of the step")
    if of_dates != step.of_dates:
        raise step.error(
            f"column {own.name!r} is {kind}, and the bounds are {'dates' if step.of_dates else 'numbers'}",
            hint="write bounds of its own kind: 0, 1.5 or 2026-01-31",
        )
    if step.outside == "clamp":
        for bound in (step.bound("min"), step.bound("max")):
            if bound is not None and not fits(bound, kind):
                raise step.error(
                    f"column {own.name!r} is {kind}: a bound can't be written in it",
                    hint="clamp to a value it can hold",
                )


def fits(bound: Decimal | date, kind: str) -> bool:
    """Whether a column of this type can hold a bound exactly."""
    if not isinstance(bound, Decimal):
        return True
    if kind in _INTEGERS:
        limit = 2 ** (_INTEGERS[kind] - 1)
        return bound == bound.to_integral_value() and -limit <= bound < limit
    if kind.startswith("decimal"):
        precision, scale = map(int, kind[len("decimal(") : -1].split(","))
        return bound == round(bound, scale) and abs(bound) < Decimal(10) ** (precision - scale)
    return True


__all__ = ["StepDone", "prepare", "require_fit"]
