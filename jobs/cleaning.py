"""What each step of a preparation does to the values of a column: Column in, Column out. Nulls stay null."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import ProtectionError
from clearance.jobs.preparation import (
    Case,
    Dates,
    Nulls,
    Numbers,
    OnColumns,
    Range,
    Trim,
    Unicode,
    Unreadable,
    date_pattern,
)
from clearance.paths import sql_name

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import StructField

# Java's regular expressions: (?U) makes \s the Unicode property White_Space.
_ENDS = r"(?U)\A\s+|\s+\z"
_BLANKS = r"(?U)\s+"
# Cc without tab, line feed and carriage return; soft hyphen; Mongolian vowel separator; zero-width characters and
# direction marks; word joiner and invisible operators; isolates; byte order mark.
_INVISIBLE = (
    r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F\u00AD\u180E\u200B-\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]"
)
_ISO = r"\A(\d{4})-(\d{2})-(\d{2})(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d)?\z"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a column: its new values; which make the step fail; which drop their record. None: none."""

    value: "Column"
    refused: "Column | None" = None
    drop: "Column | None" = None


def cleaned(step: OnColumns, column: "StructField") -> Outcome:
    """What a step makes of a column that fits it."""
    from pyspark.sql import functions as F

    old = F.col(sql_name(column.name))
    match step:
        case Trim():
            trimmed = F.regexp_replace(old, _ENDS, "")
            return Outcome(F.regexp_replace(trimmed, _BLANKS, " ") if step.collapse else trimmed)
        case Case():
            return Outcome(F.lower(old) if step.to == "lower" else F.upper(old))
        case Unicode():
            formed = _normalizer(step.form)(old)
            return Outcome(F.regexp_replace(formed, _INVISIBLE, "") if step.invisible == "remove" else formed)
        case Nulls():
            return Outcome(F.when(~old.isin(*step.markers), old))
        case Dates():
            return _read(old, _iso_date(old, step), step.unreadable)
        case Numbers():
            return _read(old, _plain_number(old, step), step.unreadable)
        case Range():
            return _in_range(old, step, column.dataType.simpleString())
        case _:
            raise TypeError(f"{type(step).__name__} is not a step on values")


def _read(old: "Column", read: "Column", unreadable: Unreadable) -> Outcome:
    """A text that was read as something, or what is to become of it."""
    from pyspark.sql import functions as F

    bad = old.isNotNull() & read.isNull()
    match unreadable:
        case "make_null":
            return Outcome(read)
        case "keep":
            return Outcome(F.coalesce(read, old))
        case "drop_record":
            return Outcome(F.coalesce(read, old), drop=bad)
        case "fail":
            return Outcome(F.coalesce(read, old), refused=bad)


def _iso_date(old: "Column", step: Dates) -> "Column":
    from pyspark.sql import functions as F

    found = [_by_format(old, text) for text in step.formats]
    day = _day(*(F.regexp_extract(old, _ISO, group) for group in (1, 2, 3)))
    return F.coalesce(*found, F.when(F.regexp_like(old, F.lit(_ISO)) & day.isNotNull(), old))


def _by_format(old: "Column", text: str) -> "Column":
    """ISO text of what matches a format and is a day of the calendar, else null."""
    from pyspark.sql import functions as F

    pattern, groups = date_pattern(text)
    part = {letter: F.regexp_extract(old, pattern, group) for letter, group in groups.items()}
    iso = _day(part["y"], part["M"], part["d"])
    if "H" in part:
        iso = F.concat(iso, F.lit("T"), part["H"], F.lit(":"), part["m"], F.lit(":"), part.get("s", F.lit("00")))
    return F.when(F.regexp_like(old, F.lit(pattern)), iso)


def _day(year: "Column", month: "Column", day: "Column") -> "Column":
    """``yyyy-MM-dd`` of digits, null where the calendar has no such day. No time zone is asked."""
    from pyspark.sql import functions as F

    zero = F.lit(0)
    # Not try_to_date: it reads more than it is shown, and a format's letters mean more than they say.
    made = F.try_make_timestamp_ntz(year.try_cast("int"), month.try_cast("int"), day.try_cast("int"), zero, zero, zero)
    return made.cast("date").cast("string")


def _plain_number(old: "Column", step: Numbers) -> "Column":
    from pyspark.sql import functions as F

    mark, group = (
        {".": r"\.", ",": ",", "'": "'", " ": "[ \\u00A0\\u202F]", "": ""}[m] for m in (step.decimal, step.thousands)
    )
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+|\d+" if group else r"\d+"
    pattern = rf"\A([+-]?)({whole})(?:{mark}(\d+))?\z"
    sign, digits, rest = (F.regexp_extract(old, pattern, number) for number in (1, 2, 3))
    plain = F.concat(
        F.when(sign == "-", "-").otherwise(""),
        F.regexp_replace(digits, r"\D", ""),
        F.when(rest != "", F.concat(F.lit("."), rest)).otherwise(""),
    )
    return F.when(F.regexp_like(old, F.lit(pattern)), plain)


def _in_range(old: "Column", step: Range, kind: str) -> Outcome:
    from pyspark.sql import functions as F

    low, high = step.bound("min"), step.bound("max")
    text = kind.startswith(("string", "char", "varchar"))
    value = old.try_cast("date" if step.of_dates else "decimal(38,10)") if text else old
    below = F.lit(False) if low is None else value < F.lit(low)
    above = F.lit(False) if high is None else value > F.lit(high)
    neither = value.isNull() if text else F.isnan(value) if kind in ("float", "double") else F.lit(False)
    outside = old.isNotNull() & (neither | F.coalesce(below | above, F.lit(False)))
    match step.outside:
        case "make_null":
            return Outcome(F.when(~outside, old))
        case "drop_record":
            return Outcome(old, drop=outside)
        case "fail":
            return Outcome(old, refused=outside)
        case "clamp":
            clamped = F.when(outside & neither, None)
            for bound, beyond in ((low, below), (high, above)):
                if bound is not None:
                    clamped = clamped.when(outside & beyond, F.lit(_written(bound) if text else bound).cast(kind))
            return Outcome(clamped.otherwise(old))


def _written(bound: Any) -> str:
    return format(bound, "f") if hasattr(bound, "as_tuple") else bound.isoformat()


@lru_cache
def _normalizer(form: str) -> Any:
    from pyspark.sql.pandas import functions

    arrow_udf: Any = functions.arrow_udf  # its stub wants the kind that it finds out by itself
    return arrow_udf(_nfc if form == "NFC" else _nfkc, "string")


def _nfc(values: pa.Array) -> pa.Array:
    return normal(values, "NFC")


def _nfkc(values: pa.Array) -> pa.Array:
    return normal(values, "NFKC")


def normal(values: pa.Array, form: str) -> pa.Array:
    """Text in a normal form. What is no UTF-8 stays as it is: it has none. Raises nothing that holds a value."""
    try:
        return pc.utf8_normalize(values, form)
    except pa.ArrowInvalid:
        octets = values.cast(pa.large_binary()).to_pylist()
        return pa.array([_one(each, form) for each in octets], pa.binary()).view(pa.string())
    except Exception as error:
        raise ProtectionError(
            f"normalising text stopped with {type(error).__name__}", hint="report it with the column's shape"
        ) from None


def _one(octets: bytes | None, form: str) -> bytes | None:
    try:
        return octets if octets is None else unicodedata.normalize(form, octets.decode()).encode()  # type: ignore[arg-type]
    except UnicodeDecodeError:
        return octets
