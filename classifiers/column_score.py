"""How probable it is that a column is of an entity type: evidence added up in log-odds, each piece by name.

``column_weights.yaml`` says what each piece counts and why, and how the sum is calibrated. The explanation of a verdict
is the terms that were added.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from clearance.classifiers.findings import Term
from clearance.classifiers.names import NameRule, comment_rules, look_alike, name_matches, names_an_aspect
from clearance.classifiers.nobody import names_nobody
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.surroundings import ALONE, Surroundings
from clearance.classifiers.type_counts import TypeCounts
from clearance.classifiers.yaml_files import packaged

#: What a trait says of values, in words for whoever asks why.
TELLS = {
    "account": "read like account numbers",
    "addressish": "read like addresses",
    "age": "are ages or age ranges",
    "at": "hold an @",
    "age_fraction": "are ages with decimals",
    "bic": "read like bank identifier codes",
    "card": "are as long as card numbers",
    "code": "read like codes",
    "date": "are dates",
    "fullname": "read like full names",
    "given_name": "are usual given names",
    "gender_word": "are words for a gender",
    "handle": "read like user names",
    "housed": "read like streets with house numbers",
    "iban": "read like IBANs",
    "initialled": "read like names with initials",
    "ip": "read like IP addresses",
    "mac": "read like MAC addresses",
    "nine": "have nine digits",
    "personish": "read like names of people",
    "phone": "read like phone numbers",
    "phone_formatted": "are written like phone numbers",
    "plate": "read like number plates",
    "secretish": "read like secrets",
    "short": "are short",
    "somebody": "begin or end with a usual given name, or begin with a form of address",
    "ssn": "read like social security numbers",
    "street": "read like street addresses",
    "surname": "are usual family names",
    "wordish": "are words",
    "vin": "read like vehicle identification numbers",
    "vin_checked": "have a VIN's check digit",
}
#: A checksum is judged from so many numbers on.
_LEAST_CHECKED = 8
#: Few different values are no sign of anything in fewer rows than this.
_LEAST_REPEATING = 20
_FEW, _NEARLY_ALL = 0.02, 0.95
#: Columns beside one called "name" that are about a person, for it to be that person's, whatever its form.
_AMONG_PEOPLE = 3
#: Least share of different values in what tells one person from another, for some appear twice.
_MOSTLY_DISTINCT = 0.8


@dataclass(frozen=True, slots=True)
class Weight:
    """What a piece of evidence counts in log-odds, and the bounds of what it counts where it comes in degrees."""

    weight: float
    least: float = -math.inf
    most: float = math.inf


@dataclass(frozen=True, slots=True)
class Model:
    """``column_weights.yaml``, read."""

    calibration: tuple[tuple[float, float], ...]
    decision: float
    evidence: Mapping[str, Weight]
    by_value: Mapping[str, float]
    by_value_otherwise: float
    by_trait: tuple[tuple[str, str, float], ...]
    needs_trait: Mapping[str, str]
    never_alone: frozenset[str]
    never_a_type: frozenset[str]
    proven_by_form: frozenset[str]
    check_digits: Mapping[str, tuple[str, str]]
    look_alike_forms: Mapping[str, frozenset[str]]
    identifying: frozenset[str]
    most_distinct: Mapping[str, int]
    ambiguous: frozenset[str]
    sql_types: Mapping[str, frozenset[str]]

    def probability(self, evidence: float) -> float:
        """The calibrated probability of a type with this sum of evidence."""
        knots = self.calibration
        evidence = max(knots[0][0], min(knots[-1][0], evidence))
        (start, low), (end, high) = next(pair for pair in pairwise(knots) if evidence <= pair[1][0])
        odds = _log_odds(low) + (_log_odds(high) - _log_odds(low)) * (evidence - start) / (end - start)
        return 1 / (1 + math.exp(-odds))


@lru_cache(maxsize=1)
def model() -> Model:
    """The packaged model."""
    content: dict[str, Any] = packaged("column_weights.yaml")
    return Model(
        calibration=tuple(sorted(content["calibration"].items())),
        decision=content["decision"],
        evidence={
            name: Weight(**{key: number for key, number in item.items() if key != "why"})
            for name, item in content["evidence"].items()
        },
        by_value=content["by_value"],
        by_value_otherwise=content["by_value_otherwise"],
        by_trait=tuple((item["type"], item["trait"], item["share"]) for item in content["by_trait"]),
        needs_trait=content["needs_trait"],
        never_alone=frozenset(content["never_alone"]),
        never_a_type=frozenset(content["never_a_type"]),
        proven_by_form=frozenset(content["proven_by_form"]),
        check_digits={kind: (item["passes"], item["among"]) for kind, item in content["check_digits"].items()},
        look_alike_forms={what: frozenset(kinds) for what, kinds in content["look_alike_forms"].items()},
        identifying=frozenset(content["identifying"]),
        most_distinct=content["most_distinct"],
        ambiguous=frozenset(content["ambiguous"]),
        sql_types={kind: frozenset(types) for kind, types in content["sql_types"].items()},
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A type that a column may be of: the rows that are, and the terms for and against it."""

    entity_type: str
    rows: int
    terms: tuple[Term, ...]
    named: bool

    @property
    def evidence(self) -> float:
        """The sum of the terms."""
        return sum(term.weight for term in self.terms)

    @property
    def probability(self) -> float:
        """How probable it is that the column is of this type."""
        return model().probability(self.evidence)


