"""The rules of a check as a policy writes them, which of them may be waived, and the key that settles each."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from clearance.governance.solutions import Names, Text, Usage
from clearance.governance.strict_yaml import Strict


class HostingRule(Strict):
    """The highest level each kind of hosting may be given."""

    public: Text
    vendor: Text
    private: Text


class SampledScans(Strict):
    """What a scan of a sample must at least have proved: to find what is in such a share of rows, how surely."""

    prevalence: Annotated[float, Field(gt=0, lt=1)]
    confidence: Annotated[float, Field(ge=0.5, lt=1)]


class SourceRule(Strict):
    """Where data may come from: by the source's name, by its reputation, or both."""

    approved: Names | None = None
    reputation: Names | None = None

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if self.approved is None and self.reputation is None:
            raise ValueError("a rule about sources names those that are approved, their reputation, or both")
        return self


class WaiverRule(Strict):
    """How long a waiver may last, and for which rules there may be one; without ``rules``: for all that have any."""

    max_days: Annotated[int, Field(ge=0)] = 365
    rules: Names | None = None


class Rules(Strict):
    """The closed set of rules of a check. ``level`` and ``combination`` have no settings and can't be turned off.

    ``text_without_model``: text in which no model looked for names and places may be cleared all the same.
    ``sampled_scans``: a dataset of which only a sample was scanned may be cleared if the sample proved this much.
    ``derived_labels``: a dataset that nobody scanned may be cleared by the label that its lineage gives it.
    ``approval``: a dataset that nobody approved is escalated.
    ``manifest``: a dataset whose manifest is not given is undecidable.
    """

    hosting: HostingRule
    regimes: bool
    usage: dict[Usage, Names]
    regions: bool = False
    purposes: bool = False
    text_without_model: bool = False
    sampled_scans: SampledScans | None = None
    derived_labels: bool = False
    approval: bool = False
    manifest: bool = False
    environments: dict[Text, Names] = Field(default_factory=dict)
    restricted_uses: bool = False
    stores: dict[Text, Text] = Field(default_factory=dict)
    sources: SourceRule | None = None
    obsolescence: bool = False
    retention: bool = False
    consent: dict[Usage, Names] = Field(default_factory=dict)
    age_groups: dict[Usage, Names] = Field(default_factory=dict)
    needs: dict[Text, Names] = Field(default_factory=dict)
    waivers: WaiverRule = WaiverRule()


#: The key under ``rules`` of a policy that each rule of a check is settled by.
RULE_SECTIONS = {
    "hosting": "hosting",
    "regime": "regimes",
    "usage": "usage",
    "purpose": "purposes",
    "restricted-use": "restricted_uses",
    "region": "regions",
    "environment": "environments",
    "store": "stores",
    "source": "sources",
    "obsolescence": "obsolescence",
    "retention": "retention",
    "consent": "consent",
    "age-group": "age_groups",
    "need": "needs",
}
#: Rules whose objections a person may let pass for a time. ``state`` and ``part`` are not among them.
WAIVABLE = frozenset({"level", "combination", "declaration", *RULE_SECTIONS})
