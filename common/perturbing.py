"""The methods that move a value by a keyed amount (noise addition in ISO/IEC 20889's words): dates and numbers."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from clearance.errors import PolicyError
from clearance.method_spec import Malformed, MethodSpec, Proof, column, malformed, number, one_of, whole

__all__ = ["DateShift", "Noise"]

Distribution = Literal["uniform", "laplace"]
_MOST_STEPS = 1 << 53
"""Of the last decimal, from zero: more than these a 64-bit float can't tell apart."""
_MOST_AMOUNT, _MOST_SCALE = 1 << 31, 1 << 32


@dataclass(frozen=True, slots=True)
class DateShift(MethodSpec):
    """All dates of one subject move by the same keyed number of days, from 1 to ``max_days`` either way.

    ``subject`` is the column that says whose a row is. With ``weeks`` whole weeks, so that weekdays stay.
    """

    name: ClassVar[str] = "date_shift"
    technique: ClassVar[str] = "noise addition"
    needs_key: ClassVar[bool] = True
    self_evident: ClassVar[bool] = False
    proof: ClassVar[Proof] = "recomputation"
    collapses: ClassVar[bool] = True
    max_days: int
    subject: str
    weeks: bool = False
    malformed: Malformed = "fail"

    def __post_init__(self) -> None:
        if type(self.weeks) is not bool:
            raise PolicyError("weeks must be true or false", hint="write weeks: true")
        # Fewer shifts than these can be told apart by one known date.
        whole("max_days", self.max_days, 28 if self.weeks else 7, 3650)
        column("subject", self.subject)
        malformed(self.malformed)

    @property
    def subject_column(self) -> str | None:
        """The column whose value decides the shift."""
        return self.subject


@dataclass(frozen=True, slots=True)
class Noise(MethodSpec):
    """Numbers with keyed random noise added; the same row key gets the same noise at every run.

    Values are first clamped to ``lower`` and ``upper``. ``uniform`` adds at most ``amount`` either way. ``laplace``
    has the stated ``epsilon`` for values that differ by at most ``sensitivity`` (without it: by ``upper - lower``,
    that is for any two values). ``decimals`` is how many the result has. ``row_key`` is the column that tells rows
    apart; rows with an equal one get the same noise.
    """

    name: ClassVar[str] = "noise"
    technique: ClassVar[str] = "noise addition"
    needs_key: ClassVar[bool] = True
    self_evident: ClassVar[bool] = False
    proof: ClassVar[Proof] = "recomputation"
    collapses: ClassVar[bool] = True
    distribution: Distribution
    row_key: str
    lower: int | float
    upper: int | float
    amount: int | float | None = None
    epsilon: int | float | None = None
    sensitivity: int | float | None = None
    decimals: int = 0
    malformed: Malformed = "fail"

    def __post_init__(self) -> None:
        one_of("distribution", self.distribution, get_args(Distribution))
        column("row_key", self.row_key)
        number("lower", self.lower)
        number("upper", self.upper)
        if self.lower >= self.upper:
            raise PolicyError("lower must be less than upper", hint="swap them")
        whole("decimals", self.decimals, 0, 9)
        malformed(self.malformed)
        unit = 10**self.decimals
        if max(abs(self.lower), abs(self.upper)) * unit > _MOST_STEPS:
            raise PolicyError(
                "lower and upper are too large for so many decimals", hint="use fewer decimals or narrower bounds"
            )
        needed, foreign = ("amount", ("epsilon", "sensitivity")), ("epsilon", ("amount",))
        own, others = needed if self.distribution == "uniform" else foreign
        for parameter in others:
            if getattr(self, parameter) is not None:
                raise PolicyError(f"{self.distribution} noise takes no {parameter}", hint=f"it takes {own}")
        number(own, getattr(self, own), positive=True)
        if self.amount is not None and not 1 <= self.amount * unit <= _MOST_AMOUNT:
            raise PolicyError("amount must be at least one step of the last decimal", hint="use more decimals")
        if self.epsilon is not None and not 1 <= (self.upper - self.lower) * unit <= _MOST_SCALE * self.epsilon:
            raise PolicyError(
                "upper - lower must be one step of the last decimal or more, and not billions for each epsilon",
                hint="change decimals, or use a larger epsilon",
            )
        if self.sensitivity is not None:
            number("sensitivity", self.sensitivity, positive=True)
            if self.sensitivity > self.upper - self.lower:
                raise PolicyError(
                    "sensitivity can't be more than upper - lower, which any two values differ by at most",
                    hint="leave it out, and epsilon holds for any two values",
                )

    @property
    def row_key_column(self) -> str | None:
        """The column that tells rows apart."""
        return self.row_key
