"""Which of Presidio's recognizers are on, for a language and a set of regions (``recognizers.yaml``)."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from phonenumbers import SUPPORTED_REGIONS
from presidio_analyzer import EntityRecognizer, PatternRecognizer, RecognizerRegistry, predefined_recognizers
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from clearance.classifiers.yaml_files import packaged
from clearance.errors import DetectionError, UsageError

#: What the stock registry sets on all its recognizers, whatever their constructors say.
_STOCK_FLAGS = RecognizerRegistry(recognizers=[]).global_regex_flags or 0


@dataclass(frozen=True, slots=True)
class RecognizerEntry:
    """One line of ``recognizers.yaml``; languages or region None: any."""

    name: str
    languages: frozenset[str] | None
    region: str | None
    use: str
    reason: str

    def enabled(self, language: str, regions: frozenset[str], *, asked: bool) -> bool:
        """Whether it is on; ``asked`` says that the caller named the regions."""
        if self.use == "never" or (self.use == "asked" and not asked):
            return False
        if self.languages is not None and language not in self.languages:
            return False
        return self.region is None or self.region in regions


@lru_cache(maxsize=1)
def recognizer_entries() -> tuple[tuple[RecognizerEntry, ...], dict[str, frozenset[str]]]:
    """All entries, and each language's default regions."""
    data = packaged("recognizers.yaml")
    entries = tuple(
        RecognizerEntry(
            name=item["name"],
            languages=None if item["languages"] == "any" else frozenset(item["languages"]),
            region=None if item["region"] == "any" else str(item["region"]),
            use=item["use"],
            reason=item.get("reason", ""),
        )
        for item in data["recognizers"]
    )
    return entries, {language: frozenset(regions) for language, regions in data["default_regions"].items()}


def known_languages() -> tuple[str, ...]:
    """Languages that at least one recognizer is made for."""
    entries, _ = recognizer_entries()
    return tuple(sorted({language for entry in entries for language in entry.languages or ()}))


def enabled_entries(language: str, regions: Iterable[str] | None) -> tuple[RecognizerEntry, ...]:
    """Entries that are on.

    Raises UsageError for a language that no recognizer is made for, or a region whose phone numbers nobody knows.
    """
    entries, defaults = recognizer_entries()
    if language not in known_languages():
        raise UsageError(
            f"no recognizer is made for language {language!r}", hint=f"known: {', '.join(known_languages())}"
        )
    known = {entry.region for entry in entries if entry.region}
    wanted = frozenset(map(_own_code, regions)) if regions is not None else None
    unknown = {region for region in wanted or () if region not in known and _iso_code(region) not in SUPPORTED_REGIONS}
    if unknown:
        raise UsageError(
            f"unknown region: {', '.join(sorted(unknown))}",
            hint=f"name a country by its ISO 3166 code; with identifiers of their own: {', '.join(sorted(known))}",
        )
    chosen = wanted if wanted is not None else defaults.get(language, frozenset(known))
    return tuple(entry for entry in entries if entry.enabled(language, chosen, asked=wanted is not None))


def _own_code(region: str) -> str:
    """A region as ``recognizers.yaml`` writes it, after Presidio: ISO 3166 in lower case, but for ``uk``."""
    return {"gb": "uk"}.get(region.lower(), region.lower())


def _iso_code(region: str) -> str:
    return {"uk": "GB"}.get(region.lower(), region.upper())


def build_recognizer(entry: RecognizerEntry, language: str, regions: Iterable[str] | None = None) -> EntityRecognizer:
    """One of Presidio's recognizers, as its stock registry would make it for ``language``.

    Phone numbers are read as dialled in ``regions`` as well as in Presidio's own eight.
    """
    kind: Any = getattr(predefined_recognizers, entry.name, None)
    if kind is None:
        raise DetectionError(
            f"Presidio has no recognizer {entry.name}", hint="install the presidio-analyzer that Clearance names"
        )
    arguments: dict[str, Any] = {"supported_language": language}
    if entry.name == "CreditCardRecognizer" and language == "es":
        # Presidio's default_recognizers.yaml gives this one recognizer Spanish context words.
        arguments["context"] = ["tarjeta", "credito", "visa", "mastercard", "cc", "amex", "discover", "jcb", "diners"]
    if entry.name == "PhoneRecognizer":
        usual = PhoneRecognizer.DEFAULT_SUPPORTED_REGIONS
        arguments["supported_regions"] = tuple(dict.fromkeys([*usual, *map(_iso_code, sorted(regions or ()))]))
    if "supported_language" not in inspect.signature(kind.__init__).parameters:
        del arguments["supported_language"]
    recognizer: EntityRecognizer = kind(**arguments)
    if isinstance(recognizer, PatternRecognizer):
        recognizer.global_regex_flags = _STOCK_FLAGS
    return recognizer
