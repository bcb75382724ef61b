"""One verdict a leaf: what kind of content, which entity type, on what evidence.

A type is believed when the evidence of name, comment, values and surroundings makes it probable (``column_score.py``).
A number that passes a checksum now and then is not evidence: one in ten random numbers does.
"""

from __future__ import annotations

from collections.abc import Mapping

from clearance.classifiers.column_score import Candidate, Column, best_candidate, model
from clearance.classifiers.findings import ColumnReport, Finding, Interval, Kind
from clearance.classifiers.names import look_alike, name_evidence, names_no_owner
from clearance.classifiers.profile import UNVERIFIED, LeafProfile
from clearance.classifiers.quasi_identifiers import with_role
from clearance.classifiers.surroundings import ALONE, Surroundings
from clearance.classifiers.type_counts import SHAPE_ROWS, TypeCounts

#: Types of which one value among thousands counts, in whatever column.
TELLING = frozenset(
    {"EMAIL_ADDRESS", "IBAN_CODE", "CREDENTIAL", "PASSWORD", "CRYPTO", "US_SSN", "US_MBI", "DATE_OF_BIRTH"}
    | {"PROMPT_INJECTION", "JAILBREAK"}
)
#: Least share of short values in which another type must occur before the column counts as mixed.
MIXED_SHARE = 0.05
#: ... and for bare numbers: more than a checksum gives away by chance.
NUMERIC_SHARE = 0.2
#: Plain numbers collide with these: in short values without letters around them they need the name, or most values.
NUMERIC = frozenset(
    {"PHONE_NUMBER", "UK_NHS", "US_BANK_NUMBER", "CREDIT_CARD", "US_ITIN", "US_NPI", "ABA_ROUTING_NUMBER", "DEVICE_ID"}
)
#: Codes of letters and digits pass the one check digit of these now and then.
CHECKED_CODES = frozenset({"MEDICAL_LICENSE", "VIN"})
#: What a model takes for names and places in values without a sentence around them, such as car models and teams.
GUESSED = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "STREET_ADDRESS"})
#: What values of a column called so are, however many words they have: "United Arab Emirates" under "country".
_NAMED_SO = {"places": "LOCATION", "companies": "ORGANIZATION"}
_OF_THINGS = frozenset({"things with names", "products", "places", "companies"})
#: Share of the values that read like text which makes a column text.
TEXT_SHARE = 0.2
#: Of the shapes that SHAPE_ROWS rows share, so many are shown.
SHAPES_SHOWN = 5


_UNVERIFIED = "tokens that can't be verified: their key or domain is disabled, unknown here, or made up"


def finish(profile: LeafProfile, *, name: str, dtype: str, around: Surroundings = ALONE) -> ColumnReport:
    """The report of one leaf. ``name`` is the column path that is reported, ``dtype`` the type as the schema names it,
    ``around`` its comment and what the names beside it are about.

    A pure function of the merged profile: the same on any number of partitions.
    """
    raw = {kind: c.within(profile.filled) for (form, kind), c in profile.counts.items() if form == "raw"}
    column = Column(profile, name, dtype, raw, around)
    return with_role(_verdict(column), column)


