"""The transit engine of HashiCorp Vault or OpenBao through hvac: ``vault://vault.example.com:8200/transit/clearance``.

``vault`` is HTTPS; ``vault+http`` is for an agent on this machine. The token is found where Vault's own clients look:
VAULT_TOKEN, BAO_TOKEN, the file that VAULT_TOKEN_FILE names, ``~/.vault-token``. The transit key must be of an
authenticated kind (``aes256-gcm96``, its default), for the binding is its associated data.
"""

import os
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote

from clearance.errors import UsageError
from clearance.tokenization.kek import Binding, Kek
from clearance.tokenization.keyset import decode, encode
from clearance.tokenization.providers import calls

PARAMETERS = frozenset({"namespace"})
_SERVICE = "Vault"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class VaultTransit:
    """Encrypt and decrypt of one transit key."""

    def __init__(self, address: str, mount: str, key: str, namespace: str | None) -> None:
        self._address, self._mount, self._key, self._namespace = address, mount, key, namespace
        self._made: Any = None

    @property
    def described(self) -> Mapping[str, str]:
        """Kind, mount and key."""
        return {"kind": "vault", "key": f"{self._mount}/{self._key}"}

    def wrap(self, root: bytes, binding: Binding) -> str:
        """Transit ciphertext, ``vault:v1:...``, as base64 like all the others."""
        answer = self._call("encrypt_data", binding, plaintext=encode(root))
        return encode(str(answer["data"]["ciphertext"]).encode())

    def unwrap(self, written: str, binding: Binding) -> bytes:
        """The root."""
        answer = self._call("decrypt_data", binding, ciphertext=decode(written).decode("ascii", "replace"))
        return decode(answer["data"]["plaintext"])

    def _call(self, operation: str, binding: Binding, **arguments: str) -> Any:
        errors = calls.needs("hvac.exceptions", "vault")
        network = calls.needs("requests.exceptions", "vault")
        transit = self._client().secrets.transit
        bound = b64encode(binding.octets).decode()
        passing = (network.ConnectionError, network.Timeout, errors.InternalServerError, errors.BadGateway)
        try:
            answer = calls.patiently(
                lambda: getattr(transit, operation)(
                    name=self._key, mount_point=self._mount, associated_data=bound, **arguments
                ),
                passing,
            )
            if isinstance(answer, dict) and "data" in answer:
                return answer
            why, hint = "what answers is no transit engine, or sends elsewhere", "name the active node's address"
        except (network.RequestException, errors.InternalServerError, errors.BadGateway, errors.VaultDown) as error:
            calls.unreachable(_SERVICE, error)
        except (errors.Forbidden, errors.Unauthorized):
            # It says the same to a token that has expired and to one that may not.
            why = "no permission, or the token has expired"
            hint = f"the token's policy must allow update on {self._mount}/encrypt|decrypt/{self._key}; or log in again"
        except errors.InvalidPath:
            why, hint = "there is no such path", f"is transit mounted at {self._mount}?"
        except errors.InvalidRequest as error:
            why, hint = self._why(error)
        except errors.VaultError as error:
            why, hint = type(error).__name__, "Vault's audit log has the request"
        return calls.refused(_SERVICE, why, hint)

    def _why(self, error: Any) -> tuple[str, str]:
        """Which of the reasons of status 400 it is."""
        told = " ".join(map(str, getattr(error, "errors", None) or [error]))
        if "not found" in told:
            return "there is no such key", f"vault write -f {self._mount}/keys/{self._key}"
        if "associated data" in told or "not supported" in told:
            return "the transit key is of a kind without associated data", "make one of type aes256-gcm96"
        if "too old" in told:
            return "the version of the key that wrapped it is no longer allowed", "lower its min_decryption_version"
        return calls.ALTERED, calls.ALTERED_HINT

    def _client(self) -> Any:
        if self._made is None:
            hvac = calls.needs("hvac", "vault")
            token = _token()
            if token is None:
                calls.refused(_SERVICE, "there is no token", "set VAULT_TOKEN, or VAULT_TOKEN_FILE on the workers too")
            self._made = hvac.Client(
                url=self._address,
                token=token,
                namespace=self._namespace,
                timeout=(calls.CONNECT_S, calls.READ_S),
                verify=os.environ.get("VAULT_CACERT") or True,
                # A redirect would carry the token to wherever it says.
                allow_redirects=False,
            )
        return self._made


def _token() -> str | None:
    for name in ("VAULT_TOKEN", "BAO_TOKEN"):
        if os.environ.get(name):
            return os.environ[name]
    for file in (os.environ.get("VAULT_TOKEN_FILE"), "~/.vault-token"):
        try:
            if file and (text := Path(file).expanduser().read_text().strip()):
                return text
        except (OSError, RuntimeError, UnicodeDecodeError):
            continue
    return None


def kek(parts: SplitResult, parameters: dict[str, str]) -> Kek:
    """The transit key a URI names. Raises ``UsageError``."""
    mount, _, key = unquote(parts.path).strip("/").rpartition("/")
    if not parts.hostname or not mount or not key:
        raise UsageError("the key URI names no transit key", hint="write vault://HOST:PORT/MOUNT/KEY?keyset=PATH")
    if parts.scheme == "vault+http" and parts.hostname not in _LOOPBACK:
        raise UsageError(
            "vault+http is for this machine alone", hint="write vault:// for HTTPS: roots go over the wire"
        )
    calls.needs("hvac", "vault")
    protocol = "http" if parts.scheme == "vault+http" else "https"
    return VaultTransit(f"{protocol}://{parts.netloc}", mount, key, parameters.get("namespace"))
