"""What becomes of keys: made, rotated, rewrapped, disabled, destroyed. Keyset in, keyset out; a provider writes it.

A key that is disabled, or waits for its destruction, neither writes nor reads: its tokens are values like any other.
Destruction takes two calls with a delay between them, for nothing brings a root back.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from clearance.errors import KeyUnavailableError, UsageError
from clearance.tokenization.kek import Binding, Kek
from clearance.tokenization.keyset import ALL_DOMAINS, SIGNATURES, Key, Keyset
from clearance.tokenization.provider import new_key, unwrapped
from clearance.tokenization.ring import REVERSAL, ROOT_BYTES

LEAST_DELAY = timedelta(days=1)


def rotate(keyset: Keyset, kek: Kek, *, separate_reversal: bool = False) -> Keyset:
    """A new key writes, all others read. It gets a root for each domain that the keyset knows.

    ``separate_reversal``: see ``with_reversal``; a keyset that has it keeps it.
    """
    _require_its(keyset, kek)
    domains = _domains_of(keyset)
    if separate_reversal:
        domains = with_reversal(domains, in_clear=keyset.in_clear)
    key = new_key(kek, domains, taken=[key.kid for key in keyset.keys])
    return replace(keyset.with_key(key), primary=key.kid)


def add_imported(keyset: Keyset, kek: Kek, kid: str, root: bytes) -> Keyset:
    """Imported key material writes from now on, one root for all domains."""
    if keyset.key(kid) is not None:
        raise UsageError(f"there is a key {kid!r} already: it was imported before", hint="clearance keys list")
    _require_its(keyset, kek)
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    key = Key(kid, created, {ALL_DOMAINS: kek.wrap(root, Binding(kid, ALL_DOMAINS))})
    return replace(keyset.with_key(key), primary=kid)


def _require_its(keyset: Keyset, kek: Kek) -> None:
    """Raises ``KeyUnavailableError`` unless ``kek`` opens what is there.

    A mistyped passphrase, or another key of the service, would wrap what is added: nobody could open both then.
    """
    writing = keyset.key(keyset.primary)
    for domain in sorted(writing.roots)[:1] if writing is not None else ():
        unwrapped(keyset, kek, keyset.primary, domain)


def _domains_of(keyset: Keyset) -> frozenset[str]:
    """Domains by name where there are any: a new key never serves more than it must."""
    return keyset.domains - {ALL_DOMAINS, SIGNATURES} or frozenset({ALL_DOMAINS})


def with_reversal(domains: Iterable[str], *, in_clear: bool) -> frozenset[str]:
    """The domains, each with a root of its own for what can be opened: a permission of its own at the key service.

    Only a new key can have it: an old one made its tokens with the domain's root. Raises ``UsageError`` where nothing
    would be kept apart: in a file that is read whole, or without domains by name.
    """
    named = frozenset(domains)
    if in_clear or ALL_DOMAINS in named:
        raise UsageError(
            "reversal is kept apart by a key service, domain by domain; a key file is read whole",
            hint="use awskms://, vault:// or gcpkms://, and name the domains with --domain",
        )
    return named | {domain + REVERSAL for domain in named if not domain.endswith(REVERSAL)}


def add_domains(keyset: Keyset, kek: Kek, domains: Iterable[str]) -> Keyset:
    """Roots for further domains, in every key that has none for them yet."""
    _require_its(keyset, kek)
    separate = any(domain.endswith(REVERSAL) for domain in keyset.domains)
    for key in keyset.keys:
        missing = [domain for domain in domains if key.state != "destroyed" and key.written_root(domain) is None]
        # A domain that is new has no tokens yet: what opens them can be kept apart as it is for the others.
        missing += [domain + REVERSAL for domain in missing if separate]
        fresh = {d: kek.wrap(secrets.token_bytes(ROOT_BYTES), Binding(key.kid, d)) for d in missing}
        keyset = keyset.with_key(replace(key, roots={**key.roots, **fresh}))
    return keyset


def rewrap(keyset: Keyset, kek: Kek, new: Kek) -> Keyset:
    """The same roots wrapped by ``new``, each one opened and compared before it counts. Tokens stay as they are."""
    keys = []
    for key in keyset.keys:
        roots = {}
        for domain in key.roots:
            root = unwrapped(keyset, kek, key.kid, domain)
            roots[domain] = new.wrap(root, Binding(key.kid, domain))
            if new.unwrap(roots[domain], Binding(key.kid, domain)) != root or len(root) != ROOT_BYTES:
                raise KeyUnavailableError(
                    f"the key {key.kid!r} did not come back as it was wrapped", hint="nothing was changed; try again"
                )
        keys.append(replace(key, roots=roots))
    return replace(keyset, kek=dict(new.described), keys=tuple(keys))


def disable(keyset: Keyset, kid: str) -> Keyset:
    """The key neither reads nor writes until it is enabled."""
    key = _existing(keyset, kid, not_primary=True)
    if key.state != "enabled":
        raise UsageError(f"the key {kid!r} is {told(key)}", hint="clearance keys list")
    return keyset.with_key(replace(key, state="disabled"))


def enable(keyset: Keyset, kid: str) -> Keyset:
    """The key reads again; takes back a destruction that has not come yet."""
    key = _existing(keyset, kid)
    if key.state not in ("disabled", "pending"):
        raise UsageError(f"the key {kid!r} is {told(key)}", hint="clearance keys list")
    return keyset.with_key(replace(key, state="enabled", due=None))


def destroy(keyset: Keyset, kid: str, *, now: datetime, after: timedelta) -> Keyset:
    """First call: the key is disabled, and due ``after`` this long. A call after that removes its roots for good.

    Raises ``UsageError`` for the key that writes, and for a call in between.
    """
    key = _existing(keyset, kid, not_primary=True)
    if key.state == "destroyed":
        raise UsageError(f"the key {kid!r} is destroyed already", hint="clearance keys list")
    if key.state != "pending":
        if after < LEAST_DELAY:
            raise UsageError("a key is destroyed after a day at the earliest", hint="write --after 7d")
        due = (now + after).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return keyset.with_key(replace(key, state="pending", due=due))
    if now < due_of(key):
        raise UsageError(
            f"the key {kid!r} is due at {key.due}, and not before", hint=f"clearance keys enable {kid} takes it back"
        )
    return keyset.with_key(replace(key, state="destroyed", roots={}, due=None))


def due_of(key: Key) -> datetime:
    """When a pending key may be destroyed. A time that nobody can read is never."""
    try:
        return datetime.strptime(key.due or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise KeyUnavailableError(
            f"the keyset does not say when the key {key.kid!r} is due", hint="restore the keyset from its backup"
        ) from None


def told(key: Key) -> str:
    """The state of a key in words."""
    return f"pending destruction, due {key.due}" if key.state == "pending" else key.state


def described(keyset: Keyset) -> list[Mapping[str, object]]:
    """What may be shown of the keys: ids, states, domains; no root, wrapped or not."""
    return [
        {
            "kid": key.kid,
            "created": key.created,
            "state": key.state,
            "due": key.due,
            "writes": key.kid == keyset.primary,
            "domains": sorted(domain for domain in key.roots if domain != SIGNATURES),
        }
        for key in keyset.keys
    ]


def _existing(keyset: Keyset, kid: str, *, not_primary: bool = False) -> Key:
    key = keyset.key(kid)
    if key is None:
        raise UsageError(f"there is no key {kid!r}", hint="clearance keys list")
    if not_primary and kid == keyset.primary:
        raise UsageError(f"the key {kid!r} is the one that writes", hint="clearance keys rotate first")
    return key
