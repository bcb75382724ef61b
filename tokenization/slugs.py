"""How an entity type's name is written inside a token: reversible, and never taken for another part of it."""

import re
from base64 import b32decode, b32encode
from functools import lru_cache

from clearance.errors import UsageError

# A part must be shorter than the token's body (24), or a name could be read as one.
_COMMON = re.compile(r"[A-Z][A-Z0-9]{0,22}(?:_[A-Z0-9]{1,23})*")
_MAX_BYTES = 64


@lru_cache(maxsize=4096)
def slug_of(entity_type: str) -> str:
    """``EMAIL_ADDRESS`` -> ``email_address``; any other name -> ``x__`` and its UTF-8 in base32.

    Raises ``UsageError`` for a name that is empty or longer than 64 bytes.
    """
    try:
        name = entity_type.encode()
    except UnicodeEncodeError:
        name = b""
    if not 0 < len(name) <= _MAX_BYTES:
        raise UsageError(
            "an entity type's name must be valid text of 1 to 64 bytes",
            hint="give the type a shorter name in the policy",
        )
    if _COMMON.fullmatch(entity_type):
        return entity_type.lower()
    return "x__" + b32encode(name).decode().rstrip("=").lower()


def type_of(slug: str) -> str | None:
    """The entity type a slug was made from, or None when none gives exactly this slug."""
    if slug.startswith("x__"):
        encoded = slug[3:].upper()
        try:
            entity_type = b32decode(encoded + "=" * (-len(encoded) % 8)).decode()
        except ValueError:
            return None
    else:
        entity_type = slug.upper()
    try:
        return entity_type if slug_of(entity_type) == slug else None
    except UsageError:
        return None
