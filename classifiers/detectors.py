"""Our own pattern detectors, beside Presidio's recognizers: what one is, and where they come from.

They are declared in YAML (``patterns/``, and a user's own files); :mod:`clearance.classifiers.declarations` reads them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import regex
from phonenumbers.geodata.locale import LOCALE_DATA

from clearance.classifiers.findings import Span
from clearance.classifiers.gates import Needs
from clearance.errors import DetectionError, UsageError

#: Seconds that one pattern may take on one text before the scan is void.
TIMEOUT = 60
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

    def spans(self, text: str) -> Iterator[Span]:
        """Spans in order of their start. Raises DetectionError when the pattern runs out of time."""
        try:
            for match in self.pattern.finditer(text, timeout=TIMEOUT):
                start, end = match.span(self.group)
                if end <= start or (self.validate is not None and not self.validate(text[start:end])):
                    continue
                score = self._score(text, *match.span())
                if score is not None:
                    yield Span(start, end, self.entity_type, score, self.name)
        except TimeoutError as error:
            raise DetectionError(
                f"the pattern of {self.name} ran out of time on a text of {len(text)} characters",
                hint="report the shape of the text; the scan is void",
            ) from error

    def _score(self, text: str, start: int, end: int) -> float | None:
        if self.exclude is not None and self._is_near(self.exclude, text, start, end):
            return None
        if self.context is None or self._is_near(self.context, text, start, end):
            return self.score
        return self.base_score

    def _is_near(self, words: regex.Pattern[str], text: str, start: int, end: int) -> bool:
        """Whether one of ``words`` ends before the match or begins after it, within the window."""
        if words.search(text, max(0, start - self.window), start):
            return True
        behind = words.search(text, end, end + self.window + LONGEST_WORD)
        return behind is not None and behind.start() < end + self.window


def stem_of(word: str) -> str:
    """The pattern of a context word, without what has to stand around it: a blank stands for other marks too."""
    return r"[ _\-]".join(map(regex.escape, word.rstrip("*").split(" ")))


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


def load_detectors(language: str = "en", paths: Sequence[Path] = ()) -> tuple[Detector, ...]:
    """The packaged detectors, those of the user's YAML files, and the countries in ``language``, in this order.

    Raises UsageError for a file that is not what :mod:`clearance.classifiers.declarations` describes, DetectionError
    for a detector that fails on its own examples.
    """
    return (*_declared((*packaged_files(), *read_files(paths))), countries(language))


def detectors_digest(paths: Sequence[Path] = ()) -> str:
    """SHA-256 of all declarations, the packaged ones and those of ``paths``; file names don't count."""
    digest = hashlib.sha256()
    for _, text in (*packaged_files(), *read_files(paths)):
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()


@lru_cache(maxsize=8)
def _declared(files: tuple[tuple[str, str], ...]) -> tuple[Detector, ...]:
    # Only here, because declarations are made of detectors.
    from clearance.classifiers.declarations import read_declarations

    return read_declarations(files)


@lru_cache(maxsize=1)
def packaged_files() -> tuple[tuple[str, str], ...]:
    """Name and content of each file of packaged declarations, by name."""
    folder = resources.files("clearance.classifiers").joinpath("patterns")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return tuple((file.name, file.read_text(encoding="utf-8")) for file in files)


def read_files(paths: Sequence[Path]) -> tuple[tuple[str, str], ...]:
    """Path and content of each of a user's files. Raises UsageError for one that can't be read as UTF-8."""
    files = []
    for path in paths:
        try:
            files.append((str(path), Path(path).read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"can't read detectors from {path}: {type(error).__name__}", hint="name a YAML file in UTF-8"
            ) from error
    return tuple(files)
