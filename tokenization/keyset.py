"""A keyset as it is written: key ids, their states, and their roots, in clear or wrapped by a key-encryption key.

    {"format": "clearance-keyset/1", "kek": {"kind": "awskms", "key": "alias/clearance"}, "primary": "k3x9q2",
     "keys": [{"kid": "k3x9q2", "created": "2026-01-31T09:00:00Z", "state": "enabled",
               "roots": {"": "<base64>", "default": "<base64>"}}]}

``roots`` has one entry a domain; ``""`` is that of signatures, ``*`` stands for all domains that have none of their
own. A destroyed key keeps its id and loses its roots. The older format ``clearance-keys/1`` has one root a key, in
clear, and is still written for keysets that need no more than that.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, get_args

from clearance.tokenization.ring import KEY_ID, ROOT_BYTES, State

FORMAT = "clearance-keyset/1"
FILE_FORMAT = "clearance-keys/1"
ALL_DOMAINS = "*"
SIGNATURES = ""
IN_CLEAR = {"kind": "none"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its id, its state, and its roots as they are written. ``due``: not destroyed before then."""

    kid: str
    created: str
    roots: Mapping[str, str] = field(repr=False)
    state: State = "enabled"
    due: str | None = None

    def written_root(self, domain: str) -> str | None:
        """The root for a domain as it is written, or None."""
        return self.roots.get(domain, self.roots.get(ALL_DOMAINS))

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key can't be pickled or copied; pass a KeyReference and open it where it is needed")


@dataclass(frozen=True, slots=True)
class Keyset:
    """All keys of a ring. ``kek`` says what wrapped them; ``{"kind": "none"}`` means that they are in clear."""

    kek: Mapping[str, str]
    primary: str
    keys: tuple[Key, ...]

    @property
    def in_clear(self) -> bool:
        """Whether whoever reads the document has the roots."""
        return self.kek.get("kind") == "none"

    @property
    def enabled(self) -> frozenset[str]:
        """Ids of the keys that may be used."""
        return frozenset(key.kid for key in self.keys if key.state == "enabled")

    @property
    def unusable(self) -> dict[str, State]:
        """The keys that may not be used, each with its state."""
        return {key.kid: key.state for key in self.keys if key.state != "enabled"}

    @property
    def domains(self) -> frozenset[str]:
        """All domains that some key has a root for; ``""`` and ``*`` among them."""
        return frozenset(domain for key in self.keys for domain in key.roots)

    def key(self, kid: str) -> Key | None:
        """The key of this id, or None."""
        return next((key for key in self.keys if key.kid == kid), None)

    def with_key(self, new: Key) -> "Keyset":
        """The same with ``new`` in the place of the key of its id, or added."""
        if self.key(new.kid) is None:
            return replace(self, keys=(*self.keys, new))
        return replace(self, keys=tuple(new if key.kid == new.kid else key for key in self.keys))


def new_roots(domains: Iterable[str]) -> frozenset[str]:
    """The domains a new key gets roots for: those named and that of signatures, or ``*`` alone for all."""
    named = frozenset(domains)
    return named if named == {ALL_DOMAINS} else named | {SIGNATURES}


def decode(written: str) -> bytes:
    """The octets of a base64 text. Raises ``ValueError``."""
    return b64decode(written, validate=True)


def encode(octets: bytes) -> str:
    """Octets as base64 text."""
    return b64encode(octets).decode()


def dump(keyset: Keyset) -> bytes:
    """The document of a keyset; in the older format where that can hold it."""
    plain = all(key.state == "enabled" and set(key.roots) == {ALL_DOMAINS} for key in keyset.keys)
    if keyset.in_clear and plain:
        entries = [{"kid": k.kid, "created": k.created, "root": k.roots[ALL_DOMAINS]} for k in keyset.keys]
        document: dict[str, Any] = {"format": FILE_FORMAT, "primary": keyset.primary, "keys": entries}
    else:
        document = {
            "format": FORMAT,
            "kek": dict(keyset.kek),
            "primary": keyset.primary,
            "keys": [_entry(key) for key in keyset.keys],
        }
    return json.dumps(document, indent=1).encode() + b"\n"


def _entry(key: Key) -> dict[str, Any]:
    entry = {"kid": key.kid, "created": key.created, "state": key.state, "roots": dict(key.roots)}
    return entry if key.due is None else {**entry, "due": key.due}


def parse(content: bytes) -> Keyset | None:
    """The keyset in a document, or None for anything that is not well-formed to the last field.

    It raises nothing: an exception of the JSON parser carries the whole document.
    """
    try:
        document = json.loads(content)
        if document["format"] == FILE_FORMAT:
            keyset = _parse_file(document)
        elif document["format"] == FORMAT:
            keyset = _parse_keyset(document)
        else:
            return None
        return keyset if keyset is not None and _sound(keyset) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _parse_file(document: dict[str, Any]) -> Keyset | None:
    if set(document) != {"format", "primary", "keys"}:
        return None
    if any(set(entry) != {"kid", "created", "root"} for entry in document["keys"]):
        return None
    keys = tuple(Key(e["kid"], e["created"], {ALL_DOMAINS: e["root"]}) for e in document["keys"])
    return Keyset(IN_CLEAR, document["primary"], keys)


def _parse_keyset(document: dict[str, Any]) -> Keyset | None:
    if set(document) != {"format", "kek", "primary", "keys"}:
        return None
    fields = {"kid", "created", "state", "roots"}
    if any(set(entry) - {"due"} != fields for entry in document["keys"]):
        return None
    keys = tuple(Key(e["kid"], e["created"], dict(e["roots"]), e["state"], e.get("due")) for e in document["keys"])
    return Keyset(dict(document["kek"]), document["primary"], keys)


def _sound(keyset: Keyset) -> bool:
    kids = [key.kid for key in keyset.keys]
    texts = [key.created for key in keyset.keys] + [text for key in keyset.keys for text in key.roots.values()]
    texts += [*keyset.kek.values(), *(key.due for key in keyset.keys if key.due is not None)]
    if not all(isinstance(text, str) for text in [*kids, *texts]) or len(set(kids)) != len(kids):
        return False
    if not all(KEY_ID.fullmatch(kid) for kid in kids) or keyset.primary not in keyset.enabled:
        return False
    sizes = {len(decode(text)) for key in keyset.keys for text in key.roots.values()}
    states = all(
        key.state in get_args(State)
        and (key.state == "destroyed") == (not key.roots)
        and (key.state == "pending") == (key.due is not None)
        for key in keyset.keys
    )
    return states and "kind" in keyset.kek and (not keyset.in_clear or sizes <= {ROOT_BYTES})
