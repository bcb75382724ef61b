"""How much of a dataset a scan is to read, as it is asked for."""

import math
from dataclasses import dataclass
from typing import get_args

from clearance.errors import UsageError
from clearance.governance.coverage import Mode

MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class Extent:
    """``full`` reads all, ``sample`` as much as it takes, ``incremental`` what was added since the last scan.

    A sample must find what is present in at least ``prevalence`` of the rows with ``confidence``; both are shares,
    and say nothing to the other modes. Raises ``UsageError`` for an unknown mode and for what no sample can do.
    """

    mode: Mode = "full"
    prevalence: float = 0.001
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"unknown mode {self.mode!r}", hint=f"known modes: {', '.join(MODES)}")
        if not 1e-6 <= self.prevalence < 1 or not 0.5 <= self.confidence < 1:
            raise UsageError(
                "a sample needs a prevalence from 0.000001 to below 1, and a confidence from 0.5 to below 1",
                hint="0.001 and 0.95 mean: what is in one of a thousand rows is found in 95 of 100 samples",
            )

    @property
    def rows(self) -> int:
        """Rows drawn at random of which at least one has it: the least n with ``(1 - prevalence)^n`` small enough."""
        return math.ceil(math.log(1 - self.confidence) / math.log1p(-self.prevalence))


def smallest_found(rows: int, confidence: float) -> float:
    """The smallest share of rows that ``rows`` drawn at random would have shown with ``confidence``."""
    return -math.expm1(math.log(1 - confidence) / rows)


FULL = Extent()
