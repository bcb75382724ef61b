"""What can be done to a whole cell: the methods of a policy, and the proof that one was applied.

Every method but ``format_preserving`` is idempotent: applied to its own output it changes nothing.
"""

from dataclasses import dataclass, fields
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import PolicyError, ProtectionError
from clearance.tokenization.canonical import texts_of
from clearance.tokenization.formats import Format
from clearance.tokenization.rows import distinct, spread
from clearance.tokenization.token_format import ONE_WAY
from clearance.tokenization.tokens import Tokenizer

MethodName = Literal["token", "reversible", "format_preserving", "mask", "redact", "suppress", "keep"]
OnMalformed = Literal["fail", "token", "redact"]

_PARAMETERS: dict[str, frozenset[str]] = {
    "mask": frozenset({"keep_first", "keep_last", "char"}),
    "format_preserving": frozenset({"keep_first", "keep_last", "alphabet", "separators", "min_length", "malformed"}),
}

MIN_HIDDEN = 4
"""A mask that would hide fewer characters than this hides all of them."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method with its parameters: those of a mask, and those of ``formats.Format`` for ``format_preserving``.

    ``malformed`` is what becomes of a value that does not have the format: ``fail`` raises, ``token`` makes a one-way
    token, ``redact`` writes the constant. Raises ``PolicyError`` for parameters that make no sense, when it is built
    and not when it meets the data.
    """

    name: MethodName
    keep_first: int = 0
    keep_last: int = 0
    char: str = "*"
    alphabet: str = "digits"
    separators: str = " -"
    min_length: int = 0
    malformed: OnMalformed = "fail"

    def __post_init__(self) -> None:
        known = get_args(MethodName)
        if self.name not in known:
            raise PolicyError(f"{self.name!r} is not a method", hint=f"use one of {', '.join(known)}")
        self._refuse_foreign_parameters()
        for parameter in ("keep_first", "keep_last"):
            number = getattr(self, parameter)
            if type(number) is not int or not 0 <= number <= 64:
                raise PolicyError(f"{parameter} must be a whole number from 0 to 64", hint="use a small number")
        # A letter, digit or blank would look like data, and the proof could not tell it from data.
        if not (isinstance(self.char, str) and len(self.char) == 1 and self.char.isprintable()) or (
            self.char.isalnum() or self.char.isspace()
        ):
            raise PolicyError(
                "char of a mask must be one visible character, no letter, digit or blank", hint="use * or #"
            )
        if self.malformed not in get_args(OnMalformed):
            raise PolicyError(
                f"{self.malformed!r} is not what can become of a malformed value",
                hint=f"use one of {', '.join(get_args(OnMalformed))}",
            )
        if self.name == "format_preserving":
            self.format()

    def _refuse_foreign_parameters(self) -> None:
        takes = _PARAMETERS.get(self.name, frozenset())
        for field in fields(self):
            if field.name not in {"name", *takes} and getattr(self, field.name) != field.default:
                raise PolicyError(
                    f"the method {self.name} takes no parameter {field.name}",
                    hint=f"it takes {', '.join(sorted(takes)) or 'none'}",
                )

    def format(self) -> Format:
        """How the values of ``format_preserving`` are written. Raises ``PolicyError`` when FF1 can't protect them."""
        return Format(self.alphabet, self.separators, self.keep_first, self.keep_last, self.min_length)

    def check_type(self, entity_type: str) -> None:
        """Raises ``PolicyError`` when the method can't protect values of this type. Call it when a policy is read."""
        if self.name == "format_preserving":
            self.format().check_type(entity_type)


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

    ``token``, ``reversible`` and ``redact`` replace the empty string too; ``mask`` leaves it, as it keeps every
    value's length; ``suppress`` makes every cell null. ``format_preserving`` raises ``ProtectionError`` where the data
    is malformed and the method says ``fail``.
    """
    if method.name == "token":
        return tokenizer.tokenize(values, entity_type)
    if method.name == "reversible":
        return tokenizer.encrypt(values, entity_type)
    if method.name == "format_preserving":
        return _preserve(method, values, entity_type, tokenizer)
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

    ``token`` and ``reversible`` are proved by the keyed check, so a value that only looks like a token fails; a one-way
    token is good enough where a reversible one was asked for, not the other way round. ``mask`` and ``redact`` are
    proved by recomputation, ``suppress`` by null. ``keep`` promises nothing and always holds.

    Raises ``ProtectionError`` for ``format_preserving``: its output looks like any value, so only ``apply`` on the
    source, compared with what was written, proves it.
    """
    if method.name == "format_preserving":
        raise ProtectionError(
            "what format-preserving encryption wrote can't be told from a value by its look",
            hint="prove it by applying the method to the source again",
        )
    if method.name == "token":
        holds = tokenizer.verified_types(values, ONE_WAY).is_valid()
    elif method.name == "reversible":
        holds = tokenizer.verified_types(values).is_valid()
    elif method.name == "suppress":
        return values.is_null()
    else:
        holds = pc.equal(apply(method, values, entity_type, tokenizer), values.cast(pa.string()))
    return pc.or_(values.is_null(), pc.fill_null(holds, False))


def restore(
    method: Method, values: pa.Array, entity_type: str, tokenizer: Tokenizer, kid: str | None = None
) -> pa.Array:
    """The values that ``reversible`` or ``format_preserving`` replaced, as ``string``; null where there is no way back.

    ``format_preserving`` leaves no trace of its key: name the one of the record, or the writing key is used, and with
    another key other values come out, without an error. Raises ``ProtectionError`` for any other method.
    """
    if method.name == "reversible":
        return tokenizer.reverse(values)
    if method.name != "format_preserving":
        raise ProtectionError(f"the method {method.name} has no way back", hint="restore from the source")
    form = method.format()
    encoded = values.dictionary_encode()
    cipher = tokenizer.keys_of(entity_type, kid).ff1(form.symbols)
    return form.decrypt(encoded.dictionary, cipher).cast(pa.string()).take(encoded.indices)


def _preserve(method: Method, values: pa.Array, entity_type: str, tokenizer: Tokenizer) -> pa.Array:
    method.check_type(entity_type)
    form = method.format()
    cells, places = distinct(values)
    changed = form.encrypt(cells, tokenizer.keys_of(entity_type).ff1(form.symbols)).cast(pa.string())
    if changed.null_count:
        odd = changed.is_null()
        if method.malformed == "fail":
            count = pc.count_distinct(cells.filter(odd)).as_py()
            raise ProtectionError(
                f"{count} distinct values of type {entity_type} don't have the declared format",
                hint="correct them, or set malformed to token or redact",
            )
        instead = Method(method.malformed)
        changed = pc.replace_with_mask(changed, odd, apply(instead, cells.filter(odd), entity_type, tokenizer))
    return spread(changed, places)


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
