"""AWS KMS through boto3: ``awskms://alias/clearance?keyset=keys.json&region=eu-west-1``.

Credentials, region and endpoint are found where boto3 looks (environment, profile, instance role). The binding is
the encryption context, so that a key policy can allow one domain alone (``kms:EncryptionContext:clearance-domain``).
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, unquote

from clearance.errors import UsageError
from clearance.tokenization.kek import Binding, Kek
from clearance.tokenization.keyset import decode, encode
from clearance.tokenization.providers import calls

PARAMETERS = frozenset({"region"})
_SERVICE = "AWS KMS"
_WHY = {
    "AccessDeniedException": ("no permission", "allow kms:Encrypt and kms:Decrypt on the key to this account"),
    "NotFoundException": ("there is no such key", "check key id, account and region"),
    "DisabledException": ("the key is disabled", "enable it in AWS KMS"),
    "KMSInvalidStateException": ("the key is pending deletion or not usable", "cancel its deletion in AWS KMS"),
    "InvalidCiphertextException": (calls.ALTERED, calls.ALTERED_HINT),
    "IncorrectKeyException": (calls.ALTERED, calls.ALTERED_HINT),
    "ExpiredTokenException": ("the credentials have expired", "log in again"),
    "UnrecognizedClientException": ("the credentials are not valid", "log in again"),
    "InvalidClientTokenId": ("the credentials are not valid", "log in again"),
}


class AwsKms:
    """Encrypt and Decrypt of one KMS key."""

    def __init__(self, key: str, region: str | None) -> None:
        self._key = key
        self._region = region or (key.split(":")[3] if key.startswith("arn:") else None)
        self._made: Any = None

    @property
    def described(self) -> Mapping[str, str]:
        """Kind and key."""
        return {"kind": "awskms", "key": self._key}

    def wrap(self, root: bytes, binding: Binding) -> str:
        """KMS ciphertext."""
        done = self._call("encrypt", Plaintext=root, binding=binding)
        return encode(done["CiphertextBlob"])

    def unwrap(self, written: str, binding: Binding) -> bytes:
        """The root, unwrapped by this very key and no other the account may use."""
        return bytes(self._call("decrypt", CiphertextBlob=decode(written), binding=binding)["Plaintext"])

    def _call(self, operation: str, *, binding: Binding, **arguments: bytes) -> Any:
        exceptions = calls.needs("botocore.exceptions", "aws")
        try:
            # boto3 itself tries again, as often as configured below.
            return getattr(self._client(), operation)(KeyId=self._key, EncryptionContext=binding.fields, **arguments)
        except exceptions.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            why, hint = _WHY.get(code, (code, "AWS CloudTrail has the request"))
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
            why, hint = "there are no credentials", "set AWS_PROFILE or the like, on the workers too"
        except exceptions.NoRegionError:
            why, hint = "no region is named", "add &region=NAME to the key URI"
        except exceptions.BotoCoreError as error:
            calls.unreachable(_SERVICE, error)
        return calls.refused(_SERVICE, why, hint)

    def _client(self) -> Any:
        if self._made is None:
            config = calls.needs("botocore.config", "aws").Config(
                connect_timeout=calls.CONNECT_S,
                read_timeout=calls.READ_S,
                retries={"total_max_attempts": calls.ATTEMPTS, "mode": "standard"},
            )
            session = calls.needs("boto3", "aws").session.Session()
            self._made = session.client("kms", region_name=self._region, config=config)
        return self._made


def kek(parts: SplitResult, parameters: dict[str, str]) -> Kek:
    """The KMS key a URI names. Raises ``UsageError``."""
    key = unquote(parts.netloc + parts.path)
    if not key or key.startswith("/"):
        raise UsageError("the key URI names no KMS key", hint="write awskms://alias/NAME, an ARN or a key id")
    calls.needs("boto3", "aws")
    return AwsKms(key, parameters.get("region"))
