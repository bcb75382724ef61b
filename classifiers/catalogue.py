"""What looks for sensitive data in a configuration: Presidio's recognizers, our patterns, a user's, the model.

And how a user's detectors do on their own examples, one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from clearance.classifiers.declarations import read_declarations
from clearance.classifiers.detectors import Detector, countries, load_detectors, packaged_files
from clearance.classifiers.known_types import require_known_names
from clearance.classifiers.ner import load_ner
from clearance.classifiers.recognizers import RecognizerEntry, build_recognizer, enabled_entries, recognizer_entries
from clearance.classifiers.resolution import load_resolution
from clearance.classifiers.yaml_files import RulesFile, content_of, read_files
from clearance.errors import ClearanceError, DetectionError, UsageError

Source = Literal["presidio", "clearance", "file", "model"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One detector. ``score`` is its highest, None where it depends on the text. ``reason`` says why it is off."""

    name: str
    entity_types: tuple[str, ...]
    score: float | None
    source: Source
    languages: tuple[str, ...] | None
    region: str | None
    on: bool
    reason: str = ""
    #: For ``show``: patterns, context words, conditions, examples; made by whoever wrote the detector, not data.
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, without the details."""
        return {
            "name": self.name,
            "entity_types": list(self.entity_types),
            "score": self.score,
            "source": self.source,
            "languages": None if self.languages is None else list(self.languages),
            "region": self.region,
            "on": self.on,
            "reason": self.reason,
        }


def catalogue(
    language: str = "en",
    regions: Sequence[str] | None = None,
    *,
    ner: str | None = "rampart",
    files: Sequence[str | Path | RulesFile] = (),
) -> tuple[Listed, ...]:
    """Every detector there is, on or off, by source and name.

    Raises UsageError for an unknown language or region, or a file of detectors that is not valid.
    """
    on = set(enabled_entries(language, regions))
    presidio = [_presidio(entry, language, on=entry in on) for entry in recognizer_entries()[0]]
    own = [_declared("clearance", entry) for file in packaged_files() for entry in content_of(*file)["detectors"]]
    own.append(_plain(countries(language)))
    read = read_files(files)
    read_declarations(read)
    theirs = [_declared("file", entry) for file in read for entry in content_of(*file).get("detectors", ())]
    return tuple(
        sorted(
            [*presidio, *own, *theirs, *_models(ner, language)], key=lambda listed: (listed.source, listed.name.lower())
        )
    )


def find(name: str, listed: Sequence[Listed]) -> Listed:
    """The detector of a name, in any case. Raises UsageError for a name that nobody has."""
    for each in listed:
        if each.name.lower() == name.lower():
            return each
    finders = [each.name for each in listed if name.upper() in each.entity_types]
    hint = f"{name.upper()} is found by {', '.join(finders)}" if finders else "clearance detectors list"
    raise UsageError(f"no detector is called {name}", hint=hint)


def _presidio(entry: RecognizerEntry, language: str, *, on: bool) -> Listed:
    reason = "" if on else _why_off(entry, language)
    made_for = entry.languages is None or language in entry.languages
    recognizer = build_recognizer(entry, language) if made_for and entry.use != "never" else None
    # Only Presidio's pattern recognizers have patterns.
    patterns: list[Any] = getattr(recognizer, "patterns", None) or []
    return Listed(
        entry.name,
        tuple(recognizer.supported_entities) if recognizer is not None else (),
        max((float(pattern.score) for pattern in patterns), default=None),
        "presidio",
        None if entry.languages is None else tuple(sorted(entry.languages)),
        entry.region,
        on,
        reason,
        {
            "patterns": [{"name": p.name, "pattern": p.regex, "score": float(p.score)} for p in patterns],
            "context": list(getattr(recognizer, "context", None) or ()),
        },
    )


def _why_off(entry: RecognizerEntry, language: str) -> str:
    if entry.use == "never":
        return entry.reason or "never used"
    if entry.languages is not None and language not in entry.languages:
        return f"not made for language {language}"
    asked = f"only when --region {entry.region} is given" if entry.region else "only when a region is named"
    return f"{asked}: {entry.reason}" if entry.reason else asked


def _declared(source: Source, entry: dict[str, Any]) -> Listed:
    known = ("name", "entity_type", "score")
    details = {key: value for key, value in entry.items() if key not in known}
    return Listed(
        str(entry["name"]), (str(entry["entity_type"]),), float(entry["score"]), source, None, None, True, "", details
    )


def _plain(detector: Detector) -> Listed:
    details = {"patterns": "the names of all countries, in the language"}
    return Listed(
        detector.name, (detector.entity_type,), detector.score, "clearance", None, None, True, details=details
    )


def _models(ner: str | None, language: str) -> list[Listed]:
    from clearance.classifiers.rampart import ENTITY_TYPES

    reason = "no model was asked for" if ner is None else "" if ner == "rampart" else f"{ner} was asked for"
    listed = [Listed("rampart", ENTITY_TYPES, None, "model", ("en",), None, ner == "rampart", reason)]
    if ner not in (None, "rampart"):
        listed.append(Listed(ner, load_ner(ner, language).entity_types, None, "model", (language,), None, True))
    return listed


# ---- a user's file, tried ----


@dataclass(frozen=True, slots=True)
class Tried:
    """One detector of a file: ``problem`` is empty where its examples hold, else says which fail, by number from 1."""

    detector: str
    match: int
    no_match: int
    problem: str = ""


def try_file(path: Path, beside: Sequence[str | Path | RulesFile] = ()) -> list[Tried]:
    """Every detector of a YAML file on its own examples; one that fails does not hide the others.

    ``beside``: files that are given with it, for types and detectors that its rules name.
    Raises UsageError for a file that can't be read, holds neither detectors nor a resolution, or a wrong resolution.
    """
    (file,) = read_files([path])
    data = content_of(*file)
    load_resolution([file])
    if not data.get("detectors") and "resolution" not in data:
        raise UsageError(f"{path}: no detector in it", hint="see docs/how-to/evaluate.md")
    tried = [_try(path, number, entry) for number, entry in enumerate(data.get("detectors", ()), 1)]
    if not any(each.problem for each in tried):
        # What only the whole shows, such as a name given twice, or a rule for a type that nothing finds.
        load_detectors(files=[*beside, file])
        require_known_names([*read_files(beside), file])
    return tried


def _try(path: Path, number: int, entry: Any) -> Tried:
    known = entry if isinstance(entry, dict) else {}
    name = known.get("name")
    counts = [len(known[key]) if isinstance(known.get(key), list) else 0 for key in ("match", "no_match")]
    problem = ""
    try:
        read_declarations([(path.name, yaml.safe_dump({"detectors": [entry]}, allow_unicode=True))])
    except (DetectionError, UsageError) as error:
        problem = _told(error)
    return Tried(name if isinstance(name, str) else f"number {number}", counts[0], counts[1], problem)


def _told(error: ClearanceError) -> str:
    return error.message.partition(": detector ")[2] or error.message