def _verdict(column: Column) -> ColumnReport:
    profile, raw, filled = column.profile, column.raw, column.profile.filled
    if filled == 0:
        return _report(column, "empty", None, ())
    tokens = {kind: c for (form, kind), c in profile.counts.items() if form == "token"}
    if 2 * sum(counts.whole for counts in tokens.values()) >= filled:
        entity_type = max(tokens, key=lambda kind: (tokens[kind].whole, kind))
        found = _findings(tokens, filled, "token") + _findings(_telling_rest(profile, raw), filled)
        return _report(column, "structured", entity_type, found, evidence=("verified tokens",))
    token_findings = _findings(tokens, filled, "token")
    unverified = {kind: c.whole for kind, c in raw.items() if c.detectors[UNVERIFIED]}
    if unverified and 2 * sum(unverified.values()) >= filled:
        entity_type = max(unverified, key=lambda kind: (unverified[kind], kind))
        found = _findings(_inside(raw), filled) + token_findings
        return _report(column, "structured", entity_type, found, evidence=(_UNVERIFIED,))
    chosen = best_candidate(column)
    if chosen is not None and chosen.probability >= model().decision:
        others = {kind: c for kind, c in _telling_rest(profile, raw).items() if kind != chosen.entity_type}
        finding = _chosen_finding(chosen, raw.get(chosen.entity_type), filled)
        found = (finding, *_findings(others, filled), *token_findings)
        return _report(column, "structured", chosen.entity_type, found, chosen)
    if profile.traits["texty"] + profile.traits["long"] >= TEXT_SHARE * filled:
        found = _findings(_of_firms(_inside(raw), column), filled) + token_findings
        return _report(column, "text", None, found, evidence=("values read like text", *_told(unverified)))
    mixed = _mixed(profile, raw, _doubted(chosen, column))
    found = _findings(_of_firms(_without_guesses(mixed, column), column), filled, shapes=True) + token_findings
    if found:
        return _report(column, "mixed", None, found, evidence=("several things in one column", *_told(unverified)))
    return _report(column, "structured", None, ())


def _told(unverified: Mapping[str, int]) -> tuple[str, ...]:
    return (_UNVERIFIED,) if unverified else ()


def _telling_rest(profile: LeafProfile, raw: Mapping[str, TypeCounts]) -> dict[str, TypeCounts]:
    """What else is in a structured column that must not go unnoticed."""
    return {kind: c for kind, c in raw.items() if c.rows and (c.detectors[UNVERIFIED] or _is_telling(profile, kind))}


def _is_telling(profile: LeafProfile, kind: str) -> bool:
    """Whether one value of this type counts, in whatever column.

    A bare number may pass the Luhn check by chance, one in ten does. One written in a card's groups does not, nor do
    several numbers of a card's length that nearly all pass.
    """
    if kind != "CREDIT_CARD":
        return kind in TELLING
    cards, counts = profile.traits["card"], profile.counts[("raw", kind)]
    nearly_all = cards >= 3 and profile.traits["luhn"] >= 0.8 * cards
    return bool(profile.traits["card_written"]) or (nearly_all and not _is_another_scheme(profile, counts))


def _is_another_scheme(profile: LeafProfile, counts: TypeCounts) -> bool:
    """Whether numbers pass a card's check digit, but many of them are of no card's form: another register's."""
    fitting = profile.traits["luhn"]
    return fitting >= 0.9 * profile.traits["card"] and counts.whole < 0.8 * fitting


def _inside(raw: Mapping[str, TypeCounts]) -> dict[str, TypeCounts]:
    return {kind: counts for kind, counts in raw.items() if counts.rows}


def _doubted(best: Candidate | None, column: Column) -> str | None:
    """The type that most values look like, where it was judged that they only look like it: versions and IPs."""
    if best is None or best.named or not 2 * column.whole(best.entity_type) >= column.profile.filled:
        return None
    return best.entity_type


def _mixed(profile: LeafProfile, raw: Mapping[str, TypeCounts], doubted: str | None) -> dict[str, TypeCounts]:
    """Types that count in a column of short values: whatever is in a value that reads like text, and telling ones,
    always; others from a share on, bare numbers from a larger one."""
    filled, kept = profile.filled, {}
    for kind, counts in raw.items():
        enough = counts.rows >= MIXED_SHARE * filled
        embedded = counts.embedded
        if kind in NUMERIC:
            if _all_numbers(profile) and embedded + counts.whole < NUMERIC_SHARE * filled:
                embedded = 0  # a part of a longer number fits by chance as a whole one does
            enough = embedded >= MIXED_SHARE * filled or counts.whole >= NUMERIC_SHARE * filled
        if kind in CHECKED_CODES and profile.traits["code"] >= 0.9 * filled:
            enough = counts.rows >= NUMERIC_SHARE * filled
        if kind in NUMERIC and _is_measured(profile):
            embedded = 0  # digits before or behind a decimal point, a time or a date
            enough = (
                counts.whole >= NUMERIC_SHARE * filled and profile.traits["phone_formatted"] >= MIXED_SHARE * filled
            )
        elif kind == "PHONE_NUMBER":
            written = embedded + min(counts.whole, profile.traits["phone_formatted"])
            enough = written >= MIXED_SHARE * filled
            if _all_numbers(profile) and profile.traits["integer"] < 0.1 * filled:
                # All are written with marks in them, and few like, or as, anybody's number: codes of digits.
                alike = counts.whole >= NUMERIC_SHARE * filled and profile.traits["phone_formatted"] >= 0.6 * filled
                enough = alike or embedded >= MIXED_SHARE * filled
        if kind == "CREDIT_CARD" and _is_another_scheme(profile, counts):
            enough = False
        if kind == doubted:
            enough = False
        if (
            counts.texty
            or counts.detectors[UNVERIFIED]
            or (counts.rows and kind not in model().never_alone and (enough or _is_telling(profile, kind)))
        ):
            kept[kind] = counts
    return kept


