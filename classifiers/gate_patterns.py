"""From a detector's pattern to a simpler one that matches wherever it does: what a one-pass gate can look for.

The result is a plain regular expression over the folded bytes of :mod:`clearance.classifiers.folding`: no look-arounds,
no back references, nothing lazy or possessive, no Unicode. It may match more, never less: a pattern's prefix up to
what can't be expressed is a necessary condition of the whole, and so is dropping an assertion.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from functools import lru_cache
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from clearance.classifiers.folding import OTHER, folded

#: Larger counts are cut: they cost the gate memory and hardly make it sharper.
MAX_COUNT = 40
_NAMED_GROUP = re.compile(r"\(\?P?<([^=!][^>]*)>")
#: A kind of letters, which the standard library's parser does not know; word characters are more than that.
_LETTERS = re.compile(r"(?<!\\)((?:\\\\)*)\\p\{L[a-z]?\}")
#: ...but of what a class leaves out, more is not less.
_WITHOUT_LETTERS = re.compile(r"\[\^[^\]]*\\p")
WORD_CHARACTERS = frozenset(map(ord, string.ascii_letters + string.digits + "_"))
#: Ranges of more characters are not looked through.
_LONG_RANGE = 4096
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
#: A byte and some of the non-ASCII characters that fold to it.
_FOLDED = {ord("0"): "٤", ord(" "): "\u2003", ord("s"): "ſ", ord("k"): "\u212a", ord("i"): "ıİ"}

Node = tuple[Any, Any]


class _CutError(Exception):
    """What comes next can't be expressed; ``so_far`` holds what came before."""

    def __init__(self, so_far: str) -> None:
        super().__init__()
        self.so_far = so_far


def gate_pattern(pattern: str, *, ascii_rows: bool) -> str | None:
    """A pattern over folded bytes that matches in every text in which ``pattern`` does; None where there is no such.

    ``ascii_rows``: the gate sees texts of ASCII only, where a word boundary is one in bytes too. Case is ignored by
    whoever runs it, if the pattern ignores it. None also for a pattern that can match nothing at all.
    """
    known = named = named_groups_removed(pattern)
    if not _WITHOUT_LETTERS.search(known):
        known = _LETTERS.sub(r"\1\\w", known)
    try:
        tree = parser.parse(known, re.MULTILINE | re.DOTALL)
    except re.error:
        return None
    try:
        # Of a look-behind that refuses letters, word characters are more than it refuses.
        simple = _Writer(ascii_rows, bounded=known == named).pattern(_without_tail(list(tree)))
    except _CutError as cut:
        simple = cut.so_far
    return simple if simple and re.match(simple.encode("latin-1"), b"") is None else None


def named_groups_removed(pattern: str) -> str:
    """The pattern with its groups, but without their names: the regex module lets two share one."""
    return _NAMED_GROUP.sub("(", pattern)


def _without_tail(nodes: Sequence[Node]) -> list[Node]:
    """The shortest beginning that is still necessary: optional repetitions at the end only add events."""
    kept = list(nodes)
    while kept:
        op, argument = kept[-1]
        if op is sre.ASSERT and argument[0] > 0:
            # What the end looks ahead at has to stand there.
            kept[-1:] = list(argument[1])
        elif (op in (sre.ASSERT, sre.ASSERT_NOT) and len(kept) > 1) or (op in _REPEATS and argument[0] == 0):
            kept.pop()
        elif op in _REPEATS and argument[0] < argument[1]:
            kept[-1] = (op, (argument[0], argument[0], argument[2]))
        elif op is sre.SUBPATTERN:
            group, added, removed, inner = argument
            shorter = _without_tail(inner)
            if shorter:
                kept[-1] = (op, (group, added, removed, shorter))
                break
            kept.pop()
        elif op is sre.BRANCH:
            kept[-1] = (op, (None, [_without_tail(branch) for branch in argument[1]]))
            break
        else:
            break
    return kept


