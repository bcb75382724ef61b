"""Who acts: the one answer that audit entries and grants of a policy share.

Today it is the account that the process runs under. That is as strong as the machine: whoever may become another
user there is that user here. ``source`` says where a name comes from, so that a verified one (a token of an identity
provider) can be told from it once there is one.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A name, and what vouches for it."""

    name: str
    source: str = "os"


def current_actor() -> Actor:
    """The account of this process, as the system knows it: $USER is whatever one sets it to."""
    try:
        import pwd

        return Actor(pwd.getpwuid(os.getuid()).pw_name)
    except (ImportError, KeyError):
        return Actor(f"uid:{os.getuid()}" if hasattr(os, "getuid") else "unknown")
