"""Obfuscated values: rewritings of a text under which a detector can see what was hidden from it.

``views(text)`` yields the rewritings that apply, each with the way back to the original's code points. A hit in a view
counts only where :meth:`View.touches` says that it needed the rewriting: everything else the original shows as well.
Almost no text has a view. ``VIEW_GATES`` are necessary conditions, one simple pattern each, in which case counts.
"""

from __future__ import annotations

import base64
import binascii
import html
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import regex

#: What a rewriting does: from ``start`` to ``end`` of the original, this text instead.
Edit = tuple[int, int, str]

# Look-alikes of ASCII letters among Cyrillic and Greek ones, from Unicode's confusables.txt (UTS #39).
_LOOKALIKES = dict(
    zip(
        "аеорсухіјѕԁһԛԝӏАВЕКМНОРСТХУІЈЅԚԜοανρικτΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
        "aeopcyxijsdhqwlABEKMHOPCTXYIJSQWoavpiktABEZHIKMNOPTYX",
        strict=True,
    )
)
_INVISIBLE = "\u00ad\u200b-\u200f\u2060\ufeff"
_COMPATIBLE = "\uff01-\uff5e\U0001d400-\U0001d7ff"
# Digits of Arabic, Persian and Urdu, of India's scripts from Devanagari to Malayalam, and of Thai.
_DIGITS = "\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\u0a66-\u0a6f\u0ae6-\u0aef"
_DIGITS += "\u0be6-\u0bef\u0c66-\u0c6f\u0ce6-\u0cef\u0d66-\u0d6f\u0e50-\u0e59"
# What addresses and numbers are made of, as HTML (&#64; &#x40; &commat;) and JSON or C (\\u0040, \\x40) may write it:
# the point, hyphen and underscore, @, letters and digits; no apostrophe, which is in much text.
_HEX = "(?:2[dDeE]|3[0-9]|4[0-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])"
_ESCAPED = (
    r"&(?:#0{0,4}(?:4[5689]|5[0-7]|6[4-9]|[78]\d|90|95|9[7-9]|1[01]\d|12[0-2])|#[xX]0{0,4}"
    + _HEX
    + r"|commat|period|lowbar|hyphen);|\\(?:u00|x)"
    + _HEX
)
# No-break and typographic spaces, and hyphens and dashes beside ASCII's, between groups of digits.
_SPACES = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_DIGIT_WORDS = {
    word: digit
    for digit, words in enumerate(("zero oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))
    for word in words.split()
}


def _any_case(word: str) -> str:
    return "".join(f"[{letter}{letter.upper()}]" for letter in word)


_DIGIT_WORD = "(?:" + "|".join(map(_any_case, _DIGIT_WORDS)) + ")"
_BRACKETED = r"[\[({<]\s?(?:[aA][tT]|[dD][oO][tT]|@|\.)\s?[\])}>]"
#: Lower case, touched by what it belongs to: "File(A)" and "f(a)" name no address, "ana(a)example.org" does.
_A_FOR_AT = r"\w\(a\)\w"
# Four groups of base64 that decode to twelve printable ASCII characters: only these letters can, and few words do.
_BASE64_OF_ASCII = r"(?:[I-Za-f][C-HS-Xi-ny-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_\-]){4}"

#: View's name -> a pattern that matches in every text that has this view. Case counts.
VIEW_GATES: Mapping[str, str] = {
    "folded": f"[{_INVISIBLE}{_COMPATIBLE}{_DIGITS}]",
    "look-alikes": "[" + "".join(_LOOKALIKES) + "]",
    "set apart": rf"\d[{_SPACES}{_DASHES}][0-9A-Z]",
    "spoken address": rf"{_BRACKETED}| [dD][oO][tT] | AT |_[dD][oO][tT]_|{_A_FOR_AT}",
    "spelled digits": rf"{_DIGIT_WORD}[ ,.\-]{{1,3}}{_DIGIT_WORD}[ ,.\-]{{1,3}}{_DIGIT_WORD}",
    "spaced digits": r"\d[ \-]{1,5}\d[ \-]{1,5}\d[ \-]{1,5}\d[ \-]{1,5}\d[ \-]{1,5}\d",
    "spaced address": r"\w @ \w [\w.\-] ",
    "escaped": _ESCAPED,
    "percent": "%[2-7c-fC-F][0-9A-Fa-f]",
    "base64": _BASE64_OF_ASCII,
}

_FOLDING = regex.compile(f"[{_INVISIBLE}{_COMPATIBLE}{_DIGITS}]")
_APART = regex.compile(rf"(?<=[0-9A-Z])(?:(?<space>[{_SPACES}])|[{_DASHES}])(?=[0-9A-Z])")
_ESCAPE = regex.compile(_ESCAPED)
_SPACED_ADDRESS = regex.compile(
    r"""(?<![^\s(\[{<"'“‘„«:;,=])(?:[\w.+\-] ){2,64}@(?: [\w.\-]){4,64}(?=[.,;:!?)\]}>"'”’“»]*(?:\s|$))"""
)
_WORD = regex.compile(r"\S+")
_SPOKEN = regex.compile(
    r"(?<dot>\s?[\[({<]\s?(?:dot|\.)\s?[\])}>]\s?|(?<=[\w\-]) dot (?=[a-z0-9])"
    r"|(?<=_at_[a-z0-9\-]{1,63}(?:_dot_[a-z0-9\-]{1,63}){0,3})_dot_(?=[a-z0-9]))"
    r"|(?<at>\s?[\[({<]\s?(?:at|@)\s?[\])}>]\s?"
    # Nobody is written to "at this dot com".
    r"|(?<=[\w\-]) at (?!(?:the|this|that|a|an|every|each|any|your|his|her|their|our|my) dot )"
    r"(?=[\w\-]{1,63}(?: dot [\w\-]{1,63}){1,4}\b)"
    r"|(?<=[^\W_])_at_(?=[a-z0-9\-]{1,63}(?:_dot_[a-z0-9\-]{1,63}){1,4}(?![\w\-]))"
    r"|(?<=\w)(?-i:\(a\))(?=[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,4}\b)"
    r"|(?<=[\w\-]) (?-i:AT) (?=[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,4}\b))",
    regex.IGNORECASE,
)
_SPELLED = regex.compile(rf"\b{_DIGIT_WORD}(?:(?:[ ,.\-]{{1,2}}| - ){_DIGIT_WORD}){{6,40}}\b")
_SPELLED_PART = regex.compile(rf"({_DIGIT_WORD})|[ ,.\-]{{1,3}}")
_SPACED = regex.compile(
    r"(?<![\w\-])\d(?:(?: {1,3}| {1,2}- {1,2})\d){8,24}(?![\w\-]| \d)|(?<![\w\-])\d(?:-\d){8,24}(?![\w\-])"
)
_GAP = regex.compile(r"[ \-]+")
_PERCENT = regex.compile(r"(?:%[0-9A-Fa-f]{2})+")
_BASE64 = regex.compile(rf"(?<![\w+/=\-]){_BASE64_OF_ASCII}[A-Za-z0-9+/_\-]{{0,8192}}+={{0,2}}(?![\w+/=])")


@dataclass(frozen=True, slots=True, repr=False)
class View:
    """A rewritten ``text``. Offsets are code points, ends exclusive.

    ``edits`` are (start in the view, end in the view, start in the original, end in the original), in order and apart.
    """

    name: str
    text: str
    edits: tuple[tuple[int, int, int, int], ...]
    starts: tuple[int, ...]

    @classmethod
    def of(cls, name: str, text: str, edits: Iterable[Edit]) -> View:
        """``text`` with the edits done, which are sorted and don't overlap."""
        parts: list[str] = []
        places = []
        at = length = 0
        for start, end, replacement in edits:
            parts += [text[at:start], replacement]
            length += start - at
            places.append((length, length + len(replacement), start, end))
            length += len(replacement)
            at = end
        parts.append(text[at:])
        return cls(name, "".join(parts), tuple(places), tuple(place[0] for place in places))

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where ``[start, end)`` of the view comes from; it is not empty. Edits that it touches count as a whole."""
        first, inside = self._before(start)
        low = first[2] if inside else first[3] + start - first[1]
        last, inside = self._before(end - 1)
        high = last[3] if inside else last[3] + end - last[1]
        return low, high

    def touches(self, start: int, end: int) -> bool:
        """Whether anything in ``[start, end)`` of the view was rewritten, or something between its ends left out.

        What ends right before ``start`` counts too where it is no part of a word any more: ``%3D4111`` hides a number.
        """
        last = bisect_right(self.starts, end - 1) - 1
        if last < 0:
            return False
        low, high, _, _ = self.edits[last]
        if high == start and high > low:
            return not self.text[high - 1].isalnum()
        # What was left out has no place of its own: it must lie between two characters of the range.
        return high > start if high > low else low > start

    def _before(self, place: int) -> tuple[tuple[int, int, int, int], bool]:
        """The last edit that begins at or before a place of the view, and whether the place is inside it."""
        index = bisect_right(self.starts, place) - 1
        if index < 0:
            return (0, 0, 0, 0), False
        edit = self.edits[index]
        return edit, place < edit[1]


def _folded(text: str) -> Iterator[Edit]:
    """Invisible characters left out; full-width and mathematical letters, and digits of any script, as ASCII (NFKC)."""
    for match in _FOLDING.finditer(text):
        plain = unicodedata.normalize("NFKC", match.group())
        if plain.isdecimal():
            plain = str(unicodedata.decimal(plain))
        if plain.isascii():
            yield match.start(), match.end(), plain
        elif unicodedata.category(match.group()) == "Cf":
            yield match.start(), match.end(), ""


def _set_apart(text: str) -> Iterator[Edit]:
    """No-break spaces and dashes between groups of digits and capitals, as blanks and hyphens."""
    for match in _APART.finditer(text):
        yield match.start(), match.end(), " " if match["space"] else "-"


def _without_lookalikes(text: str) -> Iterator[Edit]:
    """Cyrillic and Greek letters that look like ASCII ones, in words that have ASCII letters as well."""
    for word in _WORD.finditer(text):
        characters = word.group()
        if any(character.isascii() and character.isalpha() for character in characters):
            for place, character in enumerate(characters, word.start()):
                if character in _LOOKALIKES:
                    yield place, place + 1, _LOOKALIKES[character]


def _spoken_address(text: str) -> Iterator[Edit]:
    """john (at) example [dot] com, john at example dot com, john AT example.com, john_at_example_dot_com."""
    for match in _SPOKEN.finditer(text):
        yield match.start(), match.end(), "@" if match["at"] else "."


def _spelled_digits(text: str) -> Iterator[Edit]:
    """Seven digits and more in words, one after another."""
    for run in _SPELLED.finditer(text):
        for part in _SPELLED_PART.finditer(text, run.start(), run.end()):
            digit = _DIGIT_WORDS[part[1].lower()] if part[1] else "-" if part.group() == " - " else ""
            yield part.start(), part.end(), str(digit)


def _spaced_digits(text: str) -> Iterator[Edit]:
    """Nine digits and more, each apart from the next; hyphens that stand between groups of them stay."""
    for run in _SPACED.finditer(text):
        gaps = list(_GAP.finditer(text, run.start(), run.end()))
        grouped = 2 * sum("-" in gap.group() for gap in gaps) < len(gaps)
        for gap in gaps:
            yield gap.start(), gap.end(), "-" if grouped and "-" in gap.group() else ""


def _unspaced_address(text: str) -> Iterator[Edit]:
    """j o h n @ e x a m p l e . c o m."""
    for run in _SPACED_ADDRESS.finditer(text):
        for place, character in enumerate(run.group(), run.start()):
            if character == " ":
                yield place, place + 1, ""


def _unescaped(text: str) -> Iterator[Edit]:
    """john&#64;example.com, john\\u0040example.com: HTML's character references, JSON's and C's escapes."""
    for match in _ESCAPE.finditer(text):
        code = match.group()
        plain = html.unescape(code) if code[0] == "&" else chr(int(code[2:], 16))
        yield match.start(), match.end(), "-" if plain == "\u2010" else plain


def _percent_decoded(text: str) -> Iterator[Edit]:
    """%40 and its kin (RFC 3986), where the bytes are printable UTF-8."""
    for run in _PERCENT.finditer(text):
        plain = _printable(unquote_to_bytes(run.group()))
        if plain is None:
            continue
        if plain.isascii():
            for place, character in enumerate(plain):
                yield run.start() + 3 * place, run.start() + 3 * place + 3, character
        else:
            yield run.start(), run.end(), plain


def _base64_decoded(text: str) -> Iterator[Edit]:
    """Base64 of 16 characters and more (RFC 4648, both alphabets) whose bytes are printable UTF-8."""
    for match in _BASE64.finditer(text):
        code = match.group().rstrip("=").replace("-", "+").replace("_", "/")
        try:
            plain = _printable(base64.b64decode(code + "=" * (-len(code) % 4), validate=True))
        except binascii.Error:
            continue
        if plain is not None:
            yield match.start(), match.end(), plain


def _printable(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(character.isprintable() or character in "\n\r\t" for character in text) else None


_REWRITINGS: Mapping[str, Callable[[str], Iterator[Edit]]] = {
    "folded": _folded,
    "look-alikes": _without_lookalikes,
    "set apart": _set_apart,
    "spoken address": _spoken_address,
    "spelled digits": _spelled_digits,
    "spaced digits": _spaced_digits,
    "spaced address": _unspaced_address,
    "escaped": _unescaped,
    "percent": _percent_decoded,
    "base64": _base64_decoded,
}
_GATES = {name: regex.compile(gate) for name, gate in VIEW_GATES.items()}


def views(text: str) -> Iterator[View]:
    """The rewritings of a text that change it, each by itself."""
    for name, rewrite in _REWRITINGS.items():
        if _GATES[name].search(text):
            edits = list(rewrite(text))
            if edits:
                yield View.of(name, text, edits)


__all__ = ["VIEW_GATES", "View", "views"]
