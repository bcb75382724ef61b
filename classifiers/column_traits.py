"""The facts of :func:`clearance.classifiers.traits.traits` for all values of a column at once.

Short ASCII values, which most are, are judged together: numpy counts their characters by class, and the patterns of
``traits`` run in RE2, on the values that could match. All others go through ``traits`` one by one. The two agree: a
test compares them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clearance.classifiers.checks import vin_check_digit_fits
from clearance.classifiers.traits import (
    AGE_FRACTION,
    AGE_RANGE,
    BIC,
    CARD_GROUPS,
    DATE,
    EPOCH,
    FLAGS,
    GENDERS,
    HASH,
    HOUSED,
    INITIALLED,
    INTEGER,
    IPISH,
    LONG,
    MAC,
    NAME_WORD,
    NUMBER,
    PARTICLES,
    PHONE_GROUPS,
    PLUS,
    POSTCODE_OF_EIGHT,
    STREET,
    STREET_WORD,
    THING_NAME,
    TITLED,
    given_names,
    surnames,
    traits,
)
from clearance.values import octets_of

Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

_BLANKS = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f "  # what str.isspace says of ASCII; RE2's \s knows fewer
_B, _W = r"[\t-\r\x1c-\x1f ]", r"[^\t-\r\x1c-\x1f ]"
_FOUR_WORDS = rf"{_W}{_B}+{_W}+{_B}+{_W}+{_B}+{_W}"
_THREE_WORDS_WITH_LETTERS = rf"(?s)[A-Za-z].*{_B}.*[A-Za-z].*{_B}.*[A-Za-z]"
_UP_TO_125 = r"^\+?(?:[0-9]{1,2}|0[0-9]{2}|1[01][0-9]|12[0-5])$"
_NAME = rf",*{NAME_WORD.pattern},*"
_NAMES = rf"^{_NAME}(?:{_B}+{_NAME}){{0,4}}$"
_CAPITAL, _PARTICLE = rf"{_B}+[A-Z]{_W}*", rf"{_B}+(?:{'|'.join(sorted(PARTICLES))})"
_FULL_NAME = rf"^[A-Z]{_W}*(?:(?:{_CAPITAL}){{1,3}}|(?:{_CAPITAL})?(?:{_PARTICLE}){{1,2}}(?:{_CAPITAL}){{1,2}})$"
_S = r"[ \-.()/+]*"
_IBAN = rf"^{_S}[A-Za-z]{_S}[A-Za-z]{_S}[0-9]{_S}[0-9]"

#: Characters that are counted in each value; at most eight classes.
_CLASSES = {
    "digits": "0123456789",
    "letters": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "separators": " -.()/+",
    "blanks": _BLANKS,
    "points": ".",
    "colons": ":",
    "ats": "@",
}


def column_traits(values: pa.Array, texts: Sequence[str]) -> dict[str, Mask]:
    """For each fact that holds anywhere in a column, the mask of the values it holds for.

    ``values`` is a string array without nulls, ``texts`` the same as Python strings.
    """
    short = pc.and_(pc.string_is_ascii(values), pc.less_equal(pc.binary_length(values), LONG))
    judged = _mask_of(short)
    found: dict[str, Mask] = {}
    if judged.any():
        some = _ShortTexts(values if judged.all() else values.filter(short))
        facts, unsure = _facts(some)
        positions = np.flatnonzero(judged)
        judged[positions[unsure]] = False
        for trait, mask in facts.items():
            found[trait] = np.zeros(len(texts), dtype=np.bool_)
            found[trait][positions] = mask & ~unsure
    for position in np.flatnonzero(~judged).tolist():
        for trait in traits(texts[position]):
            found.setdefault(trait, np.zeros(len(texts), dtype=np.bool_))[position] = True
    return {trait: mask for trait, mask in found.items() if mask.any()}


class _ShortTexts:
    """Short ASCII values without the blanks around them, with the number of characters of each class in them."""

    def __init__(self, values: pa.Array) -> None:
        self.array = pc.ascii_trim(values, characters=_BLANKS)
        octets, offsets = octets_of(self.array)
        self.length: Counts = np.diff(offsets)
        packed = np.concatenate([_packed_counts(octets, part) for part in _parts(offsets)])
        self.count: dict[str, Counts] = {
            name: (packed >> np.uint64(8 * place) & np.uint64(255)).astype(np.int64)
            for place, name in enumerate(_CLASSES)
        }

    def match(self, pattern: str | re.Pattern[str], where: Mask) -> Mask:
        """Which of the values that ``where`` points to match a pattern: all of them, if it is a compiled one."""
        text = pattern if isinstance(pattern, str) else f"^(?:{pattern.pattern})$"
        return self._among(where, lambda some: pc.match_substring_regex(some, pattern=text))

    def are_in(self, words: Collection[str]) -> Mask:
        """Which values are one of these words, in whatever case."""
        longest = max(map(len, words))
        return self._among(
            self.length <= longest, lambda some: pc.is_in(pc.ascii_lower(some), value_set=pa.array(sorted(words)))
        )

    def are_given_names(self, where: Mask) -> Mask:
        """Which of the texts that ``where`` points to begin with a usual given name, or are one."""
        return self._among(where, lambda some: _is_given(some, last=False))

    def are_surnames(self, where: Mask) -> Mask:
        """Which of the single words that ``where`` points to are usual family names."""
        return self._among(
            where,
            lambda some: pc.is_in(pc.ascii_trim(pc.ascii_lower(some), characters=","), value_set=_surnames()),
        )

    def are_somebody(self, where: Mask) -> Mask:
        """Which of the full names that ``where`` points to :func:`traits.is_somebody` says are somebody's."""
        named = self.are_given_names(where)
        named |= self._among(where & ~named, lambda some: _is_given(some, last=True))
        family = self._among(where & ~named, _is_family)
        named |= family & ~self.match(THING_NAME, family)
        return named | self.match(TITLED, where & ~named)

    def test(self, holds: Callable[[str], object], where: Mask) -> Mask:
        """Which of the values that ``where`` points to pass a test in Python: for few."""
        return self._among(where, lambda some: pa.array([bool(holds(text)) for text in some.to_pylist()], pa.bool_()))

    def _among(self, where: Mask, judge: Callable[[pa.Array], pa.Array]) -> Mask:
        if where.all():
            return _mask_of(judge(self.array))
        matching = np.zeros(len(where), dtype=np.bool_)
        if where.any():
            matching[where] = _mask_of(judge(self.array.filter(pa.array(where))))
        return matching

    def luhn(self, where: Mask) -> Mask:
        """Which of the values that ``where`` points to pass the Luhn check with their digits (ISO/IEC 7812-1)."""
        passing = np.zeros(len(where), dtype=np.bool_)
        if where.any():
            octets, _ = octets_of(self.array.filter(pa.array(where)))
            digits = octets[(octets >= ord("0")) & (octets <= ord("9"))].astype(np.int64) - ord("0")
            numbers = self.count["digits"][where]
            ends = np.cumsum(numbers)
            from_the_right = np.repeat(ends, numbers) - 1 - np.arange(len(digits))
            doubled = digits * 2 - 9 * (digits > 4)
            sums = np.concatenate([[0], np.cumsum(np.where(from_the_right % 2, doubled, digits))])
            passing[where] = np.diff(sums[np.concatenate([[0], ends])]) % 10 == 0
        return passing


