"""Declarations of the ways to generalize: a value is replaced by a coarser one that is still true of it."""

import csv
import hashlib
import io
import json
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from clearance.errors import PolicyError
from clearance.method_spec import Malformed, MethodSpec, Proof, malformed, number, one_of, whole

DateUnit = Literal["month", "quarter", "year", "age_band"]
MAX_HIERARCHY_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Generalize(MethodSpec):
    """What all kinds share. ``malformed``: what becomes of a value that the kind can't read, the empty one included."""

    name: ClassVar[str] = "generalize"
    technique: ClassVar[str] = "generalization"
    self_evident: ClassVar[bool] = False
    proof: ClassVar[Proof] = "recomputation"
    collapses: ClassVar[bool] = True
    kind: ClassVar[str]

    def settings(self) -> dict[str, Any]:
        """As ``MethodSpec.settings``, with the kind."""
        found = MethodSpec.settings(self)
        return {"name": found.pop("name"), "kind": self.kind, **found}


@dataclass(frozen=True, slots=True)
class Bins(Generalize):
    """Numbers to intervals of equal width: with ``width: 10`` 37 becomes ``[30, 40)``.

    ``origin`` is an edge of some interval. Below ``lower`` all become ``<18``, from ``upper`` on ``>=90``: without
    them a lone large value stands in an interval of its own.
    """

    kind: ClassVar[str] = "bins"
    width: int | float
    origin: int | float = 0
    lower: int | float | None = None
    upper: int | float | None = None
    malformed: Malformed = "fail"

    def __post_init__(self) -> None:
        number("width", self.width, positive=True)
        number("origin", self.origin)
        _limits(self.lower, self.upper)
        for parameter, limit in (("lower", self.lower), ("upper", self.upper)):
            # An interval cut by a limit would say more than its width promises.
            if limit is not None and (Fraction(str(limit)) - Fraction(str(self.origin))) % Fraction(str(self.width)):
                raise PolicyError(
                    f"{parameter} must be the edge of an interval", hint="use origin and some whole number of widths"
                )
        malformed(self.malformed)


@dataclass(frozen=True, slots=True)
class TopBottom(Generalize):
    """Top and bottom coding: numbers below ``lower`` become ``<18``, those above ``upper`` ``>89``; the rest stay.

    What stays is shown as it is, so this is for the few extreme values of a column whose others are no secret.
    """

    kind: ClassVar[str] = "top_bottom"
    lower: int | float | None = None
    upper: int | float | None = None
    malformed: Malformed = "fail"

    def __post_init__(self) -> None:
        if self.lower is None and self.upper is None:
            raise PolicyError("top_bottom needs lower or upper", hint="name the number beyond which values are coded")
        _limits(self.lower, self.upper)
        malformed(self.malformed)


@dataclass(frozen=True, slots=True)
class Dates(Generalize):
    """Dates and timestamps to a ``month`` (``1990-03``), ``quarter`` (``1990-Q1``), ``year`` (``1990``), or an
    ``age_band``: whole years from the date to ``reference``, in bands of ``width`` years (``[30, 40)``), all from
    ``upper`` on in one (``>=90``). Written as ISO 8601 or as people do; what may be two days (``03/04/1990``) is read
    where both give the same.

    The reference date is stated, never today: the same data gives the same result tomorrow. Dates after it are
    malformed.
    """

    kind: ClassVar[str] = "date"
    to: DateUnit
    width: int | None = None
    reference: str | None = None
    upper: int | None = None
    malformed: Malformed = "fail"

    def __post_init__(self) -> None:
        one_of("to", self.to, get_args(DateUnit))
        malformed(self.malformed)
        if self.to != "age_band":
            if self.width is not None or self.reference is not None or self.upper is not None:
                raise PolicyError(
                    f"to: {self.to} takes no width, reference or upper", hint="they belong to to: age_band"
                )
            return
        whole("width", self.width, 1, 100)
        if self.upper is not None:
            whole("upper", self.upper, 1, 150)
            if self.upper % (self.width or 1):
                raise PolicyError("upper must be a whole number of widths", hint="such as 90 with bands of 10 years")
        try:
            date.fromisoformat(self.reference or "")
        except (TypeError, ValueError):
            raise PolicyError(
                "reference must be the date that ages are counted to", hint="write it as 2026-01-01"
            ) from None


@dataclass(frozen=True, slots=True)
class Postal(Generalize):
    """Postal codes: the first ``keep`` letters and digits stay, the others become ``*`` (``94107`` -> ``941**``)."""

    kind: ClassVar[str] = "postal"
    keep: int
    malformed: Malformed = "fail"

    def __post_init__(self) -> None:
        whole("keep", self.keep, 0, 8)
        malformed(self.malformed)


