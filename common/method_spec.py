"""What every declaration of a protection method has in common, and the checks of its parameters."""

import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from clearance.errors import PolicyError

Proof = Literal["keyed-check", "recomputation", "constant", "null", "none"]
Malformed = Literal["fail", "token", "redact"]
MALFORMED: tuple[Malformed, ...] = ("fail", "token", "redact")


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """One method with its parameters, all of them checked: ``clearance.methods.parse_method`` makes one.

    The class says what holds for the method whatever its parameters:

    - ``name``: as a policy writes it. ``technique``: the ISO/IEC 20889:2018 term.
    - ``needs_key``: its output depends on a key.
    - ``self_evident``: what it wrote can be told from what it did not by reading it back (``proof`` says how). Where
      false, only applying it to the source again and comparing proves it, and only the signed record of column, method
      and version tells a second run that the first one happened: a second run without it would change the data again.
    - ``proof``: the proof's name in a policy's de-identification rules.
    - ``collapses``: it may make equal what was not, so keys of maps and of joins must not have it.
    - ``has_way_back``: whoever holds the key can have the value again.

    A spec can be compared, hashed, and pickled to where it is carried out. It holds no key and no value of the data.
    """

    name: ClassVar[str]
    technique: ClassVar[str]
    needs_key: ClassVar[bool] = False
    self_evident: ClassVar[bool] = True
    proof: ClassVar[Proof]
    collapses: ClassVar[bool] = False
    has_way_back: ClassVar[bool] = False

    def settings(self) -> dict[str, Any]:
        """As a plain mapping, JSON-ready and always in the same order: for plans, records and lineage.

        ``parse_method`` reads it back, except for a hierarchy, which is shown by its digest: send the spec itself to
        where it is carried out.
        """
        found: dict[str, Any] = {"name": self.name}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.repr and value is not None and value != ():
                found[field.name] = list(value) if isinstance(value, tuple) else value
        return found

    @property
    def subject_column(self) -> str | None:
        """Path of the column that names whom a row is about, if the method needs to know."""
        return None

    @property
    def on_malformed(self) -> Malformed:
        """What becomes of a value that the method can't read. Methods without a say read all there is."""
        found: Malformed = getattr(self, "malformed", "token")
        return found

    @property
    def row_key_column(self) -> str | None:
        """Path of the column whose values tell rows apart, if the method needs to know."""
        return None

    def check_type(self, entity_type: str) -> None:
        """Raises ``PolicyError`` when the method can't protect values of this type. Call it when a policy is read."""


def one_of(parameter: str, value: object, allowed: Collection[str]) -> None:
    """Raises ``PolicyError`` unless ``value`` is one of the allowed words."""
    if not isinstance(value, str) or value not in allowed:
        raise PolicyError(f"{parameter} can't be {value!r}", hint=f"use one of {', '.join(allowed)}")


def whole(parameter: str, value: object, low: int, high: int) -> None:
    """Raises ``PolicyError`` unless ``value`` is a whole number from ``low`` to ``high``."""
    if type(value) is not int or not low <= value <= high:
        raise PolicyError(f"{parameter} must be a whole number from {low} to {high}", hint="correct the number")


def number(parameter: str, value: object, *, positive: bool = False) -> None:
    """Raises ``PolicyError`` unless ``value`` is a finite number, above zero if asked for."""
    if type(value) not in (int, float) or not math.isfinite(value) or (positive and value <= 0):  # type: ignore[arg-type, operator]
        wanted = "a number above 0" if positive else "a number"
        raise PolicyError(f"{parameter} must be {wanted}", hint="write it without quotes, such as 10 or 0.5")


def column(parameter: str, value: object) -> None:
    """Raises ``PolicyError`` unless ``value`` can be the path of a column."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise PolicyError(
            f"{parameter} must be the path of a column", hint="use the column's name, such as customer_id"
        )


def malformed(value: object) -> None:
    """Raises ``PolicyError`` unless ``value`` says what becomes of a malformed value."""
    if value not in MALFORMED:
        raise PolicyError(
            f"{value!r} is not what can become of a malformed value", hint=f"use one of {', '.join(MALFORMED)}"
        )