def _facts(texts: _ShortTexts) -> tuple[dict[str, Mask], Mask]:
    """Facts of short ASCII values, and for which of them only :func:`traits` can tell."""
    digits, letters, blanks = texts.count["digits"], texts.count["letters"], texts.count["blanks"]
    length = texts.length
    integer = texts.match(INTEGER, (digits > 0) & (letters == 0))
    # 4111111111111111.00 counts as the number before its point; so rare that one by one will do.
    unsure = integer & (texts.count["points"] > 0)
    fraction = texts.match(NUMBER, (digits > 0) & (letters <= 1) & ~integer)
    facts = {
        "texty": texts.match(_THREE_WORDS_WITH_LETTERS, texts.match(_FOUR_WORDS, blanks >= 3)),
        "flag": texts.are_in(FLAGS),
        "short": (length > 0) & (length <= 24),
        "integer": integer,
        "fraction": fraction,
        "age_fraction": texts.match(AGE_FRACTION, fraction & (letters == 0) & (texts.count["points"] == 1)),
    }
    whole = ~fraction & (length > 0)
    further = {
        "age": texts.match(_UP_TO_125, integer & (digits <= 3))
        | texts.match(f"(?i)^(?:{AGE_RANGE.pattern})$", (digits > 0) & (digits <= 6) & (length <= 11) & ~integer),
        "date": texts.match(DATE, (digits >= 3) & (length >= 6) & (length <= 40)),
        "ip": texts.match(IPISH, (texts.count["points"] >= 3) | (texts.count["colons"] >= 2)),
        "mac": texts.match(MAC, (length == 14) | (length == 17)),
        "at": texts.count["ats"] > 0,
        "gender_word": texts.are_in(GENDERS),
        "addressish": (letters >= 2) & ((digits > 0) | (blanks > 0)),
        "secretish": (blanks == 0) & (length >= 4),
        "long_secret": (blanks == 0) & (length >= 16) & (letters > 0) & (digits > 0),
        "handle": (blanks == 0) & (length >= 3) & (length <= 32) & (letters > 0) & _none_of(texts, "ats", "colons"),
        "wordish": (letters > 0) & (digits == 0),
        **_number_facts(texts, integer),
        **_name_facts(texts),
        **_code_facts(texts),
    }
    return facts | {trait: mask & whole for trait, mask in further.items()}, unsure


