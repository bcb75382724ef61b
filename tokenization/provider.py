"""Providers: where a keyset lies, who unwraps its roots, and the reference that travels to workers.

``open_keys(uri)`` of ``providers/`` picks one. All are a ``KeysetProvider``: the document at a path, and the
key-encryption key that its URI names. What lies in the file decides nothing about who is asked: a document that
could name its own key service could name an attacker's.
"""

import secrets
from base64 import b32encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Protocol

from clearance.errors import KeyUnavailableError
from clearance.tokenization.kek import Binding, Kek, NoKek, PassphraseKek, passphrase_from_environment
from clearance.tokenization.keyfile import create_file, file_stamp, locked, read_file, replace_file
from clearance.tokenization.keyset import ALL_DOMAINS, Key, Keyset, dump, new_roots, parse
from clearance.tokenization.ring import ROOT_BYTES, KeyRing, State

_RESTORE_HINT = "restore the file from its backup; without it tokens can't be recomputed"
_SERVICES = "awskms://, vault:// or gcpkms:// (docs/how-to/keys.md)"


class KeyProvider(Protocol):
    """Where keys come from. Every method raises ``KeyUnavailableError``."""

    @property
    def uri(self) -> str:
        """What names it: safe to print."""

    def exists(self) -> bool:
        """Whether there is a keyset."""

    def create(self, domains: Iterable[str] = ("default",)) -> KeyRing:
        """Make a keyset with one random key. Never replaces one."""

    def load(self) -> KeyRing:
        """The ring. Roots that a key service has to unwrap are unwrapped when first needed."""

    def reference(self) -> "KeyReference":
        """What travels to workers. Pins today's writing key: a rotation during a run does not change its tokens."""


class _WrappedRoots:
    """The enabled keys of a keyset, each root unwrapped once."""

    def __init__(self, keyset: Keyset, kek: Kek) -> None:
        self._keyset = keyset
        self._kek = kek
        self._known: dict[tuple[str, str], bytes] = {}
        self._lock = Lock()

    @property
    def kids(self) -> frozenset[str]:
        return self._keyset.enabled

    @property
    def unusable(self) -> Mapping[str, State]:
        return self._keyset.unusable

    def root(self, kid: str, domain: str) -> bytes:
        with self._lock:
            if (kid, domain) not in self._known:
                self._known[kid, domain] = unwrapped(self._keyset, self._kek, kid, domain)
            return self._known[kid, domain]

    def has(self, kid: str, scope: str) -> bool:
        key = self._keyset.key(kid)
        return key is not None and scope in key.roots


def unwrapped(keyset: Keyset, kek: Kek, kid: str, domain: str) -> bytes:
    """A root of a keyset. Raises ``KeyUnavailableError``: none for this domain, or it does not unwrap."""
    key = keyset.key(kid)
    written = key.written_root(domain) if key is not None else None
    if key is None or written is None:
        raise KeyUnavailableError(
            f"the key {kid!r} has no root for the domain {domain!r}",
            hint=f"add one: clearance keys create --domain {domain}",
        )
    root = kek.unwrap(written, Binding(kid, domain if domain in key.roots else ALL_DOMAINS))
    if len(root) != ROOT_BYTES:
        raise KeyUnavailableError(f"what unwraps as the key {kid!r} is no root", hint=_RESTORE_HINT)
    return root


def new_key(kek: Kek, domains: Iterable[str], *, taken: Iterable[str] = ()) -> Key:
    """A key with an id of its own and a random root a domain."""
    kid = b32encode(secrets.token_bytes(5)).decode().lower()[:6]
    if kid in set(taken):
        return new_key(kek, domains, taken=taken)
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    roots = {
        domain: kek.wrap(secrets.token_bytes(ROOT_BYTES), Binding(kid, domain)) for domain in sorted(new_roots(domains))
    }
    return Key(kid, created, roots)


