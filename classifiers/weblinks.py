"""What Presidio's URL and e-mail patterns match, found without their backtracking.

Presidio's URL pattern tries 1,400 top-level domains, one after the other, at every dot and from every character; its
e-mail pattern is quadratic in a run of dotted words. Both have a simple shape that a walk over dots and at signs
finds in linear time. Equal to the patterns of presidio-analyzer 2.2.366, which decide whatever is unusual; a
differential test holds that, and another that these are the patterns installed.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import regex
from presidio_analyzer.predefined_recognizers import UrlRecognizer

from clearance.classifiers.alphabets import alphabet_of_classes

_FLAGS = regex.IGNORECASE | regex.MULTILINE | regex.DOTALL
_Place = tuple[int, int]

# --- e-mail: local part, @, labels; the local part starts at a word boundary and not with a dot.
_LOCAL = regex.compile(r"(?r)[!#$%&'*+\-/=?^_`{|}~.\w]+", _FLAGS)
_LOCAL_START = regex.compile(r"\b[!#$%&'*+\-/=?^_`{|}~\w]", _FLAGS)
_LABELS = regex.compile(r"\w+(?:-+\w+)*(?:\.\w+(?:-+\w+)*)+", _FLAGS)
# The same for ASCII texts, where the standard library's are enough and take half the time.
_LOCAL_MARKS = "!#$%&'*+-/=?^_`{|}~." + string.ascii_letters + string.digits
_ASCII_LABELS = re.compile(_LABELS.pattern, re.ASCII)

#: What :func:`email_places` can tell apart in ASCII.
EMAIL_ALPHABET = alphabet_of_classes(
    ["@", ".", "-", "_", string.ascii_letters + string.digits, _LOCAL_MARKS],
)


def email_places(text: str) -> Iterator[_Place]:
    """Matches of Presidio's e-mail pattern, in order: (start, end) in code points."""
    begin = 0
    at = text.find("@")
    is_ascii = text.isascii()
    while at >= 0:
        next_at = text.find("@", at + 1)
        start = _local_start(text, begin, at, is_ascii=is_ascii)
        if start >= 0:
            # Bounded, since regex looks for a dot in all that is left before it tries to match.
            end = next_at if next_at >= 0 else len(text)
            labels = _ASCII_LABELS.match(text, at + 1, end) if is_ascii else _LABELS.match(text, at + 1, end)
            if labels is not None:
                begin = labels.end()
                yield start, begin
        at = next_at if next_at < 0 or next_at >= begin else text.find("@", begin)


def _local_start(text: str, begin: int, at: int, *, is_ascii: bool) -> int:
    """Where the local part before an at sign begins, at ``begin`` or behind it; -1 if there is none.

    Its last character can't be a dot, and its first is the leftmost one at a word boundary that is none.
    """
    if at == begin or text[at - 1] == ".":
        return -1
    if is_ascii:
        start = len(text[begin:at].rstrip(_LOCAL_MARKS)) + begin
        if start < at and (text[start].isalnum() and (start == 0 or not _is_word(text[start - 1]))):
            return start
    else:
        local = _LOCAL.match(text, begin, at)
        start = at if local is None else local.start()
    first = _LOCAL_START.search(text, start, at) if start < at else None
    return -1 if first is None else first.start()


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


# --- URLs
_PATTERNS = {pattern.name: pattern.regex for pattern in UrlRecognizer.PATTERNS}
#: Characters that IGNORECASE takes for ASCII letters, and digits beyond ASCII: such a text goes to the patterns.
_ODD = re.compile("[ſıİ\u212a]|[wW]{3}\\d*[^\x00-\x7f]")
#: A run of host characters with a dot in it, from its first to its last.
_HOST = re.compile(r"(?<![a-zA-Z0-9.\-])[a-zA-Z0-9\-]*\.[a-zA-Z0-9.\-]+")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_PATH = regex.compile(r"""/[^\s()<>"']*""", _FLAGS)
_QUOTED = re.compile(r"""["'][a-zA-Z0-9.\-]""")
#: The pattern takes at most so many characters between where it begins, or this lead behind it, and the last dot.
_BEFORE_DOT = 253
_LEAD = re.compile(r"www[0-9]{0,3}\.", re.IGNORECASE)
_LONGEST_LEAD = len("www123.")
#: The name of the pattern of URLs without a scheme.
BARE = "Non schema URL"
#: The top-level domains of Presidio's URL pattern, in its order.
LISTED_DOMAINS = tuple(dict.fromkeys(re.findall(r"\(\?:([a-z0-9\-]+)\)", UrlRecognizer.BASE_URL_REGEX)))


@lru_cache(maxsize=len(_PATTERNS))
def _presidios(name: str) -> regex.Pattern[str]:
    """One of Presidio's own, which are seldom asked: 1,400 domains take a fifth of a second to compile."""
    return regex.compile(_PATTERNS[name], _FLAGS)


def _by_beginning(domains: Iterable[str]) -> dict[str, re.Pattern[str]]:
    """First two characters -> a pattern of the domains that begin so; the first of them in this order is taken."""
    grouped: dict[str, list[str]] = {}
    for domain in domains:
        grouped.setdefault(domain[:2], []).append(domain)
    return {beginning: re.compile("|".join(map(re.escape, listed))) for beginning, listed in grouped.items()}


