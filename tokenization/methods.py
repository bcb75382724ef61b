"""What can be done to a whole cell: the methods of a policy carried out, and the proof that one was.

A method's declaration, ``clearance.methods.parse_method``, says what holds for it. Where ``self_evident`` is true,
applying it to its own output changes nothing and ``is_protected`` knows its output. Of the others ``generalize`` is
the only one that can safely be repeated; the rest need the record of what was done.
"""

import pyarrow as pa
import pyarrow.compute as pc

from clearance.errors import ProtectionError
from clearance.generalizing import Generalize
from clearance.method_spec import MethodSpec
from clearance.methods import (
    FormatPreserving,
    Mask,
    Null,
    Redact,
    Reversible,
    Suppress,
    Surrogate,
    Token,
)
from clearance.perturbing import DateShift, Noise
from clearance.tokenization.date_shift import shift_dates
from clearance.tokenization.formats import Format
from clearance.tokenization.generalization import generalize
from clearance.tokenization.malformed import readable, redacted, redaction, without_malformed
from clearance.tokenization.masking import mask, mask_text
from clearance.tokenization.noise import add_noise
from clearance.tokenization.row_context import NO_ROWS, RowContext
from clearance.tokenization.rows import distinct, spread
from clearance.tokenization.surrogates import surrogates
from clearance.tokenization.token_format import ONE_WAY
from clearance.tokenization.tokens import Tokenizer

__all__ = ["NO_ROWS", "RowContext", "apply", "format_of", "is_protected", "mask_text", "redaction", "restore"]


def apply(
    spec: MethodSpec, values: pa.Array, entity_type: str, tokenizer: Tokenizer, rows: RowContext = NO_ROWS
) -> pa.Array:
    """Whole cells (text form) -> ``string`` of the same length. Nulls stay null, and nothing but ``keep`` and the
    middle of ``top_bottom`` lets a value through: the empty one is replaced too.

    The result depends on each value, its row's context and the keys, never on the batch. Raises ``ProtectionError``
    where the data is malformed and the method says ``fail``, or when ``rows`` lacks what the method needs.
    ``suppress`` of a column or of records makes the cells null here: leaving out columns and rows is up to the job.
    """
    rows.check(spec, len(values))
    if isinstance(spec, Token):
        return tokenizer.tokenize(values, entity_type)
    if isinstance(spec, Reversible):
        return tokenizer.encrypt(values, entity_type)
    if isinstance(spec, Redact):
        return redacted(values, entity_type)
    if isinstance(spec, Suppress | Null):
        return pa.nulls(len(values), pa.string())
    if isinstance(spec, Mask):
        return mask(spec, values)
    if isinstance(spec, DateShift):
        return shift_dates(spec, values, entity_type, tokenizer, rows)
    if isinstance(spec, Noise):
        return add_noise(spec, values, entity_type, tokenizer, rows)
    if isinstance(spec, FormatPreserving | Generalize | Surrogate):
        cells, places = distinct(values)
        return spread(_by_value(spec, cells, entity_type, tokenizer), places)
    return values.cast(pa.string())


def is_protected(spec: MethodSpec, values: pa.Array, entity_type: str, tokenizer: Tokenizer) -> pa.BooleanArray:
    """For each cell, whether it is this method's output; true for null, which holds nothing.

    ``token`` and ``reversible`` are proved by the keyed check, so a value that only looks like a token fails; a one-way
    token is good enough where a reversible one was asked for, not the other way round. ``mask`` and ``redact`` are
    proved by recomputation, ``suppress`` and ``null`` by null. ``keep`` promises nothing and always holds.

    Raises ``ProtectionError`` for methods that are not ``self_evident``: their output looks like any value, so only
    ``apply`` on the source, compared with what was written, proves it.
    """
    if not spec.self_evident:
        raise ProtectionError(
            f"what the method {spec.name} wrote can't be told from a value by its look",
            hint="prove it by applying the method to the source again",
        )
    if isinstance(spec, Token):
        holds = tokenizer.verified_types(values, ONE_WAY).is_valid()
    elif isinstance(spec, Reversible):
        holds = tokenizer.verified_types(values).is_valid()
    elif isinstance(spec, Suppress | Null):
        return values.is_null()
    else:
        holds = pc.equal(apply(spec, values, entity_type, tokenizer), values.cast(pa.string()))
    return pc.or_(values.is_null(), pc.fill_null(holds, False))


def restore(
    spec: MethodSpec, values: pa.Array, entity_type: str, tokenizer: Tokenizer, kid: str | None = None
) -> pa.Array:
    """The values that ``reversible`` or ``format_preserving`` replaced, as ``string``; null where there is no way back.

    ``format_preserving`` leaves no trace of its key: name the one of the record, or the writing key is used, and with
    another key other values come out, without an error. Raises ``ProtectionError`` for any other method.
    """
    if isinstance(spec, Reversible):
        return tokenizer.reverse(values)
    if not isinstance(spec, FormatPreserving):
        raise ProtectionError(f"the method {spec.name} has no way back", hint="restore from the source")
    form = format_of(spec)
    encoded = values.dictionary_encode()
    cipher = tokenizer.keys_of(entity_type, kid).ff1(form.symbols)
    return form.decrypt(encoded.dictionary, cipher).cast(pa.string()).take(encoded.indices)


def constants(spec: MethodSpec, values: pa.Array, entity_type: str) -> pa.Array:
    """Which of a column's values are the constant that the method writes for what it can't read."""
    constant = redaction(entity_type) if spec.on_malformed == "redact" else None
    return pc.fill_null(pc.equal(values, pa.scalar(constant, values.type)), False)


def _by_value(
    spec: FormatPreserving | Generalize | Surrogate, cells: pa.Array, entity_type: str, tokenizer: Tokenizer
) -> pa.Array:
    if isinstance(spec, FormatPreserving):
        spec.check_type(entity_type)
        form = format_of(spec)
        changed = form.encrypt(cells, tokenizer.keys_of(entity_type).ff1(form.symbols))
        wanted = f"text of {spec.alphabet} with enough of them to hide"
    elif isinstance(spec, Surrogate):
        changed = surrogates(spec, cells, entity_type, tokenizer)
        wanted = "text"
    else:
        changed, wanted = generalize(spec, readable(cells))
    return without_malformed(changed, cells, spec.on_malformed, entity_type, tokenizer, wanted)


def format_of(spec: FormatPreserving) -> Format:
    """How the values are written that a declaration speaks of."""
    return Format(spec.alphabet, spec.separators, spec.keep_first, spec.keep_last, spec.min_length)
