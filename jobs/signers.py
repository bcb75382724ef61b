"""Who takes a step of an approval: known by the own key or by a token of the CI system, never by a name alone."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from clearance.errors import RefusedError, UsageError
from clearance.governance.approvals import Signer
from clearance.governance.envelopes import key_id
from clearance.governance.identities import Key, Person, people
from clearance.governance.oidc import verify_token
from clearance.governance.policy import Policy
from clearance.governance.registry import Registry


def default_identity_path() -> Path:
    """``$CLEARANCE_IDENTITY_KEY_FILE``, else ``clearance/identity.pem`` in the user's configuration folder."""
    from clearance.tokenization.keyfile import private_path

    return private_path("CLEARANCE_IDENTITY_KEY_FILE", "identity.pem")


def open_key(path: Path | None) -> Key:
    """A person's private key. Raises ``KeyUnavailableError``: missing, readable by others, no Ed25519 key."""
    from clearance.tokenization.signing_key import PERSON, load_signing_key

    key = load_signing_key(path or default_identity_path(), PERSON)
    return Key(key.public_pem, key.sign)


def signer_of(
    policy: Policy, folder: Path, registry: Registry, *, key_file: Path | None = None, token_file: Path | None = None
) -> tuple[Signer, Key | None]:
    """Who acts, and with which key. ``folder``: where the policy lies, and its issuers' keys beside it.

    Raises ``RefusedError`` for a key that nobody enrolled, an administrator's, and a token that does not hold.
    """
    known = people(registry, policy.content.identities.administrators)
    if token_file is not None:
        if key_file is not None:
            raise UsageError("a key and a token are named: a person is known by one of them", hint="leave one out")
        try:
            token = token_file.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            raise UsageError(f"{token_file} can't be read", hint="have the CI system write its token there") from None
        holder = verify_token(token, policy.content.identities.tokens, folder, datetime.now(UTC))
        _no_administrator(known.get(holder.name))
        return Signer(holder.name, "token", {"issuer": holder.issuer, "subject": holder.subject}), None
    key = open_key(key_file)
    identifier = key_id(key.public_pem)
    person = _named(identifier, known)
    _no_administrator(person)
    return Signer(person.name, "key", {"key_id": identifier}), key


def _named(identifier: str, known: Mapping[str, Person]) -> Person:
    person = next((each for each in known.values() if each.key_id == identifier), None)
    if person is None:
        raise RefusedError(
            f"the key {identifier[:16]} is nobody's here", hint="an administrator enrols it: clearance identity enroll"
        )
    return person


def _no_administrator(person: Person | None) -> None:
    if person is not None and person.role == "administrator":
        raise RefusedError(
            f"{person.name} is an administrator, who enrols people and decides nothing else",
            hint="use another person's key",
        )


__all__ = ["default_identity_path", "open_key", "signer_of"]
