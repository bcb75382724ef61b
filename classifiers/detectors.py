"""Our own pattern detectors, beside Presidio's recognizers: what one is, and where they come from.

They are declared in YAML (``patterns/``, and a user's own files); :mod:`clearance.classifiers.declarations` reads them.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import phonenumbers
import regex

from clearance.classifiers.alphabets import places_in_alike
from clearance.classifiers.findings import Span
from clearance.classifiers.gates import Needs
from clearance.classifiers.hit_columns import HitColumns, Said
from clearance.classifiers.yaml_files import RulesFile, read_files
from clearance.errors import DetectionError

#: Seconds that one pattern may take on one text before the scan is void.
TIMEOUT = 60
#: Even a pattern that tries all ways ends on so few characters; starting its clock would take longer than matching.
UNTIMED = 24
#: The same for the packaged patterns, which don't do that: tests hold their time to the length of the text.
PACKAGED_UNTIMED = 64
#: Characters before and after a match in which context and exclusion words are looked for.
WINDOW = 50
#: No context or exclusion word is longer; one that begins inside the window is seen to its end.
LONGEST_WORD = 60

_NOTHING = Needs()


@dataclass(frozen=True, slots=True)
class Detector:
    """One pattern. ``spans(text)`` yields what it finds in all of ``text``.

    ``needs`` and ``gate`` are necessary conditions, for whoever wants to try it on fewer texts: a text in which it
    matches meets ``needs``, and one of the simpler patterns of ``gate``, if there are any, matches there as well.

    With ``context``, a match scores ``score`` only if one of these words is near, else ``base_score``; without a base
    score it is none then. A match with a word of ``exclude`` near is none.
    """

    name: str
    entity_type: str
    score: float
    pattern: regex.Pattern[str]
    group: int | str = 0
    validate: Callable[[str], bool] | None = None
    needs: Needs = _NOTHING
    gate: tuple[str, ...] = ()
    context: regex.Pattern[str] | None = None
    context_words: tuple[str, ...] = ()
    base_score: float | None = None
    exclude: regex.Pattern[str] | None = None
    window: int = WINDOW
    untimed: int = UNTIMED

    def spans(self, text: str) -> list[Span]:
        """Spans in order of their start. Raises DetectionError when the pattern runs out of time."""
        hits = HitColumns()
        self.add_hits(hits, [text], (0,))
        return sorted(span for _, span in hits.by_row().get(0, ()))

    def add_hits(self, hits: HitColumns, texts: Sequence[str], rows: Sequence[int]) -> None:
        """Adds the hits in the texts ``rows``. Raises DetectionError when the pattern runs out of time."""
        pattern, group, validate, untimed = self.pattern, self.group, self.validate, self.untimed
        usual = hits.of(Said(self.entity_type, self.score, self.name))
        least = usual if self.base_score is None else hits.of(Said(self.entity_type, self.base_score, self.name))
        places, others = places_in_alike(pattern, texts, rows, self._spans_of_alike)
        # All of them are of texts in which no word decides, or of ones that are the whole of theirs.
        found = usual if self.context is None else least
        for row, start, end in zip(*places, strict=True):
            if validate is None or validate(texts[row][start:end]):
                found.rows.append(row)
                found.starts.append(start)
                found.ends.append(end)
        text = ""
        try:
            for row in others:
                text = texts[row]
                # Most texts that the gate lets through are short, and asked for by the hundred thousand.
                matches = pattern.finditer(text) if len(text) <= untimed else pattern.finditer(text, timeout=TIMEOUT)
                for match in matches:
                    start, end = match.span(group)
                    if end <= start or (validate is not None and not validate(text[start:end])):
                        continue
                    score = self._score(text, match)
                    if score is not None:
                        found = usual if score == self.score else least
                        found.rows.append(row)
                        found.starts.append(start)
                        found.ends.append(end)
        except TimeoutError as error:
            raise DetectionError(
                f"the pattern of {self.name} ran out of time on a text of {len(text)} characters",
                hint="report the shape of the text; the scan is void",
            ) from error

    def _spans_of_alike(self, text: str) -> list[tuple[int, int]] | None:
        """Where it matches a text, and any other that looks the same to it; None where words near a match decide."""
        matches = list(self.pattern.finditer(text))
        if self.context is not None or self.exclude is not None:
            if any(match.span() != (0, len(text)) for match in matches):
                return None
            if self.context is not None and self.base_score is None:
                return []
        spans = [match.span(self.group) for match in matches]
        return [(start, end) for start, end in spans if start < end]

    def _score(self, text: str, match: regex.Match[str]) -> float | None:
        start, end = match.span()
        if not start and end == len(text):  # no word is near
            return self.score if self.context is None else self.base_score
        if self.exclude is not None and self._is_near(self.exclude, text, start, end):
            return None
        if self.context is None or self._is_near(self.context, text, start, end):
            return self.score
        return self.base_score

    def _is_near(self, words: regex.Pattern[str], text: str, start: int, end: int) -> bool:
        return is_near(words, text, start, end, before=self.window, behind=self.window)


def is_near(words: regex.Pattern[str], text: str, start: int, end: int, *, before: int, behind: int) -> bool:
    """Whether one of ``words`` ends in the ``before`` characters before a place, or begins in those ``behind`` it.

    ``words`` comes from :func:`words_pattern`.
    """
    if before and words.search(text, max(0, start - before), start):
        return True
    found = words.search(text, end, end + behind + LONGEST_WORD) if behind else None
    return found is not None and found.start() < end + behind


def stem_of(word: str) -> str:
    """The pattern of a context word, without what has to stand around it: a blank stands for other marks too."""
    return r"[ _\-]".join(map(regex.escape, word.rstrip("*").split(" ")))


def words_pattern(words: Sequence[str]) -> regex.Pattern[str]:
    """Finds any of these words, in any case, touched by no other letter; a ``*`` at a word's end takes more letters."""
    alternatives = []
    for word in sorted(words, key=lambda word: (-len(word), word)):
        alternatives.append(stem_of(word) + ("" if word.endswith("*") else r"(?![^\W\d_])"))
    return regex.compile(rf"(?<![^\W\d_])(?:{'|'.join(alternatives)})", regex.IGNORECASE)