def _without_guesses(mixed: dict[str, TypeCounts], column: Column) -> dict[str, TypeCounts]:
    """Without the few names and places that a model alone sees in short names of things: "ford galaxie 500 wagon"."""
    named = look_alike(column.name)
    if named not in _OF_THINGS and not names_no_owner(column.name):
        return mixed
    mixed = {kind: counts for kind, counts in mixed.items() if kind != _NAMED_SO.get(named or "")}
    few = MIXED_SHARE * column.profile.filled
    return {
        kind: counts
        for kind, counts in mixed.items()
        if kind not in GUESSED or counts.rows >= few or not all(map(_is_a_model, counts.detectors))
    }


def _of_firms(found: dict[str, TypeCounts], column: Column) -> dict[str, TypeCounts]:
    """Without what a model takes for people and places inside names of firms and institutions: St. Thomas' Hospital.

    Judged from so many values that are such names as a whole; a person who is a value of its own stays.
    """
    filled = column.profile.filled
    if 2 * column.whole("ORGANIZATION") < filled:
        return found
    return {
        kind: counts
        for kind, counts in found.items()
        if kind not in GUESSED - {"ORGANIZATION"}
        or counts.whole >= MIXED_SHARE * filled
        or not all(map(_is_a_model, counts.detectors))
    }


def _is_measured(profile: LeafProfile) -> bool:
    """Whether values are dates and times, or numbers of which some have decimals."""
    traits = profile.traits
    decimals = traits["fraction"] >= MIXED_SHARE * profile.filled
    return traits["date"] >= 0.9 * profile.filled or (
        decimals and traits["fraction"] + traits["integer"] >= 0.9 * profile.filled
    )


def _is_a_model(detector: str) -> bool:
    return detector == "rampart" or detector.startswith(("spacy:", "presidio:"))


def _all_numbers(profile: LeafProfile) -> bool:
    """Whether nearly all values are digits and their separators: numbers of some kind, not words around one."""
    numbers = max(profile.traits[trait] for trait in ("account", "card", "phone"))
    return numbers + profile.traits["fraction"] >= 0.9 * profile.filled


def _chosen_finding(chosen: Candidate, counts: TypeCounts | None, filled: int) -> Finding:
    detectors = _ranked(counts) if counts is not None and counts.whole else ()
    if chosen.named:
        detectors = (*detectors, "ColumnName")
    elif not detectors:
        detectors = ("ValueTraits",)
    return Finding(
        entity_type=chosen.entity_type,
        rows_matched=chosen.rows,
        prevalence=Interval.wilson(chosen.rows, filled),
        score=round(chosen.probability, 4),
        detectors=detectors,
        shapes=_shapes(counts) if counts is not None else (),
    )


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
    column: Column,
    kind: Kind,
    entity_type: str | None,
    findings: tuple[Finding, ...],
    chosen: Candidate | None = None,
    evidence: tuple[str, ...] = (),
) -> ColumnReport:
    terms = chosen.terms if chosen is not None else ()
    return ColumnReport(
        path=column.name,
        type=column.dtype,
        kind=kind,
        rows=column.profile.rows,
        nulls=column.profile.nulls,
        distinct=column.profile.distinct,
        entity_type=entity_type,
        findings=findings,
        evidence=evidence or tuple(term.why for term in terms if term.weight > 0),
        terms=terms,
    )


__all__ = ["finish", "name_evidence"]