@dataclass(frozen=True, slots=True)
class Column:
    """A leaf and what is known around it. ``raw``: its profile's counts by entity type, without verified tokens."""

    profile: LeafProfile
    name: str
    dtype: str
    raw: Mapping[str, TypeCounts]
    around: Surroundings = ALONE

    def whole(self, entity_type: str) -> int:
        """Rows whose whole value a detector takes for a type."""
        counts = self.raw.get(entity_type)
        return counts.whole if counts is not None else 0

    def has(self, trait: str, share: float) -> bool:
        """Whether at least a share of the values that are neither null nor blank have a trait."""
        return self.profile.traits[trait] >= share * self.profile.filled


def best_candidate(column: Column) -> Candidate | None:
    """The most probable type of a leaf that is not empty, however improbable; None where nothing speaks for any.

    A pure function of the merged profile. Of equally probable ones the first of ``names.yaml`` is taken.
    """
    found = list(_candidates(column))
    return max(found, key=lambda candidate: candidate.evidence, default=None)


def _candidates(column: Column) -> Iterator[Candidate]:
    """Each type that the name, the comment or the values speak for, with all evidence for and against it."""
    matches = name_matches(column.name)
    named = {match.rule.entity_type for match in matches}
    for match in matches:
        rule, evidence = match.rule, _Evidence(column, match.rule.entity_type, named)
        evidence.add("name", text="column name")
        evidence.add("uncovered", 1 - match.coverage, "other words in the name")
        if match.in_parent:
            evidence.add("parent", text="the name says it only together with what it stands in")
        yield evidence.judged_by_name(rule)
    for rule in comment_rules(column.around.comment):
        if rule.entity_type not in named:
            evidence = _Evidence(column, rule.entity_type, named)
            evidence.add("comment", text="comment on the column")
            yield evidence.judged_by_name(rule)
    for kind, counts in sorted(column.raw.items()):
        if counts.whole and kind not in model().never_alone | model().never_a_type:
            yield _Evidence(column, kind, named).judged_by_values()
    for kind, trait, share in model().by_trait:
        if column.profile.traits[trait] and not column.profile.traits["long"]:
            yield _Evidence(column, kind, named).judged_by_trait(trait, share)


