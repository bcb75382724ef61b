"""Reversible tokens that die with a person's key: erasure by key, also called crypto-shredding.

A value is sealed under the key of its subject (AES-256-SIV, RFC 5297), and the seal goes into a reversible token as
any value would. The ring recognises and checks such a token; only the subject's key opens it. Subject keys are random,
and are kept wrapped under the ring (AES-SIV as key wrap, RFC 5297 section 1.1), bound to their subject. Whoever has
the ring and no row of a subject's key opens nothing of that subject.

Misuse to avoid: a one-way token of the same value can still be guessed by whoever holds the domain's key.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from clearance.errors import KeyUnavailableError, ProtectionError
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.tokens import Tokenizer

SUBJECT_RULE = b"subject/1\0"
"""In front of a seal inside a reversible token, where other tokens have the name of their rule and NUL."""
KEY_BYTES = 64
_SEAL = b"clearance/subject/1"
_WRAP = b"clearance/subject-key/1"
Wrapped = tuple[str, bytes]
"""The id of the key it is wrapped under, and the wrapped key."""


def new_wrapped(ring: KeyRing, domain: str, subject: str) -> Wrapped:
    """A new random key for a subject, wrapped under the ring's writing key. ``subject``: its one-way token."""
    key = secrets.token_bytes(KEY_BYTES)
    return ring.primary, _wrapper(ring, domain, ring.primary).encrypt(key, [_WRAP, subject.encode()])


def unwrap(ring: KeyRing, domain: str, subject: str, wrapped: Wrapped) -> "SubjectKey":
    """The key of a subject. Raises ``KeyUnavailableError`` when the ring did not wrap it for this subject."""
    return _unwrapped(_wrapper(ring, domain, wrapped[0]), subject, wrapped[1])


def _unwrapped(wrapper: AESSIV, subject: str, octets: bytes) -> "SubjectKey":
    try:
        return SubjectKey(wrapper.decrypt(octets, [_WRAP, subject.encode()]))
    except (InvalidTag, ValueError):
        raise KeyUnavailableError(
            "a subject's key was not wrapped by this key ring for this domain",
            hint="use the key file and the domain that the table of subject keys was made with",
        ) from None


def _wrapper(ring: KeyRing, domain: str, kid: str) -> AESSIV:
    return AESSIV(ring.derive("subject/wrap", domain, "", kid, length=KEY_BYTES))


class SubjectKey:
    """The key of one subject. Can't be pickled, and shows nothing."""

    __slots__ = ("_box",)

    def __init__(self, key: bytes) -> None:
        self._box = AESSIV(key)

    def seal(self, value: bytes, domain: str, entity_type: str) -> bytes:
        """Equal values of one subject, domain and type are sealed alike."""
        return self._box.encrypt(value, [_SEAL, domain.encode(), entity_type.encode()])

    def open(self, sealed: bytes, domain: str, entity_type: str) -> bytes | None:
        """None for what this key did not seal."""
        try:
            return self._box.decrypt(sealed, [_SEAL, domain.encode(), entity_type.encode()])
        except (InvalidTag, ValueError):
            return None

    def __repr__(self) -> str:
        return "<SubjectKey>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a SubjectKey can't be pickled or copied")


class AnyPerson:
    """Opens bound tokens of which nobody says whose they are: by trying the key of every person there is.

    SIV tells a wrong key from the right one. What it costs grows with persons times tokens: for a few tokens at a time.
    ``domains``: those that the subject columns may be of. Holds keys: can't be pickled.
    """

    def __init__(self, ring: KeyRing, people: Mapping[str, Wrapped], domains: Iterable[str]) -> None:
        self._ring = ring
        self._people = people
        self._domains = tuple(domains)
        self._found: dict[tuple[str, str, bytes], bytes | None] = {}

    def reverse(self, tokens: pa.Array, tokenizer: Tokenizer) -> pa.Array:
        """The values inside bound tokens of a tokenizer's domain; null for all else, and where no key opens one."""
        sealed = tokenizer.reverse_sealed(tokens, SUBJECT_RULE).to_pylist()
        types = tokenizer.verified_types(tokens).to_pylist()
        asked = [
            None if seal is None else (tokenizer.domain, kind, seal) for seal, kind in zip(sealed, types, strict=True)
        ]
        self._look({each for each in asked if each is not None} - self._found.keys())
        return pa.array([None if each is None else self._found[each] for each in asked], pa.binary()).view(pa.string())

    def _look(self, wanted: set[tuple[str, str, bytes]]) -> None:
        left = set(wanted)
        wrappers = {
            (domain, kid): _wrapper(self._ring, domain, kid)
            for kid in {kid for kid, _ in self._people.values()} & self._ring.kids
            for domain in self._domains
        }
        for subject, (kid, octets) in self._people.items() if left else ():
            key = None
            for domain in self._domains:
                if key is None and (domain, kid) in wrappers:
                    with suppress(KeyUnavailableError):
                        key = _unwrapped(wrappers[domain, kid], subject, octets)
            for each in list(left) if key is not None else ():
                opened = key.open(each[2], each[0], each[1]) if key is not None else None
                if opened is not None:
                    self._found[each] = opened
                    left.discard(each)
            if not left:
                break
        self._found.update(dict.fromkeys(left))

    def __repr__(self) -> str:
        return "<AnyPerson>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an AnyPerson can't be pickled or copied")


