"""Keyed one-way tokens: ``tk1h_{type}_{key id}_{24 characters}_{6-character check}``.

The body is HMAC-SHA256 (RFC 2104) of the normalised value, cut to 120 bits, under a key of its own for each
key id, domain and entity type. The check tells a token from what merely looks like one, and needs no value.
Both are frozen: ``docs/decisions/0002-token-format.md``.

Misuse to avoid: a token is not anonymous. Whoever holds the key can guess values, and equal values stay
equal.
"""

import hmac
import re
from base64 import b32decode, b32encode
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from clearance.errors import UsageError
from clearance.tokenization.canonical import message, messages
from clearance.tokenization.codec import Booleans, Bytes, base32_decode, base32_encode, check_characters, is_base32
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.prf import KeyedHash
from clearance.tokenization.regions import REGIONS
from clearance.tokenization.slugs import slug_of, type_of

BODY_BYTES = 15
BODY_CHARS = 24
CHECK_CHARS = 6
_TAIL = BODY_CHARS + 1 + CHECK_CHARS
LONGEST = len("tk1h_") + 120 + 1 + 16 + 1 + _TAIL
"""No token is longer than this many characters."""

TOKEN_PATTERN = (
    r"tk1h_(?P<type>[a-z][a-z0-9_]{0,119}?)_(?P<kid>[a-z0-9]{2,16})_"  # noqa: S105 (no password)
    r"(?P<body>[a-z2-7]{24})_(?P<check>[a-z2-7]{6})"
)
"""What a one-way token looks like. A match is only a candidate: ask ``Tokenizer.verified_types``."""

# A token may have been upper-cased on its way. ASCII, or U+017F and U+212A would match s and k.
_CANDIDATE = re.compile(TOKEN_PATTERN, re.ASCII | re.IGNORECASE)
_HEADER = re.compile(r"tk1h_(?P<type>[a-z][a-z0-9_]{0,119})_(?P<kid>[a-z0-9]{2,16})_")
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_CACHED_KEYS = 4096


@dataclass(frozen=True, slots=True, repr=False)
class _Keys:
    """Everything one (key id, entity type) needs, derived once."""

    entity_type: str
    header: bytes
    prf: KeyedHash
    check: bytes


