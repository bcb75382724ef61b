"""Our own pattern detectors: declarations in ``detectors.yaml``, each with examples that are tried when it loads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import regex
import yaml
from phonenumbers.geodata.locale import LOCALE_DATA

from clearance.classifiers.checks import luhn_fits, vin_check_digit_fits
from clearance.classifiers.findings import Span
from clearance.classifiers.gates import Needs, traits_for_gates
from clearance.errors import DetectionError

VALIDATORS: dict[str, Callable[[str], bool]] = {
    "vin": vin_check_digit_fits,
    "luhn": lambda text: luhn_fits(text.replace(" ", "").replace("-", "")),
}


_NOTHING = Needs()


@dataclass(frozen=True, slots=True)
class Detector:
    """One pattern. ``spans(text)`` yields what it finds in all of ``text``."""

    name: str
    entity_type: str
    score: float
    pattern: regex.Pattern[str]
    group: int | str = 0
    validate: Callable[[str], bool] | None = None
    needs: Needs = _NOTHING

    def spans(self, text: str) -> Iterator[Span]:
        """Spans in order of their start. Raises DetectionError when the pattern runs out of time."""
        try:
            for match in self.pattern.finditer(text, timeout=60):
                if self.validate is None or self.validate(match.group(self.group)):
                    start, end = match.span(self.group)
                    if end > start:
                        yield Span(start, end, self.entity_type, self.score, self.name)
        except TimeoutError as error:
            raise DetectionError(
                f"the pattern of {self.name} ran out of time on a text of {len(text)} characters",
                hint="report the shape of the text; the scan is void",
            ) from error


@lru_cache(maxsize=8)
def countries(language: str) -> Detector:
    """Names of countries in a language, as they are written; the list is the one phone numbers come with."""
    # An entry "*de" points to that language's spelling; "aa" stands for the commonest one.
    named = set()
    for region in LOCALE_DATA.values():
        name = region.get(language, region.get("en", ""))
        name = (region.get(name[1:], "") if name.startswith("*") else name).partition(" (")[0]
        if len(name) > 3:
            named.add(name)
    alternatives = "|".join(regex.escape(name) for name in sorted(named, key=lambda name: (-len(name), name)))
    return Detector("Countries", "LOCATION", 0.5, regex.compile(rf"\b(?:{alternatives})\b"), needs=Needs(capital=True))


@lru_cache(maxsize=8)
def load_detectors(language: str = "en") -> tuple[Detector, ...]:
    """The packaged detectors, and the countries in ``language``.

    Raises DetectionError when one fails on its own examples.
    """
    data = yaml.safe_load(_text())
    detectors = []
    for entry in data["detectors"]:
        flags = regex.MULTILINE | (0 if entry.get("flags") == "cased" else regex.IGNORECASE)
        detector = Detector(
            name=entry["name"],
            entity_type=entry["entity_type"],
            score=float(entry["score"]),
            pattern=regex.compile(entry["pattern"], flags),
            group=entry.get("group", 0),
            validate=VALIDATORS[entry["validate"]] if "validate" in entry else None,
            needs=_needs(entry.get("needs", {})),
        )
        _try_examples(detector, entry["match"], entry["no_match"])
        detectors.append(detector)
    return (*detectors, countries(language))


def detectors_digest() -> str:
    """SHA-256 of the declarations."""
    return hashlib.sha256(_text().encode()).hexdigest()


def _text() -> str:
    return resources.files("clearance.classifiers").joinpath("detectors.yaml").read_text(encoding="utf-8")


def _needs(entry: dict[str, Any]) -> Needs:
    return Needs(
        entry.get("length", 0), entry.get("digits", 0), tuple(entry.get("any", ())), entry.get("capital", False)
    )


def _try_examples(detector: Detector, match: list[str], no_match: list[str]) -> None:
    missed = [
        number
        for number, text in enumerate(match)
        if not (any(detector.spans(text)) and detector.needs.met_by(traits_for_gates(text)))
    ]
    wrong = [number for number, text in enumerate(no_match) if any(detector.spans(text))]
    if missed or wrong:
        raise DetectionError(
            f"detector {detector.name} fails its own examples: match {missed}, no_match {wrong}",
            hint="mend its pattern or its examples in detectors.yaml",
        )