#: Gives the wrapped keys of those of these subjects that have one.
Lookup = Callable[[Iterable[str]], Mapping[str, Wrapped]]


class SubjectTokenizer:
    """Makes and opens subject-bound tokens of one domain. Holds keys: can't be pickled.

    ``lookup`` reads wrapped keys from where they are kept; nothing of them is kept here beyond one call.
    ``keys_domain``: that of the subject column, where tokens are made in another.
    """

    def __init__(self, ring: KeyRing, tokenizer: Tokenizer, lookup: Lookup, *, keys_domain: str | None = None) -> None:
        self._ring = ring
        self._tokenizer = tokenizer
        self._lookup = lookup
        self._keys_domain = keys_domain or tokenizer.domain
        self._wrappers: dict[str, AESSIV] = {}

    def encrypt(self, values: pa.Array, subjects: pa.Array, entity_type: str) -> pa.Array:
        """Reversible tokens of text values, each under the key of its subject (its one-way token, row by row).

        One-way tokens of this domain, and those that are bound, pass through in lower case; nulls stay null. Raises
        ``ProtectionError`` for a reversible token that is not bound and for a value without a subject,
        ``KeyUnavailableError`` for a subject without a key: none of them could be erased later.
        """
        known = self._tokenizer.verified_types(values).is_valid()
        if self._tokenizer.reverse(values.filter(known)).drop_null():
            raise ProtectionError(
                "there are reversible tokens that are bound to nobody",
                hint="bind values where they are protected first: a token can't be bound afterwards",
            )
        todo = pc.and_(values.is_valid(), pc.invert(known))
        if pc.any(pc.and_(todo, subjects.is_null())).as_py():
            raise ProtectionError(
                "a value has no subject whose key it could be sealed with",
                hint="fill the subject column, or give its column another method than reversible",
            )
        rows = pc.indices_nonzero(todo)
        texts = values.take(rows).cast(pa.binary()).to_pylist()
        owners = subjects.take(rows).to_pylist()
        keys = self._keys(owners)
        missing = len(set(owners) - keys.keys())
        if missing:
            raise KeyUnavailableError(
                f"{missing:,} subjects have no key",
                hint="were they erased meanwhile? take them out of the source, or SubjectKeys.ensure makes keys",
            )
        domain = self._tokenizer.domain
        sealed = [keys[owner].seal(text, domain, entity_type) for owner, text in zip(owners, texts, strict=True)]
        tokens = self._tokenizer.encrypt_sealed(pa.array(sealed, pa.binary()), entity_type, SUBJECT_RULE)
        kept = pc.if_else(known, pc.ascii_lower(values.cast(pa.string())), None)
        return pc.replace_with_mask(kept, todo, tokens)

    def reverse(self, tokens: pa.Array, subjects: pa.Array) -> pa.Array:
        """The values inside subject-bound tokens; null for all else, and where the subject's key is gone.

        ``subjects``: the one-way token of each row's subject, as it stands in the protected data.
        """
        sealed = self._tokenizer.reverse_sealed(tokens, SUBJECT_RULE).to_pylist()
        types = self._tokenizer.verified_types(tokens).to_pylist()
        owners = [None if owner is None else owner.lower() for owner in subjects.to_pylist()]
        keys = self._keys(
            owner for owner, seal in zip(owners, sealed, strict=True) if owner is not None and seal is not None
        )
        domain = self._tokenizer.domain
        opened = [
            keys[owner].open(seal, domain, kind) if seal is not None and owner in keys else None
            for owner, seal, kind in zip(owners, sealed, types, strict=True)
        ]
        return pa.array(opened, pa.binary()).view(pa.string())

    def _keys(self, subjects: Iterable[str]) -> dict[str, SubjectKey]:
        wanted = dict.fromkeys(subjects)
        found = self._lookup(wanted) if wanted else {}
        for kid in {kid for kid, _ in found.values()} - self._wrappers.keys():
            self._wrappers[kid] = _wrapper(self._ring, self._keys_domain, kid)
        return {subject: _unwrapped(self._wrappers[kid], subject, octets) for subject, (kid, octets) in found.items()}

    def __repr__(self) -> str:
        return f"<SubjectTokenizer of domain {self._tokenizer.domain!r}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a SubjectTokenizer can't be pickled or copied")