class _Evidence:
    """The terms for and against one type of one column, as they are added."""

    def __init__(self, column: Column, entity_type: str, named: set[str]) -> None:
        self.column = column
        self.entity_type = entity_type
        self.named = named
        self.terms: list[Term] = []
        self.add("prior", text="most columns are not of any one type")

    def add(self, name: str, amount: float = 1.0, text: str = "") -> None:
        """One term: its weight times an amount, within its bounds; none where it would count nothing."""
        weight = model().evidence[name]
        counted = round(max(weight.least, min(weight.most, weight.weight * amount)), 2)
        if counted:
            self.terms.append(Term(name, counted, text))

    def judged_by_name(self, rule: NameRule) -> Candidate:
        """The type that a name or comment speaks for, if the values have the form that its rule asks for."""
        column, filled = self.column, self.column.profile.filled
        trait = rule.trait
        if trait == "fullname" and (
            column.around.in_parts or (column.around.people >= _AMONG_PEOPLE and not column.around.things)
        ):
            # Beside a first name, or an e-mail address, a phone number and an age, a name need not be a full one.
            trait = "personish"
        if trait == "housed" and column.around.numbered:
            trait = "wordish"  # the number stands in a column of its own
        if trait == "age" and column.around.people and column.has("age_fraction", rule.share):
            trait = "age_fraction"
        having, whole = column.profile.traits[trait], column.whole(self.entity_type)
        if trait == "fullname":  # a given name or a family name alone is a name as well
            having += max(column.profile.traits["given_name"], column.profile.traits["surname"])
        self.add("format", _gain(having, filled, rule.share), f"values {TELLS[trait]}")
        if trait == "fullname" and names_nobody(column.name, column.profile, column.around, column.raw):
            self.add("nobody", text="no value has a usual given name, and they read like names of things")
        need = self._needed()
        if whole >= need * filled:
            self.add("detected", max(0.0, _gain(whole, filled, need)), "values are it by their own form")
        if names_an_aspect(column.name):
            self.add("aspect", text="the name is about something of it")
        if rule.never_among_people and column.around.people:
            self.add("among_people", text="beside columns about people it is another number")
        if rule.each_person and not self._is_each_persons():
            self.add("nobodys", text="not one for each person, as what is logged in with is")
        if self.entity_type not in ("GENDER", "AGE") and column.has("flag", _NEARLY_ALL):
            self.add("flag", text="values are flags")
        self._add_common()
        return self._candidate(max(having, whole), named=True)

    def judged_by_values(self) -> Candidate:
        """The type of the values as a whole, with no word from the name."""
        filled, whole, need = self.column.profile.filled, self.column.whole(self.entity_type), self._needed()
        self.add("detected_alone", text="values speak without a name")
        self.add("detected", _gain(whole, filled, need), "values are it by their own form")
        trait = model().needs_trait.get(self.entity_type)
        if trait is not None:
            written = self.column.profile.traits[trait]
            self.add("form", _gain(written, filled, need), f"values {TELLS[trait]}")
        self._add_doubts()
        self._add_common()
        return self._candidate(whole, named=False)

    def judged_by_trait(self, trait: str, share: float) -> Candidate:
        """A type that values of some form speak for by themselves."""
        having = self.column.profile.traits[trait]
        self.add("detected_alone", text="values speak without a name")
        self.add("format", _gain(having, self.column.profile.filled, share), f"values {TELLS[trait]}")
        self._add_doubts()
        self._add_common()
        return self._candidate(having, named=False)

    def _is_each_persons(self) -> bool:
        """Whether the rows are people, and nearly all have a value of one word that no other has."""
        profile = self.column.profile
        among = self.column.around.people >= _AMONG_PEOPLE and self.column.has("handle", _NEARLY_ALL)
        return among and profile.distinct >= _MOSTLY_DISTINCT * profile.filled

    def _needed(self) -> float:
        return model().by_value.get(self.entity_type, model().by_value_otherwise)

    def _add_doubts(self) -> None:
        """What speaks against a type that rests on values alone."""
        column = self.column
        what, other = look_alike(column.name), self.named - {self.entity_type}
        if what is not None and self.entity_type not in self.named:
            same_form = self.entity_type in model().look_alike_forms.get(what, ())
            self.add("look_alike_form" if same_form else "look_alike", text=f"the name is one of {what}")
        elif others := [match.rule for match in name_matches(column.name) if match.rule.entity_type in other]:
            # Where no value has its form, the name was misread: an "acct_holder" is no account.
            if any(column.profile.traits[rule.trait] for rule in others):
                self.add("other_name", text="the name says another type")
            if any(column.has(rule.trait, _NEARLY_ALL) for rule in others):
                self.add("other_name_fits", text="and the values have the form of that")
        if column.has("epoch", _NEARLY_ALL):
            self.add("time", text="values are seconds or milliseconds of our time")
        if column.has("hash", _NEARLY_ALL):
            self.add("hash", text="values are as long as hashes")

    def _add_common(self) -> None:
        """What counts however the type came up."""
        column, filled, kind = self.column, self.column.profile.filled, self.entity_type
        proven = {form for form in model().proven_by_form if column.whole(form) >= 0.9 * filled}
        if kind in model().proven_by_form and column.whole(kind) >= self._needed() * filled:
            self.add("proven", text="nothing else looks like it")
        elif proven - {kind}:
            self.add("proven_other", text="values are another type by their form")
        if kind in model().check_digits:
            passes, among = (column.profile.traits[trait] for trait in model().check_digits[kind])
            if among >= _LEAST_CHECKED:
                self.add("checksum", _gain(passes, among, 0.1), "check digits, beside what chance lets pass")
                if passes >= 0.9 * among and column.whole(kind) < 0.8 * passes:
                    self.add("other_scheme", text="many that pass the check digit are of no such number's form")
        for sql_type, possible in model().sql_types.items():
            if column.dtype.startswith(sql_type):
                fits = kind in possible
                self.add("sql_date" if fits else "sql_type", text=f"SQL type {sql_type}")
                break
        if kind == "PERSON" and 2 * column.whole("ORGANIZATION") >= filled:
            self.add("firms", text="values are names of firms")
        self._add_numbers_of_values()
        if kind in model().ambiguous:
            if column.around.people >= 2:
                self.add("people", text="columns beside it are about a person")
            elif column.around.things >= 2 and not column.around.people:
                self.add("things", text="columns beside it are about goods")

    def _add_numbers_of_values(self) -> None:
        profile, kind = self.column.profile, self.entity_type
        few = max(2.0, _FEW * profile.filled)
        if kind in model().identifying and profile.filled >= _LEAST_REPEATING and profile.distinct <= few:
            self.add("few", text="a few values occur over and over")
        if profile.distinct > model().most_distinct.get(kind, math.inf):
            self.add("many", text="more different values than it has")

    def _candidate(self, rows: int, *, named: bool) -> Candidate:
        return Candidate(self.entity_type, rows, tuple(self.terms), named)


def _gain(having: int, total: int, need: float) -> float:
    """How far a share lies above the one needed, in log-odds; half a row is added to either side, for small numbers."""
    having = min(having, total)
    return _log_odds((having + 0.5) / (total + 1)) - _log_odds(need)


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


__all__ = ["TELLS", "Candidate", "Column", "Model", "best_candidate", "model"]
