"""Keyed one-way tokens: ``tk1h_{type}_{key id}_{24 characters}_{6-character check}``.

The body is HMAC-SHA256 (RFC 2104) of the normalised value, cut to 120 bits, under a key of its own for each
key id, domain and entity type. The check tells a token from what merely looks like one, and needs no value.
Both are frozen: ``docs/decisions/0002-token-format.md``.

Misuse to avoid: a token is not anonymous. Whoever holds the key can guess values, and equal values stay
equal.
"""

import hashlib
import hmac
import re
from base64 import b32decode, b32encode
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from clearance.errors import UsageError
from clearance.tokenization.codec import Bytes, base32_decode, base32_encode, check_characters
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.normalization import normalize
from clearance.tokenization.regions import REGIONS
from clearance.tokenization.slugs import slug_of, type_of
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

BODY_BYTES = 15
BODY_CHARS = 24
CHECK_CHARS = 6

TOKEN_PATTERN = (
    r"tk1h_(?P<type>[a-z][a-z0-9_]{0,119}?)_(?P<kid>[a-z0-9]{2,16})_"  # noqa: S105 (no password)
    r"(?P<body>[a-z2-7]{24})_(?P<check>[a-z2-7]{6})"
)
"""What a one-way token looks like. A match is only a candidate: ask ``Tokenizer.verified_types``."""

# A token may have been upper-cased on its way. ASCII, or U+017F and U+212A would match s and k.
_CANDIDATE = re.compile(TOKEN_PATTERN, re.ASCII | re.IGNORECASE)
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_CACHED_KEYS = 4096


