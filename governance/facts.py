"""What an owner declares of a dataset, and no scan can see."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from clearance.governance.solutions import Names, Text
from clearance.governance.strict_yaml import Strict, validate


def _day(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError("a day is expected, such as '2030-01-31'") from None


#: A day as text: ``2030-01-31``.
Day = Annotated[str, AfterValidator(_day)]


class Facts(Strict):
    """What the owner declares of a dataset. Left out means unknown; an empty list means none."""

    purposes: Names | None = None
    restricted_uses: Names | None = None
    regions: Names | None = None
    environment: Text | None = None
    source: Text | None = None
    reputation: Text | None = None
    legal_basis: Text | None = None
    consent_reference: Text | None = None
    age_groups: Names | None = None
    obsolete_from: Day | None = None
    retention_days: Annotated[int, Field(ge=1)] | None = None


def read_facts(data: Mapping[str, Any], source: str = "facts") -> Facts:
    """Facts from a mapping. Raises PolicyError for an unknown name (listing the known) or a wrong type."""
    return validate(Facts, dict(data), {(): source})