def _country_names() -> Mapping[str, Mapping[str, str]]:
    """phonenumbers' names of countries by language, without the names of all areas that its package would load."""
    name = "phonenumbers.geodata.locale"
    path = Path(phonenumbers.__file__).with_name("geodata") / "locale.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DetectionError("phonenumbers has no names of countries", hint="reinstall the package phonenumbers")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except OSError:  # in an archive there are no files
        module = importlib.import_module(name)
    names: Mapping[str, Mapping[str, str]] = module.LOCALE_DATA
    return names


@lru_cache(maxsize=8)
def countries(language: str) -> Detector:
    """Names of countries in a language, as they are written; the list is the one phone numbers come with."""
    # An entry "*de" points to that language's spelling; "aa" stands for the commonest one.
    named = set()
    for region in _country_names().values():
        name = region.get(language, region.get("en", ""))
        name = (region.get(name[1:], "") if name.startswith("*") else name).partition(" (")[0]
        if len(name) > 3:
            named.add(name)
    alternatives = "|".join(regex.escape(name) for name in sorted(named, key=lambda name: (-len(name), name)))
    return Detector("Countries", "LOCATION", 0.5, regex.compile(rf"\b(?:{alternatives})\b"), needs=Needs(capital=True))


def load_detectors(language: str = "en", files: Sequence[str | Path | RulesFile] = ()) -> tuple[Detector, ...]:
    """The packaged detectors, those of the user's YAML ``files``, and the countries in ``language``, in this order.

    Raises UsageError for a file that is not what :mod:`clearance.classifiers.declarations` describes, DetectionError
    for a detector that fails on its own examples.
    """
    return (*_declared((*packaged_files(), *read_files(files))), countries(language))


def detectors_digest(files: Sequence[str | Path | RulesFile] = ()) -> str:
    """SHA-256 of all declarations, the packaged ones and those of ``files``; file names don't count."""
    digest = hashlib.sha256()
    for _, text in (*packaged_files(), *read_files(files)):
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()


@lru_cache(maxsize=8)
def _declared(files: tuple[RulesFile, ...]) -> tuple[Detector, ...]:
    # Only here, because declarations are made of detectors.
    from clearance.classifiers.declarations import read_declarations

    return read_declarations(files, packaged=packaged_files())


@lru_cache(maxsize=1)
def packaged_files() -> tuple[RulesFile, ...]:
    """Name and content of each file of packaged declarations, by name."""
    folder = resources.files("clearance.classifiers").joinpath("patterns")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return tuple(RulesFile(file.name, file.read_text(encoding="utf-8")) for file in files)