@dataclass(frozen=True, slots=True)
class Ip(Generalize):
    """IP addresses to the network they are in: ``10.1.2.3`` -> ``10.1.0.0/16``; prefix lengths in bits."""

    kind: ClassVar[str] = "ip"
    prefix_v4: int = 16
    prefix_v6: int = 48
    malformed: Malformed = "fail"

    def __post_init__(self) -> None:
        whole("prefix_v4", self.prefix_v4, 0, 31)
        whole("prefix_v6", self.prefix_v6, 0, 127)
        malformed(self.malformed)


@dataclass(frozen=True, slots=True)
class Hierarchy(Generalize):
    """Values to the ``level``-th column of a hierarchy file, as ARX writes them: ``value;level 1;level 2;...``.

    ``table`` is the file's content at this level, as pairs; settings show ``digest`` (SHA-256 of those pairs) in its
    place, for a hierarchy lists values of the data. A value that the file does not list is malformed.
    ``Hierarchy.read`` makes one from a file.
    """

    kind: ClassVar[str] = "hierarchy"
    level: int
    table: tuple[tuple[str, str], ...] = field(repr=False)
    digest: str = field(init=False)
    malformed: Malformed = "fail"

    def __post_init__(self) -> None:
        whole("level", self.level, 1, 64)
        malformed(self.malformed)
        content = json.dumps(self.table, ensure_ascii=True, separators=(",", ":")).encode()
        object.__setattr__(self, "digest", hashlib.sha256(content).hexdigest())

    def __hash__(self) -> int:
        return hash((self.digest, self.level, self.malformed))

    @classmethod
    def read(cls, path: Path, level: int, malformed: Malformed = "fail") -> "Hierarchy":
        """From a CSV file in UTF-8, with semicolons, or commas where its first line has no semicolon.

        Raises ``PolicyError`` for a file that can't be read, has rows of different lengths, the level not, a value
        twice, or at this level the values themselves.
        """
        whole("level", level, 1, 64)
        rows = _rows_of(path)
        table: dict[str, str] = {}
        for line, row in enumerate(rows, 1):
            if len(row) != len(rows[0]) or len(row) <= level:
                raise PolicyError(
                    f"{path}:{line}: the row has {len(row)} columns: line 1 has {len(rows[0])}, and level {level} "
                    f"needs {level + 1}",
                    hint="write each row as value;level 1;level 2;...",
                )
            if table.setdefault(row[0], row[level]) != row[level]:
                raise PolicyError(f"{path}:{line}: the value stands in another line too", hint="list each value once")
        if all(value == coarser for value, coarser in table.items()):
            raise PolicyError(
                f"{path}: level {level} is the values themselves: it hides nothing",
                hint="the first column is the value, the next one level 1: name a higher level",
            )
        return cls(level=level, table=tuple(sorted(table.items())), malformed=malformed)


def _rows_of(path: Path) -> list[list[str]]:
    try:
        octets = path.read_bytes()
        text = octets.decode("utf-8-sig")
    except OSError as error:
        raise PolicyError(
            f"{path}: the hierarchy can't be read: {error.strerror}", hint="name a CSV file beside the policy"
        ) from None
    except UnicodeDecodeError:
        raise PolicyError(f"{path}: the hierarchy is no UTF-8 text", hint="save it as UTF-8") from None
    if len(octets) > MAX_HIERARCHY_BYTES:
        raise PolicyError(f"{path}: the hierarchy is larger than 16 MiB", hint="generalize by bins or a prefix instead")
    first = text.partition("\n")[0]
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=";" if ";" in first else ",") if row]
    except csv.Error as error:
        raise PolicyError(f"{path}: the hierarchy is no CSV: {error}", hint="write value;level 1;level 2") from None
    if not rows:
        raise PolicyError(f"{path}: the hierarchy is empty", hint="write each row as value;level 1;level 2;...")
    return rows


def _limits(lower: object, upper: object) -> None:
    for parameter, value in (("lower", lower), ("upper", upper)):
        if value is not None:
            number(parameter, value)
    if isinstance(lower, int | float) and isinstance(upper, int | float) and lower >= upper:
        raise PolicyError("lower must be less than upper", hint="swap them")


KINDS: dict[str, type[Generalize]] = {kind.kind: kind for kind in (Bins, TopBottom, Dates, Postal, Ip, Hierarchy)}