class KeysetProvider:
    """A keyset at a path whose roots a key service unwraps. The file holds no secret."""

    private = False

    def __init__(self, uri: str, path: str | Path, kek: Kek) -> None:
        self.uri = uri
        self.path = Path(path).expanduser()
        self._kek = kek

    def exists(self) -> bool:
        """Whether there is a keyset."""
        return self.path.exists()

    def kek(self, keyset: Keyset | None = None) -> Kek:
        """What unwraps the roots of ``keyset``, or wraps those of a new one. Raises when it is another's."""
        if keyset is not None and keyset.kek.get("kind") != self._kek.described["kind"]:
            raise KeyUnavailableError(
                f"the keys at {self.path} are wrapped by {keyset.kek.get('kind')!r}, not by {self.uri}",
                hint="name the provider that wrapped them, or move them: clearance keys rewrap --to",
            )
        return self._kek

    def keyset(self) -> Keyset:
        """The document. Raises ``KeyUnavailableError`` if it is missing, unsafe or malformed."""
        keyset = parse(read_file(self.path, private=self.private))
        if keyset is None:
            raise KeyUnavailableError(f"{self.path} is not a key file of a format that is known", hint=_RESTORE_HINT)
        return keyset

    def create(self, domains: Iterable[str] = ("default",)) -> KeyRing:
        """Write a new keyset with one random key and return its ring; ``*`` means one root for all domains."""
        kek = self.kek()
        key = new_key(kek, domains)
        self.write(Keyset(kek.described, key.kid, (key,)))
        return self.load()

    def write(self, keyset: Keyset) -> None:
        """Write a keyset where there is none."""
        create_file(self.path, dump(keyset), private=self.private)

    def change(self, work: Callable[[Keyset, Kek], Keyset]) -> Keyset:
        """Replace the keyset by what ``work`` makes of it, in one step and one at a time."""
        with locked(self.path):
            keyset = self.keyset()
            changed = work(keyset, self.kek(keyset))
            content = dump(changed)
            assert parse(content) == changed, "a keyset that can't be read again is never written"
            replace_file(self.path, content)
        return changed

    def load(self) -> KeyRing:
        """The ring. Raises ``KeyUnavailableError`` if the keyset is missing, unsafe or malformed."""
        return self.ring_of(self.keyset())

    def ring_of(self, keyset: Keyset) -> KeyRing:
        """The ring of a keyset that was read already."""
        return KeyRing(_WrappedRoots(keyset, self.kek(keyset)), keyset.primary)

    def reference(self) -> "KeyReference":
        """A reference that takes the wrapped keyset along: workers need the service, not the file."""
        keyset = self.keyset()
        self.kek(keyset)
        return KeyReference(self.uri, keyset.primary, dump(keyset).decode())


class FileKeyProvider(KeysetProvider):
    """Keys in a local file that only its owner can read (mode 0600), in clear or under a passphrase.

    ``passphrase`` is called when one is needed: by default the file that CLEARANCE_PASSPHRASE_FILE names is read.
    """

    private = True

    def __init__(
        self,
        path: str | Path,
        *,
        with_passphrase: bool = False,
        passphrase: Callable[[], bytes] = passphrase_from_environment,
    ) -> None:
        self._passphrase = passphrase
        self._new: Kek = PassphraseKek.new(passphrase) if with_passphrase else NoKek()
        where = Path(path).expanduser().absolute()
        super().__init__(where.as_uri(), path, self._new)

    def kek(self, keyset: Keyset | None = None) -> Kek:
        """By what the document says: it is private, and nobody is asked over a network."""
        if keyset is None:
            return self._new
        if keyset.in_clear:
            return NoKek()
        if keyset.kek.get("kind") == "passphrase":
            return PassphraseKek.of(keyset.kek, self._passphrase)
        return super().kek(keyset)

    def create(self, domains: Iterable[str] = (ALL_DOMAINS,)) -> KeyRing:
        """Write a new file with one random key, one root for all domains, and return its ring."""
        return super().create(domains)

    def reference(self) -> "KeyReference":
        """A reference that pins today's writing key; every worker reads the file itself."""
        return KeyReference(str(self.path.absolute()), self.keyset().primary)


@dataclass(frozen=True, slots=True)
class KeyReference:
    """Where a key ring is. Safe to pickle, print and log: it holds a path or URI and a key id, no secret.

    ``keyset`` is the keyset with its roots as the service wrapped them, so that a run keeps the keys it was
    started with and workers need not see its file.
    """

    uri: str
    kid: str | None = None
    keyset: str | None = field(default=None, repr=False)

    def open(self) -> KeyRing:
        """The ring, opened once a process; a key file is read again only when it changed.

        Raises ``KeyUnavailableError`` like the provider's ``load``, also when the pinned key is not there (another
        machine's file at the same path).
        """
        stamp = file_stamp(Path(self.uri)) if self.keyset is None and "://" not in self.uri else ()
        return _open_ring(self, stamp)


_ENDED = {"destroyed": "destroyed", "pending": "set to be destroyed"}


@lru_cache(maxsize=8)
def _open_ring(reference: KeyReference, _stamp: tuple[int, ...]) -> KeyRing:
    from clearance.tokenization.providers import open_keys

    provider = open_keys(reference.uri)
    if reference.keyset is None:
        ring = provider.load()
    else:
        keyset = parse(reference.keyset.encode())
        if keyset is None:
            raise KeyUnavailableError("the keyset that came with this run is not whole", hint="start the run again")
        ring = provider.ring_of(keyset)
    if reference.kid is None or reference.kid == ring.primary:
        return ring
    if state := ring.unusable.get(reference.kid):
        ended = _ENDED.get(state, "disabled")
        raise KeyUnavailableError(
            f"the key {reference.kid!r}, which this run was started with, was {ended} meanwhile",
            hint="run again: the key that writes now is taken",
        )
    if reference.kid not in ring.kids:
        raise KeyUnavailableError(
            f"the key file on this machine does not hold the key {reference.kid!r} this run was started with",
            hint=f"every worker must open the same key file; on a cluster use a key service: {_SERVICES}",
        )
    return ring.writing_with(reference.kid)
