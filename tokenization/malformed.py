"""What stands where a value can't: the constant of its type, and what a policy says of malformed values."""

import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import ProtectionError
from clearance.method_spec import Malformed
from clearance.tokenization.tokens import Tokenizer


def redaction(entity_type: str) -> str:
    """The constant that stands where a value was: ``[EMAIL_ADDRESS]``."""
    return f"[{entity_type}]"


def redacted(values: pa.Array, entity_type: str) -> pa.Array:
    """The constant for each value; null stays null."""
    return pc.if_else(values.is_valid(), pa.scalar(redaction(entity_type), pa.string()), pa.scalar(None, pa.string()))


def without_malformed(
    changed: pa.Array, values: pa.Array, instead: Malformed, entity_type: str, tokenizer: Tokenizer, wanted: str
) -> pa.Array:
    """``changed`` with what ``instead`` says where it is null and the value is not: nothing passes through.

    ``wanted`` completes "values of this type are no ...". Raises ``ProtectionError`` for ``fail``.
    """
    odd = pc.and_(changed.is_null(), values.is_valid())
    count = pc.sum(odd).as_py() or 0
    if not count:
        return changed.cast(pa.string())
    if instead == "fail":
        raise ProtectionError(
            f"values of type {entity_type} don't have the declared format: {count} of them are no {wanted}",
            hint="correct them, or set malformed to token or redact",
        )
    theirs = values.filter(odd)
    done = tokenizer.tokenize(theirs, entity_type) if instead == "token" else redacted(theirs, entity_type)
    return pc.replace_with_mask(changed.cast(pa.string()), odd, done)


def readable(values: pa.Array) -> pa.Array:
    """The values as ``string``, null where the bytes are no UTF-8, which Arrow's kernels would stumble over."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        octets = values.cast(pa.large_binary()).to_pylist()
        return pa.array([_text(value) for value in octets], pa.string())
    return values.cast(pa.string())


def _text(octets: bytes | None) -> str | None:
    try:
        return None if octets is None else octets.decode()
    except UnicodeDecodeError:
        return None