class _Writer:
    """Writes a parsed pattern down again, as far as it can be expressed."""

    def __init__(self, ascii_rows: bool, *, bounded: bool) -> None:
        self._ascii_rows = ascii_rows
        #: Whether a look-behind at the beginning may be written as a word boundary.
        self._bounded = bounded and ascii_rows
        self._groups: dict[int, str] = {}

    def pattern(self, nodes: Sequence[Node]) -> str:
        """A whole pattern: what it looks back at, before anything is matched, has to stand there."""
        if nodes and nodes[0][0] is sre.ASSERT and nodes[0][1][0] < 0:
            return self._part(nodes[0][1][1]) + self._sequence(nodes[1:])
        if self._bounded and nodes and _refuses_words_before(nodes[0]) and _begins_a_word(nodes[1:]):
            return r"\b" + self._sequence(nodes[1:])
        return self._sequence(nodes)

    def _sequence(self, nodes: Sequence[Node]) -> str:
        parts: list[str] = []
        for node in nodes:
            try:
                parts.append(self._node(node))
            except _CutError as cut:
                raise _CutError("".join(parts) + cut.so_far) from None
        return "".join(parts)

    def _part(self, nodes: Sequence[Node]) -> str:
        """A sequence that has to be expressed whole: what is cut inside cuts whatever it is a part of."""
        try:
            return self._sequence(nodes)
        except _CutError:
            raise _CutError("") from None

    def _node(self, node: Node) -> str:
        op, argument = node
        if op is sre.LITERAL:
            return _escape(folded(argument)) if argument < 128 or not self._ascii_rows else _escape(OTHER)
        if op is sre.NOT_LITERAL:
            return self._class([(sre.NEGATE, None), (sre.LITERAL, argument)])
        if op is sre.ANY:
            return r"[\x00-\xff]"
        if op is sre.IN:
            return self._class(argument)
        if op is sre.BRANCH:
            return "(?:" + "|".join(self._part(branch) for branch in argument[1]) + ")"
        if op is sre.SUBPATTERN:
            number, added, _, inner = argument
            return self._group(number, inner, caseless=bool(added & re.IGNORECASE))
        if op is sre.ATOMIC_GROUP:
            return "(?:" + self._sequence(argument) + ")"
        if op in _REPEATS:
            return self._repeat(argument)
        if op is sre.AT:
            return r"\b" if argument is sre.AT_BOUNDARY and self._ascii_rows else ""
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            return ""
        if op is sre.GROUPREF and argument in self._groups:
            # The same text again: at least something that the group could match.
            return self._groups[argument]
        raise _CutError("")

    def _class(self, items: Sequence[Node]) -> str:
        # In texts of ASCII only, nothing folds to OTHER: a class of none of their characters can't match there.
        return _bytes_class(ascii_set(items) or {OTHER} if self._ascii_rows else _folded_set(items))

    def _group(self, number: int | None, inner: Sequence[Node], *, caseless: bool) -> str:
        written = ("(?i:" if caseless else "(?:") + self._sequence(inner) + ")"
        if number is not None:
            self._groups[number] = written
        return written

    def _repeat(self, argument: tuple[int, int, Sequence[Node]]) -> str:
        low, high, inner = argument
        try:
            body = self._sequence(inner)
        except _CutError as cut:
            # Of a repetition that is there at least once, the beginning of the first one is necessary.
            raise _CutError(cut.so_far if low else "") from None
        low = min(int(low), MAX_COUNT)
        if high is sre.MAXREPEAT or int(high) > MAX_COUNT:
            return f"(?:{body}){{{low},}}"
        return f"(?:{body}){{{low},{int(high)}}}"


def _refuses_words_before(node: Node) -> bool:
    """Whether it is a look-behind that no word character may stand before."""
    op, argument = node
    if op is not sre.ASSERT_NOT or argument[0] > 0 or len(argument[1]) != 1:
        return False
    ((refused, items),) = argument[1]
    return refused is sre.IN and ascii_set(items) >= WORD_CHARACTERS


