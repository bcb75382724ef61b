"""Made-up values of the same sort: names, addresses, e-mails and phone numbers that belong to nobody.

A keyed index into shipped lists: equal values (after the normalisation of ``normalization.py``) get equal surrogates
within a domain and type, and so do some unequal ones, for the lists are short. Never join by them.

What it leaks: equality, hence frequency, and that the true value is another one. E-mails are in ``example.*`` (RFC
2606), phone numbers from ranges set aside for fiction: 555-0100 to 555-0199 (NANPA), Ofcom's, Bundesnetzagentur's and
ARCEP's. Spain and Italy have none, so their locales use the first. Cities are real ones, streets and companies made up.
"""

import json
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.methods import SURROGATE_KINDS, Surrogate
from clearance.tokenization.canonical import messages
from clearance.tokenization.choices import choose
from clearance.tokenization.malformed import readable
from clearance.tokenization.tokens import Tokenizer

_ATTEMPTS = 16
_NUMBERS = 199
_SUFFIXES = 100
_DOMAINS = ("example.com", "example.net", "example.org")
_WORD = re.compile(r"\w+")


def surrogates(spec: Surrogate, values: pa.Array, entity_type: str, tokenizer: Tokenizer) -> pa.Array:
    """Distinct texts -> surrogates, as ``string``; null where a value is blank or no text."""
    spec.check_type(entity_type)
    kind = SURROGATE_KINDS[entity_type]
    maker = _maker(kind, spec.locale, spec.version)
    texts = readable(values)
    blank = pc.equal(pc.utf8_trim_whitespace(texts), "")
    open_ = np.flatnonzero(~np.asarray(pc.fill_null(blank, True)))
    made: list[str | None] = [None] * len(values)
    hash_ = tokenizer.keyed_hash("surrogate", entity_type)
    for attempt in range(_ATTEMPTS):
        own = texts.take(pa.array(open_))
        prefix = f"{spec.version}/{spec.locale}/{kind}/{attempt}\0".encode()
        digests = hash_.digests(messages(own, entity_type, tokenizer.region), prefix)
        found = [maker.make(index) for index in choose(digests, maker.count).tolist()]
        again = []
        for place, source, surrogate in zip(open_.tolist(), own.to_pylist(), found, strict=True):
            if _tells(kind, source, surrogate):
                again.append(place)
            else:
                made[place] = surrogate
        if not again:
            break
        open_ = np.array(again)
    return pa.array(made, pa.string())


class _Maker:
    """Surrogates of one kind and locale, by number."""

    def __init__(self, kind: str, lists: dict[str, Any]) -> None:
        self._kind = kind
        self._lists = lists
        self._ascii = {name: _ascii(name) for name in (*lists["first"], *lists["last"])}
        firsts, lasts = len(lists["first"]), len(lists["last"])
        self.count = {
            "person": firsts * lasts,
            "email": firsts * lasts * _SUFFIXES * len(_DOMAINS),
            "username": firsts * lasts * _SUFFIXES,
            "address": len(lists["street"]) * _NUMBERS,
            "city": len(lists["city"]),
            "organization": len(lists["organization"]),
            "phone": len(lists["phone"]) * 10 ** lists["phone"][0].count("#"),
        }[kind]

    def make(self, index: int) -> str:
        """The surrogate with this number, from 0 to ``count - 1``."""
        if self._kind == "person":
            return "{} {}".format(*self._name(index))
        if self._kind in ("email", "username"):
            index, suffix = divmod(index, _SUFFIXES)
            if self._kind == "username":
                first, last = self._ascii_name(index)
                return f"{first}{last[0]}{suffix:02}"
            index, domain = divmod(index, len(_DOMAINS))
            first, last = self._ascii_name(index)
            return f"{first}.{last}{suffix:02}@{_DOMAINS[domain]}"
        if self._kind == "address":
            street, number = divmod(index, _NUMBERS)
            return str(self._lists["address"]).format(street=self._lists["street"][street], number=number + 1)
        if self._kind == "phone":
            places = self._lists["phone"][0].count("#")
            pattern, number = divmod(index, 10**places)
            digits = iter(f"{number:0{places}}")
            return "".join(next(digits) if char == "#" else char for char in self._lists["phone"][pattern])
        return str(self._lists[self._kind][index])

    def _name(self, index: int) -> tuple[str, str]:
        last, first = divmod(index, len(self._lists["first"]))
        return self._lists["first"][first], self._lists["last"][last]

    def _ascii_name(self, index: int) -> tuple[str, str]:
        first, last = self._name(index)
        return self._ascii[first], self._ascii[last]


@lru_cache(maxsize=64)
def _maker(kind: str, locale: str, version: int) -> _Maker:
    return _Maker(kind, _lists(version)[locale])


@lru_cache(maxsize=4)
def _lists(version: int) -> dict[str, Any]:
    text = (files("clearance.tokenization") / f"surrogates_{version}.json").read_text("utf-8")
    lists: dict[str, Any] = json.loads(text)["locales"]
    return lists


def _tells(kind: str, source: str, surrogate: str) -> bool:
    """Whether the surrogate is the value itself, or of a person's name a part of it."""
    if kind == "phone":
        own, made = (re.sub("[^0-9]", "", text) for text in (source, surrogate))
        return own.endswith(made.lstrip("0")) or made.endswith(own.lstrip("0") or "-")
    theirs, ours = (_WORD.findall(unicodedata.normalize("NFKC", text).casefold()) for text in (source, surrogate))
    return bool(set(theirs) & set(ours)) if kind == "person" else theirs == ours


def _ascii(name: str) -> str:
    spelled = name.casefold().translate({ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue"})
    return re.sub("[^a-z]", "", unicodedata.normalize("NFKD", spelled))
