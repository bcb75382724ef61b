"""Detectors declared in YAML: read strictly, and each tried on its own examples before it may be used.

A file holds a list ``detectors`` of mappings with these keys (and, if it likes, a ``resolution``, see
:mod:`clearance.classifiers.resolution`):

``name``, ``entity_type``, ``score``, ``pattern``
    The type is written in capitals, digits and ``_``. The pattern is one of the
    `regex <https://pypi.org/project/regex/>`_ module, in which case is ignored. It runs over whole texts, however
    long, so repetitions have a largest count and none is nested in another without one. A list of pieces is put
    together: a piece that several patterns share has an anchor where it stands first.
``match``, ``no_match``
    Made-up texts in which it must and must not find something. At least one each.
``flags: cased``
    Case counts.
``group``
    The span is that group, by number or name, where only a part of the match is sensitive.
``validate``
    A check that the span's text has to pass as well: a name of :data:`clearance.classifiers.checks.CHECKS`, or
    ``stdnum.<module>`` for one of python-stdnum.
``context``, ``base_score``, ``exclude``, ``window``
    ``context`` are words of which one must be near for the score to be ``score``; without, it is ``base_score``, and
    where there is no base score the match does not count. ``exclude`` are words near which no match counts. Near is
    within ``window`` characters (50) before or after. Words match as a whole and in any case, digits, ``_`` and marks
    beside them do no harm; a ``*`` at a word's end stands for any more letters; a blank for blanks, ``_`` or ``-``.
``needs``
    What a text must have for the pattern to match: ``length``, ``digits``, ``capital`` (a capital and three letters in
    a row), ``any`` of these words in any case. Loose, never tight. Required context words are added by themselves.
``gate``
    Simple patterns of which one matches wherever the pattern does, where the pattern is too large for a one-pass gate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import regex

from clearance.classifiers.checks import CHECKS
from clearance.classifiers.detectors import LONGEST_WORD, PACKAGED_UNTIMED, WINDOW, Detector, words_pattern
from clearance.classifiers.gates import Needs, traits_for_gates
from clearance.classifiers.identifiers import stdnum_check
from clearance.classifiers.yaml_files import content_of, lines_under
from clearance.errors import DetectionError, UsageError

_REQUIRED = {
    "name": str,
    "entity_type": str,
    "score": (int, float),
    "pattern": (str, list),
    "match": list,
    "no_match": list,
}
_OPTIONAL = {
    "flags": str,
    "group": (int, str),
    "validate": str,
    "context": list,
    "base_score": (int, float),
    "exclude": list,
    "window": int,
    "needs": dict,
    "gate": list,
}
#: As tokens and policies name it.
_ENTITY_TYPE = regex.compile("[A-Z][A-Z0-9_]*")
_NEEDS = {"length": int, "digits": int, "any": list, "capital": bool}


def read_declarations(
    files: Iterable[tuple[str, str]], *, packaged: Collection[tuple[str, str]] = ()
) -> tuple[Detector, ...]:
    """Detectors of the files, given as (name, text), in their order; ``packaged`` are those of them that are ours.

    Raises UsageError for what is not a valid declaration, DetectionError for a detector that fails its own examples;
    either names file, line (not of ours) and detector, and examples by their number, from 1.
    """
    detectors: dict[str, Detector] = {}
    for file, text in files:
        entries = content_of(file, text).get("detectors", ())
        lines = [] if (file, text) in packaged else lines_under(text, "detectors")
        for number, entry in enumerate(entries, 1):
            name = entry.get("name") if isinstance(entry, dict) else None
            line = f", line {lines[number - 1]}" if lines else ""
            where = f"{file}{line}: detector {name if isinstance(name, str) else number}"
            detector = _detector(where, entry)
            if (file, text) in packaged:
                detector = replace(detector, untimed=PACKAGED_UNTIMED)
            if detector.name in detectors:
                raise UsageError(f"{where} is declared twice", hint="give it a name of its own")
            _try_examples(where, detector, entry["match"], entry["no_match"])
            detectors[detector.name] = detector
    return tuple(detectors.values())


def _detector(where: str, entry: Any) -> Detector:
    _expect_keys(where, entry, _REQUIRED, _OPTIONAL)
    if not entry["match"] or not entry["no_match"]:
        raise UsageError(f"{where} has no examples", hint="give it texts that must match, and texts that must not")
    if entry.get("flags", "cased") != "cased":
        raise UsageError(f"{where}: unknown flags", hint="known: cased")
    flags = regex.MULTILINE | (0 if "flags" in entry else regex.IGNORECASE)
    pattern = _compiled(where, "".join(entry["pattern"]), flags)
    group = entry.get("group", 0)
    if group not in pattern.groupindex and group not in range(pattern.groups + 1):
        raise UsageError(f"{where}: its pattern has no group {group!r}", hint="count its groups, or name one")
    if not _ENTITY_TYPE.fullmatch(entry["entity_type"]):
        raise UsageError(f"{where}: an entity type is capitals, digits and _", hint="such as CUSTOMER_NUMBER")
    gate = _texts(where, "gate", entry)
    for simple in gate:
        _compiled(where, simple, flags)
    score, base_score = float(entry["score"]), entry.get("base_score")
    if not 0 < score <= 1 or (base_score is not None and not 0 < base_score < score):
        raise UsageError(f"{where}: a score is above 0 and at most 1, a base score below the score", hint="mend it")
    context = _texts(where, "context", entry)
    if base_score is not None and not context:
        raise UsageError(f"{where}: a base score without context words", hint="use score alone")
    exclude = _texts(where, "exclude", entry)
    return Detector(
        name=entry["name"],
        entity_type=entry["entity_type"],
        score=score,
        pattern=pattern,
        group=group,
        validate=_check(where, entry["validate"]) if "validate" in entry else None,
        needs=_needs(where, entry.get("needs", {}), context if base_score is None else ()),
        gate=gate,
        context=words_pattern(context) if context else None,
        context_words=context,
        base_score=None if base_score is None else float(base_score),
        exclude=words_pattern(exclude) if exclude else None,
        window=entry.get("window", WINDOW),
    )


def _expect_keys(where: str, entry: Any, required: Mapping[str, Any], optional: Mapping[str, Any]) -> None:
    if not isinstance(entry, dict):
        raise UsageError(f"{where} is not a mapping", hint=f"keys: {', '.join((*required, *optional))}")
    known = {**required, **optional}
    unknown = sorted(str(key) for key in entry.keys() - known.keys())
    missing = sorted(required.keys() - entry.keys())
    if unknown:
        raise UsageError(f"{where}: unknown key {', '.join(unknown)}", hint=f"known: {', '.join(known)}")
    if missing:
        raise UsageError(f"{where}: missing {', '.join(missing)}", hint="every detector needs them")
    for key, value in entry.items():
        kinds = known[key] if isinstance(known[key], tuple) else (known[key],)
        # A bool is an int in Python, but not here.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise UsageError(f"{where}: {key} is not of type {wanted}", hint="quote texts, don't quote numbers")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise UsageError(f"{where}: {key} holds what is not a text", hint="quote it")


def _texts(where: str, key: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    texts = tuple(entry.get(key, ()))
    if any(not text.strip("* ") or len(text) > LONGEST_WORD for text in texts) and key != "gate":
        raise UsageError(f"{where}: a word of {key} is empty or longer than {LONGEST_WORD}", hint="mend it")
    return texts


def _compiled(where: str, pattern: str, flags: int) -> regex.Pattern[str]:
    try:
        return regex.compile(pattern, flags)
    except regex.error as error:
        raise UsageError(f"{where}: not a valid pattern at {error.pos}", hint="see pypi.org/project/regex") from error


def _check(where: str, name: str) -> Any:
    check = stdnum_check(name.removeprefix("stdnum.")) if name.startswith("stdnum.") else CHECKS.get(name)
    if check is None:
        known = f"known: {', '.join(sorted(CHECKS))}, stdnum.<module of python-stdnum>"
        raise UsageError(f"{where}: unknown check {name!r}", hint=known)
    return check


def _needs(where: str, entry: Any, context: tuple[str, ...]) -> Needs:
    _expect_keys(f"{where}, needs", entry, {}, _NEEDS)
    if context and "any" in entry:
        raise UsageError(f"{where}: needs has 'any' beside required context words", hint="the context words are enough")
    # A blank of a context word stands for other marks too, so only what is before it is sure to be there.
    words = entry.get("any") or sorted({word.partition(" ")[0].rstrip("*").lower() for word in context})
    return Needs(entry.get("length", 0), entry.get("digits", 0), tuple(words), entry.get("capital", False))


def _try_examples(where: str, detector: Detector, match: list[str], no_match: list[str]) -> None:
    missed = [number for number, text in enumerate(match, 1) if not any(detector.spans(text))]
    wrong = [number for number, text in enumerate(no_match, 1) if any(detector.spans(text))]
    # The same texts show a condition that is called necessary and is not.
    tight = [
        number
        for number, text in enumerate(match, 1)
        if not detector.needs.met_by(traits_for_gates(text))
        or (detector.gate and not any(regex.search(simple, text, detector.pattern.flags) for simple in detector.gate))
    ]
    told = {"match": missed, "no_match": wrong, "needs or gate, in match": tight}
    failing = "; ".join(f"{key} {', '.join(map(str, numbers))}" for key, numbers in told.items() if numbers)
    if failing:
        raise DetectionError(f"{where} fails its own examples: {failing}", hint="mend its pattern or its examples")
