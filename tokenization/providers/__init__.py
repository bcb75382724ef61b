"""Which provider a URI means. Each is imported when it is named, and its client library with it.

| URI | keys are |
| --- | --- |
| ``file:///path`` or a path | in a file of mode 0600, in clear or under a passphrase |
| ``awskms://KEY?keyset=PATH`` | wrapped by AWS KMS; KEY is an id, ARN or alias/NAME |
| ``vault://HOST:PORT/MOUNT/KEY?keyset=PATH`` | wrapped by the transit engine of Vault or OpenBao |
| ``gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K?keyset=PATH`` | wrapped by Google Cloud KMS |

No URI holds a secret: credentials are found where each client library looks for them.
"""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from clearance.errors import UsageError
from clearance.tokenization.kek import Kek, passphrase_from_environment
from clearance.tokenization.keyfile import default_key_path
from clearance.tokenization.provider import FileKeyProvider, KeysetProvider

_MODULES = {"awskms": "aws", "vault": "vault", "vault+http": "vault", "gcpkms": "gcp"}


class _Module(Protocol):
    """What a file of this folder has."""

    PARAMETERS: frozenset[str]

    def kek(self, parts: SplitResult, parameters: dict[str, str]) -> Kek:
        """The key-encryption key a URI names. Raises ``UsageError`` for one that can't be."""


def default_keys() -> str:
    """``$CLEARANCE_KEYS``, else the path of the key file: ``$CLEARANCE_KEY_FILE``, else the usual one."""
    return os.environ.get("CLEARANCE_KEYS") or str(default_key_path())


def open_keys(
    uri: str | Path | None = None,
    *,
    with_passphrase: bool = False,
    passphrase: Callable[[], bytes] = passphrase_from_environment,
) -> KeysetProvider:
    """The provider that ``uri`` names, by default that of ``default_keys``. Asks no service yet.

    Raises ``UsageError`` for a URI that nobody knows, ``KeyUnavailableError`` when its client is not installed.
    """
    text = str(uri) if uri is not None else default_keys()
    scheme, colon, _ = text.partition("://")
    if not colon:
        return FileKeyProvider(text, with_passphrase=with_passphrase, passphrase=passphrase)
    parts = urlsplit(text)
    if scheme == "file":
        if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise UsageError(f"{text} is not a file of this machine", hint="write file:///path/keys.json")
        return FileKeyProvider(unquote(parts.path), with_passphrase=with_passphrase, passphrase=passphrase)
    if scheme not in _MODULES:
        raise UsageError(f"no key provider is called {scheme!r}", hint=f"there are file, {', '.join(sorted(_MODULES))}")
    if with_passphrase:
        raise UsageError("a passphrase is for key files", hint=f"{scheme} wraps the keys itself")
    return _service(text, parts)


def _service(text: str, parts: SplitResult) -> KeysetProvider:
    if "@" in parts.netloc:
        # Not quoted: what stands before the @ may be a password.
        raise UsageError("a key URI takes no credentials", hint="docs/how-to/keys.md says where each is looked for")
    module: _Module = importlib.import_module(f"clearance.tokenization.providers.{_MODULES[parts.scheme]}")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    parameters = dict(pairs)
    known = {"keyset", *module.PARAMETERS}
    if len(parameters) != len(pairs) or set(parameters) - known or parts.fragment:
        raise UsageError(f"{parts.scheme} takes no such parameter", hint=f"it takes {', '.join(sorted(known))}")
    keyset = parameters.pop("keyset", "")
    if not keyset:
        raise UsageError(
            f"{parts.scheme}://{parts.netloc}{parts.path} names no keyset",
            hint="add ?keyset=PATH: the file with the wrapped keys, which holds no secret",
        )
    return KeysetProvider(text, keyset, module.kek(parts, parameters))
