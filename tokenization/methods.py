"""What can be done to a whole cell: the methods of a policy, and the proof that one was applied.

Every method is idempotent: applied to its own output it changes nothing.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import PolicyError
from clearance.tokenization.canonical import texts_of
from clearance.tokenization.tokens import Tokenizer

MethodName = Literal["token", "mask", "redact", "suppress", "keep"]

MIN_HIDDEN = 4
"""A mask that would hide fewer characters than this hides all of them."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method with its parameters. ``keep_first``, ``keep_last`` and ``char`` are for ``mask`` alone.

    Raises ``PolicyError`` for parameters that make no sense, when it is built and not when it meets the data.
    """

    name: MethodName
    keep_first: int = 0
    keep_last: int = 0
    char: str = "*"

    def __post_init__(self) -> None:
        known = get_args(MethodName)
        if self.name not in known:
            raise PolicyError(f"{self.name!r} is not a method", hint=f"use one of {', '.join(known)}")
        for parameter in ("keep_first", "keep_last"):
            number = getattr(self, parameter)
            if type(number) is not int or not 0 <= number <= 64:
                raise PolicyError(
                    f"{parameter} of a mask must be a whole number from 0 to 64", hint="use a small number"
                )
        # A letter, digit or blank would look like data, and the proof could not tell it from data.
        if not (isinstance(self.char, str) and len(self.char) == 1 and self.char.isprintable()) or (
            self.char.isalnum() or self.char.isspace()
        ):
            raise PolicyError(
                "char of a mask must be one visible character, no letter, digit or blank", hint="use * or #"
            )
        if self.name != "mask" and (self.keep_first, self.keep_last, self.char) != (0, 0, "*"):
            raise PolicyError(
                f"the method {self.name} takes no parameters",
                hint="keep_first, keep_last and char belong to mask",
            )


def redaction(entity_type: str) -> str:
    """The constant that stands where a value was: ``[EMAIL_ADDRESS]``."""
    return f"[{entity_type}]"


def mask_text(method: Method, text: str) -> str:
    """One text masked; its length in code points stays."""
    hidden = len(text) - method.keep_first - method.keep_last
    if hidden < MIN_HIDDEN:
        return method.char * len(text)
    return text[: method.keep_first] + method.char * hidden + text[len(text) - method.keep_last :]


def apply(method: Method, values: pa.Array, entity_type: str, tokenizer: Tokenizer) -> pa.Array:
    """Whole cells (text form) -> ``string`` of the same length. Nulls stay null.

    ``token`` and ``redact`` replace the empty string too; ``mask`` leaves it, as it keeps every value's
    length; ``suppress`` makes every cell null.
    """
    if method.name == "token":
        return tokenizer.tokenize(values, entity_type)
    if method.name == "mask":
        return _mask(method, values)
    if method.name == "redact":
        constant = pa.scalar(redaction(entity_type), pa.string())
        return pc.if_else(values.is_valid(), constant, pa.scalar(None, pa.string()))
    if method.name == "suppress":
        return pa.nulls(len(values), pa.string())
    return values.cast(pa.string())


def is_protected(method: Method, values: pa.Array, entity_type: str, tokenizer: Tokenizer) -> pa.BooleanArray:
    """For each cell, whether it is this method's output; true for null, which holds nothing.

    ``token`` is proved by the keyed check, so a value that only looks like a token fails. ``mask`` and
    ``redact`` are proved by recomputation, ``suppress`` by null. ``keep`` promises nothing and always holds.
    """
    if method.name == "token":
        holds = tokenizer.verified_types(values).is_valid()
    elif method.name == "suppress":
        return values.is_null()
    else:
        holds = pc.equal(apply(method, values, entity_type, tokenizer), values.cast(pa.string()))
    return pc.or_(values.is_null(), pc.fill_null(holds, False))


def _mask(method: Method, values: pa.Array) -> pa.Array:
    values = values.cast(pa.string())
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return _mask_odd_bytes(method, values)
    length = pc.utf8_length(values)
    hidden = pc.subtract(length, method.keep_first + method.keep_last)
    short = pc.less(hidden, MIN_HIDDEN)
    stars = pc.binary_repeat(pa.scalar(method.char, pa.string()), pc.if_else(short, length, hidden))
    first = pc.utf8_slice_codeunits(values, 0, method.keep_first)
    # A slice with stop=None and a negative start means the end of the text; -0 would mean all of it.
    last = pc.utf8_slice_codeunits(values, -method.keep_last) if method.keep_last else ""
    return pc.binary_join_element_wise(pc.if_else(short, "", first), stars, pc.if_else(short, "", last), "")


def _mask_odd_bytes(method: Method, values: pa.Array) -> pa.Array:
    """The same for a column with bytes that are no UTF-8: where one would be kept stands a question mark."""
    encoded = values.dictionary_encode()
    masked = [mask_text(method, text).encode("utf-8", "replace") for text in texts_of(encoded.dictionary)]
    return pa.array(masked, pa.binary()).cast(pa.string()).take(encoded.indices)
