"""Keyed tokens: ``tk1{kind}_{type}_{key id}_{body}_{6-character check}``.

The body of a one-way token (kind ``h``) is HMAC-SHA256 (RFC 2104) of the normalised value, cut to 120 bits; that of a
reversible one (``r``) is AES-256-SIV (RFC 5297) of the value as it is written. Each key id, domain and entity type
has keys of its own. The check tells a token from what merely looks like one, and needs no value. All of it is frozen:
``docs/decisions/0002-token-format.md``.

Misuse to avoid: a token is not anonymous. Whoever holds the key can guess values or reverse them, and equal values
stay equal; a reversible token shows the value's length too.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import ProtectionError, UsageError
from clearance.tokenization.canonical import message, messages, plain
from clearance.tokenization.keys import KeyRing, check_domain
from clearance.tokenization.one_token import body_of, check_holds, one_token
from clearance.tokenization.prf import KeyedHash
from clearance.tokenization.regions import REGIONS
from clearance.tokenization.ring import State
from clearance.tokenization.rows import Bytes, Integers, binary_of, distinct, in_order, in_rows, spread
from clearance.tokenization.siv import TAG_BYTES
from clearance.tokenization.slugs import type_of
from clearance.tokenization.token_format import (
    BODY_BYTES,
    CANDIDATE,
    HEADER,
    ONE_WAY,
    PREFIX,
    REVERSIBLE,
    by_header,
    candidates,
    check_characters,
    decode_bodies,
    join,
)
from clearance.tokenization.type_keys import TypeKeys

_MAX_CACHED_KEYS = 4096
_AS_WRITTEN = b"\0"
"""In front of what SIV encrypts: the name of the normalisation rule, which is empty, and NUL."""


class _Genuine(NamedTuple):
    """Cells whose keyed check holds, all with one header: positions (n,), bodies (n, width) and their lengths (n,)."""

    kind: str
    keys: TypeKeys
    positions: Integers
    octets: Bytes
    lengths: Integers


class Tokenizer:
    """Makes, recognises and reverses the tokens of one domain.

    ``domain`` is a declared join scope: equal values give equal tokens inside it and unrelated ones outside.
    ``region`` (ISO 3166-1 alpha-2) is where phone numbers without a country code are dialled.
    ``writing``: what looks like a token of a disabled key raises ``ProtectionError`` instead of being a value like any
    other, or it would become a token of a token.
    Holds keys: can't be pickled. Build one in each worker from a ``KeyReference``.
    """

    def __init__(self, keyring: KeyRing, domain: str = "default", *, region: str = "US", writing: bool = False) -> None:
        check_domain(domain)
        if region not in REGIONS:
            raise UsageError(f"{region!r} is not a region for phone numbers", hint="use a code such as US, GB or DE")
        self._keyring = keyring
        self._domain = domain
        self._region = region
        self._writing = writing
        self._cache: dict[tuple[str, str], TypeKeys] = {}
        self._hashes: dict[tuple[str, str], KeyedHash] = {}

    @property
    def domain(self) -> str:
        """The join scope this tokenizer writes and reads."""
        return self._domain

    @property
    def region(self) -> str:
        """Where phone numbers without a country code are dialled."""
        return self._region

    @property
    def unusable(self) -> Mapping[str, State]:
        """The keys that may not be used, each with its state (``KeyRing.unusable``)."""
        return self._keyring.unusable

    def keyed_hash(self, purpose: str, entity_type: str = "") -> KeyedHash:
        """HMAC-SHA256 under the writing key's own key for a purpose that makes no token: ``date-shift``, ``noise``,
        ``surrogate``. Leave the type out where values of several types must move together.
        """
        found = self._hashes.get((purpose, entity_type))
        if found is None:
            found = self._hashes[purpose, entity_type] = KeyedHash(
                self._keyring.derive(purpose, self._domain, entity_type)
            )
        return found

    def at(self, path: str) -> "Tokenizer":
        """The tokenizer for what stands in a column; another one only where columns have domains of their own."""
        return self

    def keys_of(self, entity_type: str, kid: str | None = None) -> TypeKeys:
        """The derived keys of a type, under the writing key or the one named.

        Raises ``UsageError`` for a type name that no token can carry, ``KeyUnavailableError`` (when they are used) for
        a key id that the ring does not hold.
        """
        kid = self._keyring.primary if kid is None else kid
        keys = self._cache.get((kid, entity_type))
        if keys is None:
            if len(self._cache) >= _MAX_CACHED_KEYS:
                # Only made-up headers in the data get here: deriving again costs less than the memory.
                self._cache.clear()
            keys = self._cache[(kid, entity_type)] = TypeKeys(self._keyring, self._domain, entity_type, kid)
        return keys

    def tokenize(self, values: pa.Array, entity_type: str) -> pa.Array:
        """One-way tokens of text values, as ``string``. Nulls stay null; all else is replaced, the empty string too.

        One-way tokens of this domain pass through (in lower case), reversible ones become the one-way token of the
        value inside. Each distinct value is worked on once. Raises ``UsageError`` for a type name that no token can
        carry.
        """
        keys = self.keys_of(entity_type)
        cells, places = _distinct(values)
        genuine = list(self._genuine(cells))
        if any(found.kind == REVERSIBLE for found in genuine):
            cells = pc.coalesce(_opened(genuine, len(cells)).cast(cells.type), cells)
        kept = [found.positions for found in genuine if found.kind == ONE_WAY]
        raw, where, parts = _raw(cells, kept)
        parts.append((where, self._one_way(raw, entity_type, keys)))
        return in_order(parts, pa.string(), places)

    def encrypt(self, values: pa.Array, entity_type: str) -> pa.Array:
        """Reversible tokens of text values, as ``string``: exactly what is written comes back from ``reverse``.

        So values join only when they are written the same way. Tokens of this domain, of either kind, pass through in
        lower case. Nulls stay null; the empty string is replaced too. Raises like ``tokenize``.
        """
        keys = self.keys_of(entity_type)
        cells, places = _distinct(values)
        raw, where, parts = _raw(cells, [found.positions for found in self._genuine(cells)])
        parts += [(where[chosen], tokens) for chosen, tokens in _reversible(raw, keys)]
        return in_order(parts, pa.string(), places)

    def reverse(self, values: pa.Array) -> pa.Array:
        """The values inside reversible tokens of this domain, as ``string``; null for everything else.

        Null for a one-way token, a forged or foreign one, or what is no token: count them before you trust a column.
        """
        cells, places = _distinct(values)
        return spread(_opened(self._genuine(cells), len(cells)), places)

    def encrypt_sealed(self, sealed: pa.Array, entity_type: str, rule: bytes) -> pa.Array:
        """Reversible tokens around octets that are sealed under another key; ``rule``, which ends in NUL, names it.

        They are known and checked as every token is; ``reverse`` gives null for them, ``reverse_sealed`` the octets.
        """
        present = sealed.drop_null()
        parts = _reversible(present, self.keys_of(entity_type), rule)
        places = np.cumsum(np.asarray(sealed.is_valid())) - 1
        return in_order(parts, pa.string(), pa.array(places, mask=np.asarray(sealed.is_null())))

    def reverse_sealed(self, values: pa.Array, rule: bytes) -> pa.Array:
        """The octets inside reversible tokens that ``encrypt_sealed`` made under a rule, null for everything else."""
        cells, places = _distinct(values)
        return spread(_opened(self._genuine(cells), len(cells), rule).view(pa.binary()), places)

    def token(self, value: str, entity_type: str) -> str:
        """The one-way token of one value, always: ``tokenize`` for text, where a span is known to be no token."""
        keys = self.keys_of(entity_type)
        body = keys.prf.digest(message(value, entity_type, self._region))[:BODY_BYTES]
        return one_token(keys, ONE_WAY, body)

    def reversible_token(self, value: str, entity_type: str) -> str:
        """The reversible token of one value, always: ``encrypt`` for text."""
        try:
            octets = value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            # It would carry the value. Such text comes from Python only, and from no file.
            octets = value.encode("utf-8", "surrogatepass")
        return _reversible_one(octets, self.keys_of(entity_type))

    def verified_types(self, values: pa.Array, kind: str | None = None) -> pa.Array:
        """The entity type where the whole value is a token of this domain by its keyed check, else null.

        ``kind``: ``h`` or ``r`` for tokens of that kind only.
        """
        cells, places = _distinct(values)
        which = np.full(len(cells), -1, dtype=np.int32)
        types: list[str] = []
        for found in self._genuine(cells):
            if kind in (None, found.kind):
                which[found.positions] = len(types)
                types.append(found.keys.entity_type)
        return spread(pa.array(types, pa.string()).take(pa.array(which, mask=which < 0)), places)

    def verified_spans(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, entity type) of this domain's tokens in a text, in order, offsets in code points.

        Tokens need no blanks around them, and are found in upper case too.
        """
        # A plain search first: the pattern ignores case, which makes it slow on long texts without tokens.
        if PREFIX not in text.lower():
            return []
        spans = []
        match = CANDIDATE.search(text)
        while match:
            entity_type = self._verify(match)
            if entity_type:
                spans.append((match.start(), match.end(), entity_type))
            # A candidate that fails may hide a token that starts inside it.
            match = CANDIDATE.search(text, match.end() if entity_type else match.start() + 1)
        return spans

    def _one_way(self, values: pa.Array, entity_type: str, keys: TypeKeys) -> pa.Array:
        found = plain(values, entity_type, self._region)
        if found.fits.all():
            digests = keys.prf.digests(found.forms, found.prefix)
        else:
            digests = keys.prf.digests(messages(values, entity_type, self._region, found))
        bodies = np.arange(len(digests)), digests[:, :BODY_BYTES], np.full(len(digests), BODY_BYTES)
        return join(keys.header(ONE_WAY), ONE_WAY, keys.mac, [bodies])

    def _genuine(self, cells: pa.Array) -> Iterator[_Genuine]:
        """The cells that are tokens of this domain, in groups. Looks at likely ones only."""
        found = candidates(cells)
        if found is None:
            return
        for header, members in by_header(found):
            match = HEADER.fullmatch(header)
            keys = self._keys_named(match) if match else None
            if match is None or keys is None:
                continue
            kind = match["kind"]
            bodies = found.body.take(pa.array(members))
            groups, rest = decode_bodies(kind, bodies)
            for group in groups:
                places = members[group.positions]
                expected = check_characters(keys.mac, kind, group.octets, group.lengths)
                holds = group.formed & (expected == found.check[places]).all(axis=1)
                if holds.any():
                    chosen = found.positions[places[holds]]
                    yield _Genuine(kind, keys, chosen, group.octets[holds], group.lengths[holds])
            for place in rest:
                row = members[place]
                body = body_of(kind, bodies[int(place)].as_py().decode())
                if body is not None and check_holds(keys, kind, body, found.check[row].tobytes().decode()):
                    octets = np.frombuffer(body, np.uint8).reshape(1, -1)
                    yield _Genuine(kind, keys, found.positions[[row]], octets, np.array([len(body)]))

    def _verify(self, match: re.Match[str]) -> str | None:
        """The entity type of a candidate whose check holds."""
        keys = self._keys_named(match)
        if keys is None:
            return None
        kind, text, check = (part.lower() for part in match.group("kind", "body", "check"))
        body = body_of(kind, text)
        return keys.entity_type if body is not None and check_holds(keys, kind, body, check) else None

    def _keys_named(self, match: re.Match[str]) -> TypeKeys | None:
        """The keys that a token's header names, None when there are none."""
        entity_type, kid = type_of(match["type"].lower()), match["kid"].lower()
        if entity_type is None:
            return None
        if self._writing and self.unusable.get(kid, "destroyed") != "destroyed":
            raise ProtectionError(
                f"there are tokens of the key {kid}, which is disabled: they would become tokens of tokens",
                hint=f"clearance keys enable {kid}, and disable it again afterwards",
            )
        return self.keys_of(entity_type, kid) if kid in self._keyring.kids else None

    def __repr__(self) -> str:
        return f"<Tokenizer of domain {self._domain!r}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Tokenizer can't be pickled or copied; build one from a KeyReference where it is needed")


