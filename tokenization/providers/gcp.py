"""Google Cloud KMS: ``gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K?keyset=keys.json``.

Credentials are Google's application default ones. The binding is the additional authenticated data, and checksums
hold for both directions, as Google's guidelines on data integrity ask.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, unquote

from clearance.errors import KeyUnavailableError, UsageError
from clearance.tokenization.kek import Binding, Kek
from clearance.tokenization.keyset import decode, encode
from clearance.tokenization.providers import calls

PARAMETERS = frozenset({"emulator"})
_SERVICE = "Google Cloud KMS"
_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_EMULATOR = re.compile(r"(?:127\.0\.0\.1|localhost):\d+")


class GcpKms:
    """Encrypt and Decrypt of one Cloud KMS key."""

    def __init__(self, key: str, emulator: str | None) -> None:
        self._key, self._emulator = key, emulator
        self._made: Any = None

    @property
    def described(self) -> Mapping[str, str]:
        """Kind and key."""
        return {"kind": "gcpkms", "key": self._key}

    def wrap(self, root: bytes, binding: Binding) -> str:
        """KMS ciphertext."""
        answer = self._call("encrypt", binding, plaintext=root, plaintext_crc32c=crc32c(root))
        if not answer.verified_plaintext_crc32c or answer.ciphertext_crc32c != crc32c(answer.ciphertext):
            raise _damaged()
        return encode(answer.ciphertext)

    def unwrap(self, written: str, binding: Binding) -> bytes:
        """The root."""
        sealed = decode(written)
        answer = self._call("decrypt", binding, ciphertext=sealed, ciphertext_crc32c=crc32c(sealed))
        if answer.plaintext_crc32c != crc32c(answer.plaintext):
            raise _damaged()
        return bytes(answer.plaintext)

    def _call(self, operation: str, binding: Binding, **fields: Any) -> Any:
        errors = calls.needs("google.api_core.exceptions", "gcp")
        credentials = calls.needs("google.auth.exceptions", "gcp")
        bound = binding.octets
        request = {
            "name": self._key,
            "additional_authenticated_data": bound,
            "additional_authenticated_data_crc32c": crc32c(bound),
            **fields,
        }
        passing = (errors.ServiceUnavailable, errors.DeadlineExceeded, errors.InternalServerError)
        try:
            client = self._client()
            # Its own policy would go on for a minute: ours is the only one.
            return calls.patiently(
                lambda: getattr(client, operation)(request=request, timeout=calls.READ_S, retry=None), passing
            )
        except (*passing, errors.RetryError) as error:
            calls.unreachable(_SERVICE, error)
        except credentials.GoogleAuthError:
            why, hint = "there are no valid credentials", "gcloud auth application-default login, or a service account"
        except (errors.PermissionDenied, errors.Unauthenticated):
            why, hint = "no permission", "grant roles/cloudkms.cryptoKeyEncrypterDecrypter on the key to this account"
        except errors.NotFound:
            why, hint = "there is no such key", "check project, location, key ring and key"
        except errors.FailedPrecondition:
            why, hint = "the key's version is disabled or destroyed", "enable it in Cloud KMS"
        except errors.InvalidArgument:
            why, hint = calls.ALTERED, calls.ALTERED_HINT
        except errors.GoogleAPIError as error:
            why, hint = type(error).__name__, "Cloud KMS's audit log has the request"
        return calls.refused(_SERVICE, why, hint)

    def _client(self) -> Any:
        if self._made is None:
            kms = calls.needs("google.cloud.kms", "gcp")
            if self._emulator is None:
                self._made = kms.KeyManagementServiceClient()
            else:
                grpc = calls.needs("grpc", "gcp")
                transport = kms.KeyManagementServiceClient.get_transport_class("grpc")
                self._made = kms.KeyManagementServiceClient(
                    transport=transport(channel=grpc.insecure_channel(self._emulator))
                )
        return self._made


def crc32c(octets: bytes) -> int:
    """CRC-32C (Castagnoli), RFC 3720 appendix B.4; for a few dozen octets."""
    register = 0xFFFFFFFF
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def _damaged() -> KeyUnavailableError:
    return KeyUnavailableError(f"what {_SERVICE} sent arrived damaged", hint="try again")


def kek(parts: SplitResult, parameters: dict[str, str]) -> Kek:
    """The Cloud KMS key a URI names. Raises ``UsageError``."""
    key = unquote(parts.netloc + parts.path)
    if not _NAME.fullmatch(key):
        raise UsageError(
            "the key URI names no Cloud KMS key",
            hint="write gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K?keyset=PATH",
        )
    emulator = parameters.get("emulator")
    if emulator is not None and not _EMULATOR.fullmatch(emulator):
        raise UsageError("an emulator of Cloud KMS runs on this machine", hint="write emulator=127.0.0.1:PORT")
    calls.needs("google.cloud.kms", "gcp")
    return GcpKms(key, emulator)