def _number_facts(texts: _ShortTexts, integer: Mask) -> dict[str, Mask]:
    """Facts about values that are all digits, but for separators and an integer's sign."""
    digits, separators = texts.count["digits"], texts.count["separators"]
    number = (digits > 0) & (digits + separators == texts.length)
    separated = number & (separators > 0) & ~integer
    plus = texts.match(PLUS, number & integer & (separators == 1))
    card = number & (digits >= 12) & (digits <= 19)
    luhn = texts.luhn(card)
    postcode = texts.match(POSTCODE_OF_EIGHT, number & (digits == 8) & (separators == 1))
    phone = number & (digits >= 7) & (digits <= 15) & ~postcode
    return {
        "card": card,
        "luhn": luhn,
        "card_written": texts.match(CARD_GROUPS, luhn & separated),
        "ssn": number & (digits >= 7) & (digits <= 9),
        "nine": number & (digits == 9),
        "phone": phone,
        "phone_formatted": texts.match(PHONE_GROUPS, phone & separated) | (phone & plus),
        "account": number & (digits >= 5) & (digits <= 17),
        "epoch": texts.match(rf"^[+-]*{EPOCH.pattern}$", number & ~separated & ((digits == 10) | (digits == 13))),
    }


def _name_facts(texts: _ShortTexts) -> dict[str, Mask]:
    """Facts about names of people and streets."""
    digits, letters = texts.count["digits"], texts.count["letters"]
    person = texts.match(_NAMES, (digits == 0) & (letters > 0) & (texts.length <= 60))
    worded = texts.match(f"(?i){STREET_WORD.pattern}", letters > 1)
    numbered = worded & ((digits > 0) | texts.match(r"(?i)p\.? ?o\.? ?box", worded))
    street = texts.match(f"(?i){STREET.pattern}", numbered)
    fullname = texts.match(_FULL_NAME, person & (texts.count["blanks"] > 0))
    somebody = texts.are_somebody(fullname)
    return {
        "personish": person,
        "given_name": texts.are_given_names(person & (texts.count["blanks"] == 0)),
        "surname": texts.are_surnames(person & (texts.count["blanks"] == 0)),
        "initialled": texts.match(INITIALLED, (digits == 0) & (texts.count["points"] > 0) & (texts.length <= 60)),
        "fullname": fullname,
        "somebody": somebody,
        "unknown_name": fullname & ~somebody,
        "thing_name": texts.match(THING_NAME, fullname & ~somebody),
        "street": street,
        "housed": street | texts.match(HOUSED, (digits > 0) & (letters > 0) & ~street),
    }