_DOMAINS = _by_beginning(LISTED_DOMAINS)


def url_places(text: str) -> dict[str, list[_Place]]:
    """Matches of Presidio's URL patterns, by the name of each that has any: (start, end) in code points, in order."""
    if not text.isascii() and _ODD.search(text):
        return {name: [match.span() for match in _presidios(name).finditer(text)] for name in _PATTERNS}
    bare = _bare(text)
    if not bare:
        return {}
    places = {BARE: bare}
    if "://" in text:
        places["Standard Url"] = list(_with_scheme(text))
    if ('"' in text or "'" in text) and _QUOTED.search(text):
        for name in ("Quoted URL", "Quoted Non-schema URL"):
            places[name] = [match.span() for match in _presidios(name).finditer(text)]
    return places


def has_bare_urls_only(text: str) -> bool:
    """Whether all of a text's URLs are hosts alone, of no unusual length: without scheme, path or quotes."""
    return len(text) <= _BEFORE_DOT and text.isascii() and not ("/" in text or '"' in text or "'" in text)


def bare_urls(texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For texts that :func:`has_bare_urls_only` is true of, the URLs in order: numbers of their texts, starts, ends."""
    joined = "\n".join(texts)
    places = np.array(_bare(joined), np.int64).reshape(-1, 2)
    behind = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)
    rows = np.searchsorted(behind, places[:, 0], side="right")
    before = np.concatenate([[0], behind])[rows]
    return rows, places[:, 0] - before, places[:, 1] - before


def _bare(text: str) -> list[_Place]:
    """Without a scheme. A match may end inside a run of host characters, and the next one begin there."""
    found: list[_Place] = []
    reached = 0
    for match in _HOST.finditer(text):
        start, end = max(match.start(), reached), match.end()
        long = _LongRun(text[start:end], start) if end - start > _BEFORE_DOT else None
        while start < end:
            if long is None:
                host: _Place | None = (start, start + _host_length(text[start:end]))
            else:
                host = long.next_host(start)
            if host is None or host[0] == host[1]:
                break
            reached = host[1]
            if text.startswith("/", reached):
                reached = _with_path(text, reached)
            found.append((host[0], reached))
            start = reached
    return found


def _with_scheme(text: str) -> Iterator[_Place]:
    reached = 0
    for scheme in _SCHEME.finditer(text):
        host = _HOST.match(text, scheme.end()) if scheme.start() >= reached else None
        if host is None:
            continue
        run = host.group()
        end = _host_length(run) if len(run) <= _BEFORE_DOT else _LongRun(run).end_of_host(0)
        if end:
            reached = _with_path(text, scheme.end() + end)
            yield scheme.start(), reached


class _LongRun:
    """A run of host characters that is longer than the pattern reaches, such as ``A.A.A.A. ...``; places are those of
    the text in which it begins at ``offset``."""

    def __init__(self, run: str, offset: int = 0) -> None:
        self._run, self._offset = run, offset
        lower = run.lower()
        found = [(match.start(), _domain_end(lower, match.start())) for match in re.finditer(r"\.", run)]
        #: Dots with a listed domain behind them, and where that ends.
        self._dots = [dot for dot, end in found if end]
        self._ends = [end for _, end in found if end]

    def next_host(self, start: int) -> _Place | None:
        """The first host that begins at ``start`` or behind it."""
        begin = start - self._offset
        while (index := bisect_right(self._dots, begin)) < len(self._dots):
            begin = max(begin, self._dots[index] - _BEFORE_DOT - _LONGEST_LEAD)
            end = self.end_of_host(begin)
            if end:
                return begin + self._offset, end + self._offset
            begin += 1
        return None

    def end_of_host(self, begin: int) -> int:
        """Where the host that begins at this place of the run ends; 0 if none does."""
        lead = _LEAD.match(self._run, begin)
        for first in (begin,) if lead is None else (lead.end(), begin):
            index = bisect_right(self._dots, first + _BEFORE_DOT) - 1
            if index >= 0 and self._dots[index] > first:
                return self._ends[index]
        return 0


def _with_path(text: str, end: int) -> int:
    path = _PATH.match(text, end) if text.startswith("/", end) else None
    return path.end() if path is not None else end


@lru_cache(maxsize=1 << 14)
def _host_length(run: str) -> int:
    """Length of the longest beginning of a run that ends in a listed domain behind a dot; 0 if there is none.

    As in the pattern, the rightmost dot comes first, and behind it the first listed domain that fits, even if the
    word goes on: ``x.community`` gives ``x.com``.
    """
    dot = run.rfind(".")
    lower = run.lower()
    while dot >= 1:
        end = _domain_end(lower, dot)
        if end:
            return end
        dot = run.rfind(".", 0, dot)
    return 0


def _domain_end(lower: str, dot: int) -> int:
    """Where the listed domain behind a dot ends; 0 if there is none."""
    listed = _DOMAINS.get(lower[dot + 1 : dot + 3])
    domain = listed.match(lower, dot + 1) if listed is not None else None
    return domain.end() if domain is not None else 0
