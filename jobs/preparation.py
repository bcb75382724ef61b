"""Preparation as it is declared: the clean-up that belongs beside tokenization, as steps in the order they are done.

Models only: ``clearance.jobs.prepare`` does them. Each step names its columns, top-level ones, by their names.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from clearance.errors import PolicyError, ProtectionError
from clearance.governance.strict_yaml import Marks, Strict, Version, parse, read_text, validate, where

Text = Annotated[str, Field(min_length=1)]


def as_tuple(value: object) -> object:
    """A YAML list as a tuple; one name stands for a list of one."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[Text, ...], BeforeValidator(as_tuple)]
Some = Annotated[Names, Field(min_length=1)]
Unreadable = Literal["fail", "make_null", "drop_record", "keep"]

_FORMAT = re.compile(r"yyyy|MM?|dd?|HH|mm|ss|[-./ :T,]")
_PARTS = {
    "yyyy": r"(\d{4})",
    "MM": r"(\d{2})",
    "M": r"(\d{1,2})",
    "dd": r"(\d{2})",
    "d": r"(\d{1,2})",
    "HH": r"([01]\d|2[0-3])",
    "mm": r"([0-5]\d)",
    "ss": r"([0-5]\d)",
}


class Step(Strict):
    """One step. ``place`` is the file and line that declare it, empty when Python does."""

    _place: str = PrivateAttr("")

    def at(self, place: str) -> Self:
        """The same step, declared there."""
        copy = self.model_copy()
        copy._place = place
        return copy

    @property
    def place(self) -> str:
        """Where it is declared."""
        return self._place

    def error(self, message: str, *, hint: str) -> PolicyError:
        """A refusal of this step that says where it stands."""
        return PolicyError(f"{self._place}: {message}" if self._place else message, hint=hint)

    def refusal(self, message: str) -> ProtectionError:
        """A failure of this step on values: how many and where, never which."""
        told = f"{self._place}: {message}" if self._place else message
        return ProtectionError(told, hint="correct the data or the step, or declare what is to become of such values")


class OnColumns(Step):
    """A step on values of the columns it names."""

    columns: Some
    #: Whether it works on text only.
    on_text: ClassVar[bool] = True


class Trim(OnColumns):
    """Blanks of any script off both ends; ``collapse`` makes one space of each run of them inside."""

    step: Literal["trim"]
    collapse: bool = False


class Case(OnColumns):
    """All letters lower or upper."""

    step: Literal["case"]
    to: Literal["lower", "upper"]


class Unicode(OnColumns):
    """One form for one text (Unicode Standard Annex 15).

    NFKC also folds full-width letters, ligatures and the like. ``invisible`` takes out control characters (not tab
    and line breaks), soft hyphens, zero-width and direction marks; some scripts and emoji need joiners: say
    ``invisible: keep`` for them.
    """

    step: Literal["unicode"]
    form: Literal["NFC", "NFKC"]
    invisible: Literal["remove", "keep"] = "remove"


class Nulls(OnColumns):
    """Null for texts that say there is no value, compared as they are written."""

    step: Literal["nulls"]
    # Not Names: one marker may well be the empty text.
    markers: Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(min_length=1)]


class Dates(OnColumns):
    """Dates as ISO 8601 text (``2026-01-31``, ``2026-01-31T09:00:00``).

    ``formats`` of yyyy, MM or M, dd or d, HH, mm, ss and separators: a format says which of day and month comes first.
    What is ISO already stays.
    """

    step: Literal["dates"]
    formats: Some
    unreadable: Unreadable = "fail"

    @model_validator(mode="after")
    def _one_reading(self) -> Self:
        for text in self.formats:
            date_pattern(text)
        swap = str.maketrans("dM", "Md")
        loose = {text.replace("dd", "d").replace("MM", "M") for text in self.formats}
        twice = next((text for text in sorted(loose) if text.translate(swap) in loose), None)
        if twice is not None:
            raise ValueError(f"one text can be read by two of these formats, day first and month first ({twice})")
        return self


class Numbers(OnColumns):
    """Numbers as plain text (``-1234.5``), from the marks that are declared; there is nothing else in such a text."""

    step: Literal["numbers"]
    decimal: Literal[".", ","]
    thousands: Literal[".", ",", "'", " ", ""] = ""
    unreadable: Unreadable = "fail"

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("the decimal mark and the thousands mark must differ")
        return self


class Range(OnColumns):
    """What to do with values below ``min`` or above ``max``: numbers or dates, in columns of them or of text.

    Text that is neither is outside. Clamped, it is null: there is no bound it is nearer to.
    """

    step: Literal["range"]
    min: int | float | date | None = None
    max: int | float | date | None = None
    outside: Literal["make_null", "clamp", "drop_record", "fail"]
    on_text: ClassVar[bool] = False

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        bounds = [bound for bound in (self.min, self.max) if bound is not None]
        if not bounds:
            raise ValueError("a range needs min, max or both")
        if len({isinstance(bound, date) for bound in bounds}) > 1:
            raise ValueError("min and max must both be numbers or both be dates")
        low, high = self.min, self.max
        if low is not None and high is not None and low > high:  # type: ignore[operator]
            raise ValueError("min is above max")
        if any(isinstance(bound, float) and bound - bound != 0 for bound in bounds):
            raise ValueError("a bound must be finite: leave it out where there is none")
        return self

    @property
    def of_dates(self) -> bool:
        """Whether the bounds are dates."""
        return isinstance(self.min if self.min is not None else self.max, date)

    def bound(self, which: Literal["min", "max"]) -> Decimal | date | None:
        """A bound, exact: a number as it was written."""
        value = getattr(self, which)
        return value if value is None or isinstance(value, date) else Decimal(str(value))


