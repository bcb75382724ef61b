"""One verdict a leaf: what kind of content, which entity type, on what evidence.

A type is believed when the column's name speaks for it and the values look like it, or when most values are it by
their own form. A number that passes a checksum now and then is not evidence: one in ten random numbers does.
"""

from __future__ import annotations

from collections.abc import Iterable

from clearance.classifiers.findings import ColumnReport, Finding, Interval, Kind
from clearance.classifiers.names import fitting_rules, name_evidence
from clearance.classifiers.profile import SHAPE_ROWS, LeafProfile, TypeCounts

#: Least share of the filled values that must be a type as a whole, with no word from the column's name.
BY_VALUE = {
    "EMAIL_ADDRESS": 0.5,
    "IBAN_CODE": 0.5,
    "IP_ADDRESS": 0.6,
    "MAC_ADDRESS": 0.6,
    "UUID": 0.6,
    "URL": 0.6,
    "CRYPTO": 0.5,
    "CREDENTIAL": 0.3,
    "PASSWORD": 0.5,
    "US_SSN": 0.6,
    "US_MBI": 0.6,
    "UK_NINO": 0.6,
    "CREDIT_CARD": 0.6,
    "VIN": 0.5,
    "DATE_TIME": 0.6,
    "DATE_OF_BIRTH": 0.6,
    "PHONE_NUMBER": 0.6,
}
#: For types of regional recognizers and checksummed numbers not named above.
BY_VALUE_OTHERWISE = 0.7
#: What a trait says of values, in words for whoever asks why.
TELLS = {
    "account": "read like account numbers",
    "addressish": "read like addresses",
    "age": "are ages or age ranges",
    "at": "hold an @",
    "card": "are as long as card numbers",
    "code": "read like codes",
    "date": "are dates",
    "flag": "are flags",
    "fullname": "read like full names",
    "gender_word": "are words for a gender",
    "housed": "read like streets with house numbers",
    "iban": "read like IBANs",
    "ip": "read like IP addresses",
    "luhn": "pass the Luhn check",
    "nine": "have nine digits",
    "personish": "read like names of people",
    "phone": "read like phone numbers",
    "secretish": "read like secrets",
    "ssn": "read like social security numbers",
    "street": "read like street addresses",
    "vin": "read like vehicle identification numbers",
    "vin_checked": "have a VIN's check digit",
}
#: A type by value needs one of these traits as well, in as large a share of the values.
NEEDS_TRAIT = {"PHONE_NUMBER": "phone_formatted", "VIN": "vin_checked", "STREET_ADDRESS": "street"}
#: Types of which one value among thousands counts, in whatever column.
TELLING = frozenset(
    {"EMAIL_ADDRESS", "IBAN_CODE", "CREDENTIAL", "PASSWORD", "CRYPTO", "US_SSN", "US_MBI", "DATE_OF_BIRTH"}
    | {"PROMPT_INJECTION", "JAILBREAK"}
)
#: What is said, not what somebody is: never the type of a column.
ALWAYS_IN_TEXT = frozenset({"PROMPT_INJECTION", "JAILBREAK"})
#: A column of cities, countries, coordinates or firms names nobody; in text, or beside a street, one is a finding.
PLAIN_ALONE = frozenset({"LOCATION", "GEOLOCATION", "ORGANIZATION"})
#: Types whose form alone proves them, whatever a column's name says.
PROVEN_BY_FORM = frozenset({"EMAIL_ADDRESS", "IBAN_CODE", "MAC_ADDRESS"})
#: Least share of short values in which another type must occur before the column counts as mixed.
MIXED_SHARE = 0.05
#: ... and for bare numbers: more than a checksum gives away by chance.
NUMERIC_SHARE = 0.2
#: Plain numbers collide with these: in short values without letters around them they need the name, or most values.
NUMERIC = frozenset(
    {"PHONE_NUMBER", "UK_NHS", "US_BANK_NUMBER", "CREDIT_CARD", "US_ITIN", "US_NPI", "ABA_ROUTING_NUMBER"}
)
#: Share of the values that read like text which makes a column text.
TEXT_SHARE = 0.2
#: Of the shapes that SHAPE_ROWS rows share, so many are shown.
SHAPES_SHOWN = 5


