"""What all key services share: their client libraries, and calls that end in an answer or one clear error, soon."""

import importlib
import time
from collections.abc import Callable
from types import ModuleType
from typing import NoReturn, TypeVar

from clearance.errors import KeyUnavailableError

CONNECT_S, READ_S = 3.0, 5.0
ATTEMPTS = 3
_PAUSE_S = 0.2
T = TypeVar("T")


def needs(module: str, extra: str) -> ModuleType:
    """An optional client library. Raises ``KeyUnavailableError`` that names the extra."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise KeyUnavailableError(
            f"{module} is not installed", hint=f"pip install 'clearance[{extra}]', on the workers too"
        ) from None


def patiently(call: Callable[[], T], passing: tuple[type[Exception], ...]) -> T:
    """The call's result, tried again a few times after failures that may pass; then the last of them."""
    for attempt in range(1, ATTEMPTS):
        try:
            return call()
        except passing:
            time.sleep(_PAUSE_S * attempt)
    return call()


def unreachable(service: str, error: Exception) -> NoReturn:
    """The service gave no answer."""
    raise KeyUnavailableError(
        f"{service} does not answer ({type(error).__name__})", hint="is it up, and reachable from this machine?"
    ) from None


def refused(service: str, why: str, hint: str) -> NoReturn:
    """The service said no. Its own text is not quoted: it may hold what was sent."""
    raise KeyUnavailableError(f"{service} refused: {why}", hint=hint) from None


ALTERED = "the wrapped key was altered, moved from another key id or domain, or wrapped by another key"
ALTERED_HINT = "restore the keyset from its backup, or name the key that wrapped it"