class Tokenizer:
    """Makes and recognises the tokens of one domain.

    ``domain`` is a declared join scope: equal values give equal tokens inside it and unrelated ones outside.
    ``region`` (ISO 3166-1 alpha-2) is where phone numbers without a country code are dialled.
    Holds keys: can't be pickled. Build one in each worker from a ``KeyReference``.
    """

    def __init__(self, keyring: KeyRing, domain: str = "default", *, region: str = "US") -> None:
        if not _DOMAIN.fullmatch(domain):
            raise UsageError(
                f"{domain!r} can't be the name of a token domain",
                hint="use 1 to 64 of a-z, 0-9, dot, dash and underscore, a letter or digit first",
            )
        if region not in REGIONS:
            raise UsageError(f"{region!r} is not a region for phone numbers", hint="use a code such as US, GB or DE")
        self._keyring = keyring
        self._domain = domain
        self._region = region
        self._cache: dict[tuple[str, str], _Keys] = {}

    @property
    def domain(self) -> str:
        """The join scope this tokenizer writes and reads."""
        return self._domain

    def tokenize(self, values: pa.Array, entity_type: str) -> pa.Array:
        """Tokens of text values, as ``string``. Nulls stay null; all else is replaced, the empty string too.

        Tokens of this domain pass through (in lower case). Each distinct value is worked on once.
        Raises ``UsageError`` for a type name that no token can carry.
        """
        keys = self._keys(self._keyring.primary, entity_type)
        encoded = _distinct(values)
        distinct = encoded.dictionary
        raw = self._verified(distinct).is_null()
        fresh = _join(keys, self._bodies(distinct.filter(raw), entity_type, keys))
        if len(fresh) == len(distinct):
            return fresh.take(encoded.indices)
        tokens = pc.replace_with_mask(pc.ascii_lower(distinct).cast(pa.string()), raw, fresh)
        return tokens.take(encoded.indices)

    def token(self, value: str, entity_type: str) -> str:
        """The token of one value, always: ``tokenize`` for text, where a span is known to be no token."""
        keys = self._keys(self._keyring.primary, entity_type)
        body = keys.prf.digests([message(value, entity_type, self._region)])[:BODY_BYTES]
        text = b32encode(body).decode().lower()
        return f"{keys.header.decode()}{text}_{_check(keys, body)}"

    def verified_types(self, values: pa.Array) -> pa.Array:
        """The entity type where the whole value is a token of this domain by its keyed check, else null."""
        encoded = _distinct(values)
        return self._verified(encoded.dictionary).take(encoded.indices)

    def verified_spans(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, entity type) of this domain's tokens in a text, in order, offsets in code points.

        Tokens need no blanks around them, and are found in upper case too.
        """
        # A plain search first: the pattern ignores case, which makes it slow on long texts without tokens.
        if "tk1h_" not in text.lower():
            return []
        spans = []
        match = _CANDIDATE.search(text)
        while match:
            entity_type = self._verify(match)
            if entity_type:
                spans.append((match.start(), match.end(), entity_type))
            # A candidate that fails may hide a token that starts inside it.
            match = _CANDIDATE.search(text, match.end() if entity_type else match.start() + 1)
        return spans

    def _bodies(self, distinct: pa.Array, entity_type: str, keys: _Keys) -> Bytes:
        digests = keys.prf.digests(messages(distinct, entity_type, self._region))
        return np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32)[:, :BODY_BYTES]

    def _verified(self, distinct: pa.Array) -> pa.Array:
        """The entity type of each value that is a verified token, else null. Looks at likely ones only."""
        length = pc.binary_length(distinct)
        likely = pc.and_(pc.greater(length, _TAIL), pc.less_equal(length, LONGEST))
        likely = pc.and_(likely, pc.starts_with(distinct, "tk1h_", ignore_case=True))
        likely = pc.and_(likely, pc.string_is_ascii(distinct))
        positions = pc.indices_nonzero(likely).to_numpy()
        if not len(positions):
            return pa.nulls(len(distinct), pa.string())
        lower = pc.ascii_lower(distinct.filter(likely)).cast(pa.large_binary())
        tails = b"".join(pc.binary_slice(lower, -_TAIL).to_pylist())
        rows = np.frombuffer(tails, dtype=np.uint8).reshape(-1, _TAIL)
        headers = pc.dictionary_encode(pc.binary_slice(lower, 0, -_TAIL))
        codes = headers.indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(headers.dictionary) + 1))
        found = np.full(len(distinct), -1, dtype=np.int32)
        types: list[str] = []
        for code, header in enumerate(headers.dictionary.to_pylist()):
            keys = self._read_header(header.decode())
            if keys:
                members = order[starts[code] : starts[code + 1]]
                members = members[_tails_hold(keys, rows[members])]
                found[positions[members]] = len(types)
                types.append(keys.entity_type)
        return pa.array(types, pa.string()).take(pa.array(found, mask=found < 0))

    def _read_header(self, header: str) -> _Keys | None:
        match = _HEADER.fullmatch(header)
        entity_type = type_of(match["type"]) if match else None
        if match is None or entity_type is None or match["kid"] not in self._keyring.kids:
            return None
        return self._keys(match["kid"], entity_type)

    def _verify(self, match: re.Match[str]) -> str | None:
        slug, kid, body, check = (part.lower() for part in match.group("type", "kid", "body", "check"))
        entity_type = type_of(slug)
        if entity_type is None or kid not in self._keyring.kids:
            return None
        expected = _check(self._keys(kid, entity_type), b32decode(body.upper()))
        return entity_type if hmac.compare_digest(expected, check) else None

    def _keys(self, kid: str, entity_type: str) -> _Keys:
        keys = self._cache.get((kid, entity_type))
        if keys is None:
            if len(self._cache) >= _MAX_CACHED_KEYS:
                # Only made-up headers in the data get here: deriving again costs less than the memory.
                self._cache.clear()
            # First of all: it refuses names that no token can carry.
            slug = slug_of(entity_type)
            keys = _Keys(
                entity_type=entity_type,
                header=f"tk1h_{slug}_{kid}_".encode(),
                prf=KeyedHash(self._keyring.derive("h", self._domain, entity_type, kid)),
                check=self._keyring.derive("check", self._domain, entity_type, kid),
            )
            self._cache[(kid, entity_type)] = keys
        return keys

    def __repr__(self) -> str:
        return f"<Tokenizer of domain {self._domain!r}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Tokenizer can't be pickled or copied; build one from a KeyReference where it is needed")


def _distinct(values: pa.Array) -> pa.DictionaryArray:
    if isinstance(values, pa.DictionaryArray):
        values = values.cast(values.type.value_type)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise TypeError(f"tokens are made from text, not from {values.type}: convert with clearance.values.to_text")
    return pc.dictionary_encode(values)


def _check(keys: _Keys, body: bytes) -> str:
    """First 30 bits of AES-256-CMAC over ``h`` and the body, in base32."""
    mac = CMAC(AES(keys.check))
    mac.update(b"h" + body)
    return b32encode(mac.finalize()[:5]).decode().lower()[:CHECK_CHARS]


def _checks(keys: _Keys, bodies: Bytes) -> Bytes:
    blocks = np.empty((len(bodies), 16), dtype=np.uint8)
    blocks[:, 0] = ord("h")
    blocks[:, 1:] = bodies
    return check_characters(keys.check, blocks)


def _tails_hold(keys: _Keys, tails: Bytes) -> Booleans:
    """(n, 31) characters `{body}_{check}` -> whether each is well-formed and its check is the keyed one."""
    bodies, checks = tails[:, :BODY_CHARS], tails[:, -CHECK_CHARS:]
    formed = (tails[:, BODY_CHARS] == ord("_")) & is_base32(bodies)
    expected = _checks(keys, base32_decode(bodies))
    holds: Booleans = formed & (expected == checks).all(axis=1)
    return holds


def _join(keys: _Keys, bodies: Bytes) -> pa.Array:
    """(n, 15) bodies -> n token strings, built as one buffer."""
    bodies = np.ascontiguousarray(bodies)
    start = len(keys.header)
    width = start + BODY_CHARS + 1 + CHECK_CHARS
    rows = np.empty((len(bodies), width), dtype=np.uint8)
    rows[:, :start] = np.frombuffer(keys.header, dtype=np.uint8)
    rows[:, start : start + BODY_CHARS] = base32_encode(bodies)
    rows[:, start + BODY_CHARS] = ord("_")
    rows[:, -CHECK_CHARS:] = _checks(keys, bodies)
    offsets = np.arange(0, (len(bodies) + 1) * width, width, dtype=np.int64)
    text = pa.LargeStringArray.from_buffers(len(bodies), pa.py_buffer(offsets), pa.py_buffer(rows.tobytes()))
    return text.cast(pa.string())