def _code_facts(texts: _ShortTexts) -> dict[str, Mask]:
    """Facts about codes of letters and digits."""
    digits = texts.count["digits"]
    bare = texts.length - texts.count["separators"]
    code = (digits + texts.count["letters"] == bare) & (bare > 0)
    vin = code & (texts.length == 17) & (bare == 17) & (digits >= 3)
    length, letters = texts.length, texts.count["letters"]
    return {
        "code": code & (bare >= 4) & (bare <= 20) & (digits >= 3),
        "plate": code & (bare >= 4) & (bare <= 10) & (digits > 0) & (letters > 0),
        "bic": texts.match(BIC, (letters >= 6) & ((length == 8) | (length == 11))),
        "hash": texts.match(HASH, (length == 32) | (length == 40) | (length == 64)),
        "iban": texts.match(_IBAN, code & (bare >= 15) & (bare <= 34)),
        "vin": vin,
        "vin_checked": texts.test(vin_check_digit_fits, vin),
    }


def _none_of(texts: _ShortTexts, *classes: str) -> Mask:
    mask: Mask = sum(texts.count[name] for name in classes) == 0  # type: ignore[assignment]
    return mask


def _parts(offsets: Counts) -> Iterator[Counts]:
    """Offsets of some thousand values at a time: what is counted at once stays in the processor's cache."""
    for first in range(0, len(offsets) - 1, 2_048):
        yield offsets[first : first + 2_049]


def _packed_counts(octets: npt.NDArray[np.uint8], offsets: Counts) -> npt.NDArray[np.uint64]:
    """For each value eight bits a class."""
    weights = _weights()[octets[offsets[0] : offsets[-1]]]
    sums = np.zeros(len(weights) + 1, dtype=np.uint64)
    np.cumsum(weights, out=sums[1:])
    # The sum wraps around, its differences don't: no class has more than LONG characters in a value.
    counts: npt.NDArray[np.uint64] = np.diff(sums[offsets - offsets[0]])
    return counts


def _is_given(names: pa.Array, *, last: bool) -> pa.Array:
    """Whether the first words of names, or the last ones, are usual given names."""
    parts = pc.split_pattern(pc.ascii_lower(names), pattern=" ", max_splits=1, reverse=last)
    # The offsets tell where the parts of each name begin among all parts.
    places = parts.offsets[1:].to_numpy() - 1 if last else parts.offsets[:-1].to_numpy()
    return pc.is_in(pc.ascii_trim(parts.values.take(pa.array(places)), characters=","), value_set=_given_names())


def _is_family(names: pa.Array) -> pa.Array:
    """Whether the last words of names of several are usual family names."""
    parts = pc.split_pattern(pc.ascii_lower(names), pattern=" ", max_splits=1, reverse=True)
    ends = parts.offsets.to_numpy()
    first, last = (
        pc.ascii_trim(parts.values.take(pa.array(places)), characters=",") for places in (ends[:-1], ends[1:] - 1)
    )
    return pc.and_(pc.is_in(last, value_set=_surnames()), pc.not_equal(first, last))


@functools.cache
def _given_names() -> pa.Array:
    return pa.array(sorted(given_names()))


@functools.cache
def _surnames() -> pa.Array:
    return pa.array(sorted(surnames()))


@functools.cache
def _weights() -> npt.NDArray[np.uint64]:
    """For each octet a one in the eight bits of its classes, so that one sum counts them all."""
    table = np.zeros(256, dtype=np.uint64)
    for place, characters in enumerate(_CLASSES.values()):
        table[[ord(character) for character in characters]] += np.uint64(1 << 8 * place)
    return table


def _mask_of(values: pa.Array) -> Mask:
    mask: Mask = values.to_numpy(zero_copy_only=False)
    return mask


__all__ = ["column_traits"]
