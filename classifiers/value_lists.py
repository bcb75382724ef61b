"""Lists of values that are always, or never, a finding: written out, as patterns, or hashed.

Values are compared word by word: case, width, and the marks and blanks between words don't count, so that
``Blue Falcon`` in a list is ``BLUE-FALCON`` in a text as well.

A hashed list holds HMAC-SHA256 (RFC 2104) of each value under a salt that stands beside it. It hides what can't be
guessed: whoever has the file can try every phone number, but not every 20-character key.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import regex

#: Seconds that one pattern of a list may take on one text before the scan is void.
TIMEOUT = 60
#: No hashed value has more words.
MOST_WORDS = 8

# A letter's marks belong to its word.
_WORD = regex.compile(r"(?:[^\W_]|\p{M})+")


def normalised(value: str) -> str:
    """A value as lists compare it: its words in compatibility form, case folded, one blank between them."""
    return " ".join(_folded(word) for word in _WORD.findall(value))


def hashed(value: str, salt: str) -> str:
    """What a hashed list holds of a value: HMAC-SHA256 of its normalised form in UTF-8, in hexadecimal."""
    return _mac(normalised(value), salt)


@dataclass(frozen=True, slots=True, repr=False)
class ValueList:
    """Values of one list. ``phrases`` are normalised, ``digests`` hexadecimal, of values of at most ``words`` words."""

    phrases: frozenset[str] = frozenset()
    patterns: tuple[regex.Pattern[str], ...] = ()
    salt: str = ""
    digests: frozenset[str] = frozenset()
    words: int = 1
    _lengths: dict[str, tuple[int, ...]] = field(init=False)

    def __post_init__(self) -> None:
        lengths: dict[str, set[int]] = {}
        for phrase in self.phrases:
            words = phrase.split(" ")
            lengths.setdefault(words[0], set()).add(len(words))
        object.__setattr__(
            self, "_lengths", {word: tuple(sorted(some, reverse=True)) for word, some in lengths.items()}
        )

    def holds(self, value: str) -> bool:
        """Whether a whole value is in the list. Raises TimeoutError when a pattern runs out of time."""
        if self.phrases or self.digests:
            phrase = normalised(value)
            if phrase in self.phrases or (phrase and self.digests and _mac(phrase, self.salt) in self.digests):
                return True
        return any(pattern.fullmatch(value, timeout=TIMEOUT) for pattern in self.patterns)

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Where values of the list stand in a text, in code points. Raises TimeoutError as :meth:`holds` does.

        One pass over the words, whatever the number of values; hashed ones cost a hash for each run of words.
        """
        if self.phrases or self.digests:
            words = [(*match.span(), _folded(match[0])) for match in _WORD.finditer(text)]
            for first, (start, _, word) in enumerate(words):
                for count in self._lengths.get(word, ()) if not self.digests else range(self._most, 0, -1):
                    some = words[first : first + count]
                    if len(some) == count and self._has(" ".join(word for _, _, word in some)):
                        yield start, some[-1][1]
                        break
        for pattern in self.patterns:
            yield from (
                match.span() for match in pattern.finditer(text, timeout=TIMEOUT) if match.end() > match.start()
            )

    @property
    def _most(self) -> int:
        return max((self.words, *(lengths[0] for lengths in self._lengths.values())))

    def _has(self, phrase: str) -> bool:
        return phrase in self.phrases or (bool(self.digests) and _mac(phrase, self.salt) in self.digests)


def phrases_of(values: Iterable[str]) -> frozenset[str]:
    """Values as :class:`ValueList` holds them. Raises ValueError for one without a letter or digit."""
    phrases = frozenset(map(normalised, values))
    if "" in phrases:
        raise ValueError("a value has neither letter nor digit")
    return phrases


def _folded(word: str) -> str:
    return word.lower() if word.isascii() else unicodedata.normalize("NFKC", word).casefold()


def _mac(phrase: str, salt: str) -> str:
    return hmac.new(salt.encode(), phrase.encode(), hashlib.sha256).hexdigest()