def finish(profile: LeafProfile, *, name: str, dtype: str) -> ColumnReport:
    """The report of one leaf. ``name`` is the column path that is reported, ``dtype`` the type as the schema names it.

    A pure function of the merged profile: the same on any number of partitions.
    """
    filled = profile.filled
    if filled == 0:
        return _report(profile, name, dtype, "empty", None, (), ())
    tokens = {kind: c for (form, kind), c in profile.counts.items() if form == "token"}
    raw = {kind: c for (form, kind), c in profile.counts.items() if form == "raw"}
    token_rows = sum(counts.whole for counts in tokens.values())
    if 2 * token_rows >= filled:
        entity_type = max(tokens, key=lambda kind: (tokens[kind].whole, kind))
        found = _findings(tokens, filled, "token") + _findings(_telling_rest(profile, raw), filled)
        return _report(profile, name, dtype, "structured", entity_type, found, ("verified tokens",))

    chosen, matched, evidence = _structured_type(profile, name, raw, filled)
    token_findings = _findings(tokens, filled, "token")
    if chosen is not None:
        others = {kind: c for kind, c in _telling_rest(profile, raw).items() if kind != chosen}
        finding = _chosen_finding(chosen, matched, raw.get(chosen), filled, evidence)
        found = (finding, *_findings(others, filled), *token_findings)
        return _report(profile, name, dtype, "structured", chosen, found, evidence)
    if profile.traits["texty"] + profile.traits["long"] >= TEXT_SHARE * filled:
        found = _findings(_inside(raw), filled) + token_findings
        return _report(profile, name, dtype, "text", None, found, ("values read like text",))
    found = _findings(_mixed(profile, raw), filled, shapes=True) + token_findings
    if found:
        return _report(profile, name, dtype, "mixed", None, found, ("several things in one column",))
    return _report(profile, name, dtype, "structured", None, (), ())


def _structured_type(
    profile: LeafProfile, name: str, raw: dict[str, TypeCounts], filled: int
) -> tuple[str | None, int, tuple[str, ...]]:
    """The one type of the column, the rows that have it, and the evidence; None where there is no such type."""
    for rule in fitting_rules(name):
        having = profile.traits[rule.trait]
        if having < rule.share * filled or _is_flag(profile, rule.entity_type, filled):
            continue
        whole = raw[rule.entity_type].whole if rule.entity_type in raw else 0
        if any(raw[kind].whole >= 0.9 * filled for kind in PROVEN_BY_FORM & raw.keys() - {rule.entity_type}):
            continue  # user.emails[].address is no street
        return rule.entity_type, max(having, whole), ("column name", f"values {TELLS.get(rule.trait, 'fit the name')}")
    best: tuple[float, str] | None = None
    for kind, counts in raw.items():
        share = counts.whole / filled
        need = BY_VALUE.get(kind, BY_VALUE_OTHERWISE)
        trait = NEEDS_TRAIT.get(kind)
        if kind in PLAIN_ALONE or kind in ALWAYS_IN_TEXT:
            continue
        if share < need or (trait is not None and profile.traits[trait] < need * filled):
            continue
        if best is None or (share + counts.mean_score() / 1000, kind) > best:
            best = (share + counts.mean_score() / 1000, kind)
    if best is not None:
        return best[1], raw[best[1]].whole, ("values",)
    if profile.traits["street"] >= 0.6 * filled and not profile.traits["long"]:
        return "STREET_ADDRESS", profile.traits["street"], (f"values {TELLS['street']}",)
    if profile.traits["gender_word"] >= 0.9 * filled:
        return "GENDER", profile.traits["gender_word"], (f"values {TELLS['gender_word']}",)
    return None, 0, ()


def _is_flag(profile: LeafProfile, entity_type: str, filled: int) -> bool:
    """A yes-or-no column such as has_email; codes of a gender may look the same."""
    return entity_type != "GENDER" and profile.traits["flag"] >= 0.95 * filled and entity_type != "AGE"