class Duplicates(Step):
    """One record of those that are equal in ``columns`` (left out: in all, then the records are the same).

    Which one stays is declared: the one with the ``keep`` (first or last) value of ``order``. Records with a null
    among ``columns`` are kept: nobody knows that they are equal.
    """

    step: Literal["duplicates"]
    columns: Annotated[Names, Field(min_length=1)] | None = None
    order: Text | None = None
    keep: Literal["first", "last"] = "last"

    @model_validator(mode="after")
    def _decided(self) -> Self:
        if (self.columns is None) != (self.order is None):
            raise ValueError("columns and order go together: without an order nothing says which record stays")
        return self


class Needed(Step):
    """Only the columns that the purposes need: data minimisation.

    ``by`` says for each purpose which; ``purposes`` which ones the copy is for. Left out: those that the solutions of
    the plan declare.
    """

    step: Literal["needed"]
    by: dict[Text, Some]
    purposes: Some | None = None

    def columns_for(self, purposes: Iterable[str]) -> tuple[str, ...]:
        """The columns of all these purposes. Raises ``PolicyError`` for a purpose that nothing is said about."""
        wanted = self.purposes or tuple(sorted(set(purposes)))
        if not wanted:
            raise self.error(
                "nobody says what the copy is for",
                hint="give the step `purposes`, or let the plan's solutions declare theirs",
            )
        unknown = next((purpose for purpose in wanted if purpose not in self.by), None)
        if unknown is not None:
            raise self.error(
                f"`by` has no columns for the purpose {unknown!r}", hint="add it: what it needs is unknown"
            )
        return tuple(dict.fromkeys(column for purpose in wanted for column in self.by[purpose]))


AnyStep = Annotated[
    Trim | Case | Unicode | Nulls | Dates | Numbers | Range | Duplicates | Needed, Field(discriminator="step")
]
Steps = Annotated[tuple[AnyStep, ...], BeforeValidator(as_tuple)]


class PreparationFile(Strict):
    """Steps in a file of their own, for ``clearance protect --prepare``."""

    version: Version
    prepare: Annotated[Steps, Field(min_length=1)]


def load_preparation(path: str | Path) -> tuple[AnyStep, ...]:
    """The steps in a file. Raises ``PolicyError`` with file and line."""
    data, marks = parse(read_text(Path(path)), str(path))
    return placed(validate(PreparationFile, data, marks).prepare, marks, ("prepare",))


def placed(steps: Sequence[AnyStep], marks: Marks, location: tuple[str | int, ...]) -> tuple[AnyStep, ...]:
    """The steps, each knowing the line it stands on."""
    return tuple(step.at(where(marks, (*location, number))) for number, step in enumerate(steps))


def for_purposes(steps: Sequence[AnyStep], purposes: Mapping[str, Iterable[str] | None]) -> tuple[AnyStep, ...]:
    """The steps with their purposes settled, before anything is read.

    ``purposes``: what each solution declares, None where it says nothing. Raises ``PolicyError``.
    """
    settled: list[AnyStep] = []
    for step in steps:
        if isinstance(step, Needed):
            silent = next((name for name, own in purposes.items() if own is None), None)
            if silent is not None and step.purposes is None:
                raise step.error(
                    f"the solution {silent!r} declares no purposes: what it needs is unknown",
                    hint="declare its purposes, or give the step `purposes`",
                )
            declared = {purpose for own in purposes.values() for purpose in own or ()}
            step.columns_for(declared)
            wanted = step.purposes or tuple(sorted(declared))
            settled.append(step.model_copy(update={"purposes": wanted}))
        else:
            settled.append(step)
    return tuple(settled)


def date_pattern(text: str) -> tuple[str, dict[str, int]]:
    """A format as a regular expression, and the group of each part: y, M, d, and H, m, s where it has them."""
    pieces = _FORMAT.findall(text)
    letters = [piece[0] for piece in pieces if piece in _PARTS]
    if "".join(pieces) != text or len(set(letters)) < len(letters) or not {"y", "M", "d"} <= set(letters):
        raise ValueError(
            f"{text!r} is no date format: yyyy, MM or M, dd or d once each, HH, mm, ss, and separators -./ :T,"
        )
    if ("H" in letters) != ("m" in letters) or ("s" in letters and "m" not in letters):
        raise ValueError(f"{text!r} has half a time of day: HH:mm or HH:mm:ss is one")
    pattern = "".join(_PARTS.get(piece, re.escape(piece)) for piece in pieces)
    return rf"\A{pattern}\z", {letter: number for number, letter in enumerate(letters, 1)}


__all__ = [
    "AnyStep",
    "Case",
    "Dates",
    "Duplicates",
    "Needed",
    "Nulls",
    "Numbers",
    "OnColumns",
    "PreparationFile",
    "Range",
    "Steps",
    "Trim",
    "Unicode",
    "date_pattern",
    "for_purposes",
    "load_preparation",
    "placed",
]