class _Keys(NamedTuple):
    """Everything one (key id, entity type) needs, derived once."""

    header: bytes
    inner: (
        Any  # SHA-256 after the block `key XOR ipad`: hashing a value starts from a copy (RFC 2104 section 4)
    )
    outer: Any
    mac: bytes
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
            raise UsageError(
                f"{region!r} is not a region for phone numbers", hint="use a code such as US, GB or DE"
            )
        self._keyring = keyring
        self._domain = domain
        self._region = region
        self._cache: dict[tuple[str, str], _Keys] = {}

    @property
    def domain(self) -> str:
        """The join scope this tokenizer writes and reads."""
        return self._domain

    def tokenize(self, values: pa.Array, entity_type: str) -> pa.Array:
        """Tokens of text values, as ``string``; nulls stay null, every other value is replaced, the empty one
        too.

        Tokens of this domain pass through (in lower case). Each distinct value is worked on once.
        Raises ``UsageError`` for a type name that no token can carry.
        """
        keys = self._keys(self._keyring.primary, entity_type)
        encoded = _distinct(values)
        texts = encoded.dictionary.to_pylist()
        tokens = _join(keys, self._bodies(texts, entity_type, keys))
        kept = [i for i, verified in self._verified(encoded.dictionary).items() if verified]
        if kept:
            listed = tokens.to_pylist()
            for i in kept:
                listed[i] = texts[i].lower()
            tokens = pa.array(listed, pa.string())
        return tokens.take(encoded.indices)

    def token(self, value: str, entity_type: str) -> str:
        """The token of one value, always: ``tokenize`` for text, where a span is known to be no token."""
        keys = self._keys(self._keyring.primary, entity_type)
        rule, canonical = normalize(value, entity_type, self._region)
        message = _message(rule, canonical)
        body = hmac.digest(keys.mac, message, hashlib.sha256)[:BODY_BYTES]
        text = b32encode(body).decode().lower()
        return f"{keys.header.decode()}{text}_{_check(keys, body)}"

    def verified_types(self, values: pa.Array) -> pa.Array:
        """The entity type where the whole value is a token of this domain by its keyed check, else null."""
        encoded = _distinct(values)
        found = self._verified(encoded.dictionary)
        types = pa.array([found.get(i) for i in range(len(encoded.dictionary))], pa.string())
        return types.take(encoded.indices)

    def verified_spans(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, entity type) of this domain's tokens in a text, in order, offsets in code points.

        Tokens need no blanks around them, and are found in upper case too.
        """
        spans = []
        match = _CANDIDATE.search(text)
        while match:
            entity_type = self._verify(match)
            if entity_type:
                spans.append((match.start(), match.end(), entity_type))
            # A candidate that fails may hide a token that starts inside it.
            match = _CANDIDATE.search(text, match.end() if entity_type else match.start() + 1)
        return spans

    def _bodies(self, texts: list[str], entity_type: str, keys: _Keys) -> Bytes:
        digests = bytearray()
        inner_of, outer_of, region = keys.inner.copy, keys.outer.copy, self._region
        for text in texts:
            rule, canonical = normalize(text, entity_type, region)
            inner = inner_of()
            inner.update(_message(rule, canonical))
            outer = outer_of()
            outer.update(inner.digest())
            digests += outer.digest()
        return np.frombuffer(bytes(digests), dtype=np.uint8).reshape(-1, 32)[:, :BODY_BYTES]

    def _verified(self, distinct: pa.Array) -> dict[int, str]:
        """Positions of verified tokens -> entity type; only what starts like a token is looked at."""
        likely = pc.starts_with(distinct, "tk1h_", ignore_case=True)
        positions = pc.indices_nonzero(likely).to_pylist()
        groups: dict[tuple[str, str], list[tuple[int, str, str]]] = {}
        for position in positions:
            match = _CANDIDATE.fullmatch(distinct[position].as_py())
            if match:
                header = (match["type"].lower(), match["kid"].lower())
                groups.setdefault(header, []).append(
                    (position, match["body"].lower(), match["check"].lower())
                )
        verified = {}
        for (slug, kid), members in groups.items():
            entity_type = type_of(slug)
            if entity_type is None or kid not in self._keyring.kids:
                continue
            bodies = np.frombuffer("".join(body for _, body, _ in members).encode(), dtype=np.uint8)
            checks = np.frombuffer("".join(check for _, _, check in members).encode(), dtype=np.uint8)
            expected = _checks(self._keys(kid, entity_type), base32_decode(bodies.reshape(-1, BODY_CHARS)))
            holds = (expected == checks.reshape(-1, CHECK_CHARS)).all(axis=1)
            verified.update({members[i][0]: entity_type for i in np.flatnonzero(holds)})
        return verified

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
                # Only made-up headers in the data get here; a few derivations again cost less than the
                # memory.
                self._cache.clear()
            mac = self._keyring.derive("h", self._domain, entity_type, kid)
            keys = _Keys(
                header=f"tk1h_{slug_of(entity_type)}_{kid}_".encode(),
                inner=hashlib.sha256(_pad(mac, 0x36)),
                outer=hashlib.sha256(_pad(mac, 0x5C)),
                mac=mac,
                check=self._keyring.derive("check", self._domain, entity_type, kid),
            )
            self._cache[(kid, entity_type)] = keys
        return keys

    def __repr__(self) -> str:
        return f"<Tokenizer of domain {self._domain!r}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            "a Tokenizer can't be pickled or copied; build one from a KeyReference where it is needed"
        )


def _message(rule: str, canonical: str) -> bytes:
    # Surrogates can come with text from Python: an encoding error would carry the value.
    return f"{rule}\0{canonical}".encode("utf-8", "surrogatepass")


def _distinct(values: pa.Array) -> pa.DictionaryArray:
    if isinstance(values, pa.DictionaryArray):
        values = values.cast(values.type.value_type)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise TypeError(
            f"tokens are made from text, not from {values.type}: convert with clearance.values.to_text"
        )
    return pc.dictionary_encode(values)


def _pad(key: bytes, octet: int) -> bytes:
    return bytes(byte ^ octet for byte in key.ljust(64, b"\0"))


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