def _begins_a_word(nodes: Sequence[Node]) -> bool:
    """Whether in ASCII a match can begin with nothing but a word character."""
    if not nodes:
        return False
    op, argument = nodes[0]
    if op is sre.LITERAL:
        return argument in WORD_CHARACTERS
    if op is sre.IN:
        return ascii_set(argument) <= WORD_CHARACTERS
    if op is sre.SUBPATTERN:
        return _begins_a_word(argument[3])
    if op is sre.BRANCH:
        return all(_begins_a_word(branch) for branch in argument[1])
    if op in (sre.ASSERT, sre.ASSERT_NOT):
        return _begins_a_word(nodes[1:])
    return op in _REPEATS and argument[0] > 0 and _begins_a_word(argument[2])


def ascii_set(items: Sequence[Node]) -> set[int]:
    """The ASCII characters that a class matches."""
    return set(_ascii_members(tuple(items)))


@lru_cache(maxsize=1024)
def _ascii_members(items: tuple[Node, ...]) -> frozenset[int]:
    # A thousand classes of all patterns are a hundred different ones.
    negated, members = _members(items)
    return frozenset(point for point in range(128) if any(_is_member(chr(point), item) for item in members) != negated)


def _folded_set(items: Sequence[Node]) -> set[int]:
    """The folded bytes that a character class may match."""
    negated, members = _members(items)
    matching = ascii_set(items)
    if not negated:
        for item in members:
            matching |= _folds_of(item)
        return matching
    for byte, samples in _FOLDED.items():
        # A negated class spares what folds to this byte only where a category covers all of it.
        if not all(any(_is_member(sample, item) for item in members if item[0] is sre.CATEGORY) for sample in samples):
            matching.add(byte)
    return matching | {OTHER}


def _members(items: Sequence[Node]) -> tuple[bool, Sequence[Node]]:
    negated = bool(items) and items[0][0] is sre.NEGATE
    return negated, items[1:] if negated else items


def _folds_of(item: Node) -> set[int]:
    """The bytes that stand for the non-ASCII characters that a member of a class may match."""
    op, argument = item
    if op is sre.LITERAL:
        return {folded(argument)} if argument >= 128 else set()
    if op is sre.RANGE:
        low, high = max(argument[0], 128), argument[1]
        return {folded(point) for point in range(low, high + 1)} if high - low < _LONG_RANGE else {OTHER, *_FOLDED}
    found = {byte for byte, samples in _FOLDED.items() if any(_is_member(sample, item) for sample in samples)}
    return found if argument in (sre.CATEGORY_DIGIT, sre.CATEGORY_SPACE) else found | {OTHER}


def _is_member(character: str, item: Node) -> bool:
    op, argument = item
    point = ord(character)
    if op is sre.LITERAL:
        return bool(point == argument)
    if op is sre.RANGE:
        return bool(argument[0] <= point <= argument[1])
    return _in_category(character, argument)


def _in_category(character: str, category: Any) -> bool:
    word = character.isalnum() or character == "_"
    # The regex module, unlike str.isspace, does not take the ASCII separators 0x1C to 0x1F for white space.
    space = character.isspace() and not "\x1c" <= character <= "\x1f"
    return {
        sre.CATEGORY_DIGIT: character.isdecimal(),
        sre.CATEGORY_NOT_DIGIT: not character.isdecimal(),
        sre.CATEGORY_SPACE: space,
        sre.CATEGORY_NOT_SPACE: not space,
        sre.CATEGORY_WORD: word,
        sre.CATEGORY_NOT_WORD: not word,
    }[category]


def _bytes_class(points: set[int]) -> str:
    ordered = sorted(points)
    if not ordered:
        raise _CutError("")
    if len(ordered) == 1:
        return _escape(ordered[0])
    ranges: list[list[int]] = []
    for point in ordered:
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "[" + "".join(_escape(a) if a == b else f"{_escape(a)}-{_escape(b)}" for a, b in ranges) + "]"


def _escape(point: int) -> str:
    character = chr(point)
    return character if point < 128 and character.isalnum() else f"\\x{point:02x}"