def _distinct(values: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    if isinstance(values, pa.DictionaryArray):
        values = values.cast(values.type.value_type)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise TypeError(f"tokens are made from text, not from {values.type}: convert with clearance.values.to_text")
    return distinct(values)


_Parts = list[tuple[Integers, pa.Array]]


def _raw(cells: pa.Array, tokens: list[Integers]) -> tuple[pa.Array, Integers, _Parts]:
    """The cells that are not among the positions of tokens, where they are, and the tokens in lower case as a part."""
    if not tokens:
        return cells, np.arange(len(cells)), []
    raw = np.ones(len(cells), np.bool_)
    raw[np.concatenate(tokens)] = False
    kept = pc.ascii_lower(cells.filter(pa.array(~raw))).cast(pa.string())
    return cells.filter(pa.array(raw)), np.flatnonzero(raw), [(np.flatnonzero(~raw), kept)]


def _reversible(values: pa.Array, keys: TypeKeys, rule: bytes = _AS_WRITTEN) -> _Parts:
    groups, rest = in_rows(values, rule)
    grouped = np.ones(len(values), np.bool_)
    grouped[rest] = False
    place = np.cumsum(grouped) - 1 if len(rest) else np.arange(len(values))
    bodies = [(place[rows.positions], keys.siv.encrypt_rows(rows), rows.lengths + TAG_BYTES) for rows in groups]
    together = join(keys.header(REVERSIBLE), REVERSIBLE, keys.mac, bodies)
    lonely = values.take(pa.array(rest)).cast(pa.large_binary()).to_pylist()
    alone = pa.array([_reversible_one(value, keys, rule) for value in lonely], pa.string())
    return [(np.flatnonzero(grouped), together), (rest, alone)]


def _reversible_one(value: bytes, keys: TypeKeys, rule: bytes = _AS_WRITTEN) -> str:
    return one_token(keys, REVERSIBLE, keys.siv.encrypt_one(rule + value))


def _opened(genuine: "Iterator[_Genuine] | list[_Genuine]", count: int, rule: bytes = _AS_WRITTEN) -> pa.Array:
    """What is inside the reversible ones of ``count`` cells that were written under ``rule``, null for all others."""
    where, values = np.full(count, -1, dtype=np.int64), [pa.array([], pa.large_binary())]
    opened = 0
    for found in genuine:
        if found.kind == REVERSIBLE:
            plain = found.keys.siv.decrypt(binary_of(found.octets, found.lengths))
            # What a later version wrote under another rule is not for this one to read.
            readable = pc.fill_null(pc.starts_with(plain, rule), False)
            values.append(pc.if_else(readable, pc.binary_replace_slice(plain, 0, len(rule), b""), None))
            where[found.positions] = np.arange(opened, opened + len(plain))
            opened += len(plain)
    # Bytes that are no UTF-8 went in as they were, and come out so.
    text = pa.concat_arrays(values).cast(pa.binary()).view(pa.string())
    return text.take(pa.array(where, mask=where < 0))