def _telling_rest(profile: LeafProfile, raw: dict[str, TypeCounts]) -> dict[str, TypeCounts]:
    """What else is in a structured column that must not go unnoticed."""
    return {kind: c for kind, c in raw.items() if c.rows and _is_telling(profile, kind)}


def _is_telling(profile: LeafProfile, kind: str) -> bool:
    """Whether one value of this type counts, in whatever column.

    A bare number may pass the Luhn check by chance, one in ten does. One written in a card's groups does not, nor do
    several numbers of a card's length that nearly all pass.
    """
    if kind != "CREDIT_CARD":
        return kind in TELLING
    cards = profile.traits["card"]
    return bool(profile.traits["card_written"]) or (cards >= 3 and profile.traits["luhn"] >= 0.8 * cards)


def _inside(raw: dict[str, TypeCounts]) -> dict[str, TypeCounts]:
    return {kind: counts for kind, counts in raw.items() if counts.rows}


def _mixed(profile: LeafProfile, raw: dict[str, TypeCounts]) -> dict[str, TypeCounts]:
    """Types that count in a column of short values: whatever is in a value that reads like text, and telling ones,
    always; others from a share on, bare numbers from a larger one."""
    filled, kept = profile.filled, {}
    for kind, counts in raw.items():
        enough = counts.rows >= MIXED_SHARE * filled
        if kind in NUMERIC:
            enough = counts.embedded >= MIXED_SHARE * filled or counts.whole >= NUMERIC_SHARE * filled
        if kind == "PHONE_NUMBER":
            written = counts.embedded + min(counts.whole, profile.traits["phone_formatted"])
            enough = written >= MIXED_SHARE * filled
        if counts.texty or (counts.rows and kind not in PLAIN_ALONE and (enough or _is_telling(profile, kind))):
            kept[kind] = counts
    return kept


def _chosen_finding(
    chosen: str,
    matched: int,
    counts: TypeCounts | None,
    filled: int,
    evidence: Iterable[str],
) -> Finding:
    by_name = "column name" in evidence
    detectors = _ranked(counts) if counts is not None and counts.whole else ()
    if by_name:
        detectors = (*detectors, "ColumnName")
    elif not detectors:
        detectors = ("ValueTraits",)
    score = counts.mean_score() if counts is not None and counts.whole else 0.0
    # A name with values that look alike is worth about as much as a pattern with a context word.
    score = max(score, 0.75) if by_name or not score else score
    shapes = _shapes(counts) if counts is not None else ()
    return Finding(chosen, matched, Interval.wilson(matched, filled), score, detectors, shapes)


def _findings(
    counts: dict[str, TypeCounts], filled: int, form: str = "raw", *, shapes: bool = False
) -> tuple[Finding, ...]:
    found = [
        Finding(
            entity_type=kind,
            rows_matched=c.rows,
            prevalence=Interval.wilson(c.rows, filled),
            score=c.mean_score(),
            detectors=_ranked(c),
            shapes=_shapes(c) if shapes else (),
            form="token" if form == "token" else "raw",
        )
        for kind, c in counts.items()
    ]
    return tuple(sorted(found, key=lambda finding: (-finding.rows_matched, finding.entity_type)))


def _ranked(counts: TypeCounts) -> tuple[str, ...]:
    return tuple(sorted(counts.detectors, key=lambda detector: (-counts.detectors[detector], detector)))


def _shapes(counts: TypeCounts) -> tuple[str, ...]:
    shared = [(number, item) for item, number in counts.shapes.items() if number >= SHAPE_ROWS]
    return tuple(item for _, item in sorted(shared, key=lambda pair: (-pair[0], pair[1]))[:SHAPES_SHOWN])


def _report(
    profile: LeafProfile,
    name: str,
    dtype: str,
    kind: Kind,
    entity_type: str | None,
    findings: tuple[Finding, ...],
    evidence: tuple[str, ...],
) -> ColumnReport:
    return ColumnReport(
        path=name,
        type=dtype,
        kind=kind,
        rows=profile.rows,
        nulls=profile.nulls,
        distinct=profile.distinct,
        entity_type=entity_type,
        findings=findings,
        evidence=evidence,
    )


__all__ = ["finish", "name_evidence"]
