"""Masks: the length stays, and of the characters what the policy keeps. ISO/IEC 20889 calls it masking."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from clearance.methods import Mask
from clearance.tokenization.canonical import texts_of

MIN_HIDDEN = 4
"""A mask that would hide fewer characters than this hides all of them."""

_CLASSES = {"digits": r"\p{N}", "letters": r"\p{L}\p{M}"}


def mask_text(spec: Mask, text: str) -> str:
    """One text masked; its length in code points stays, except that an empty one becomes four characters."""
    if spec.keep:
        masked: str = mask(spec, pa.array([text.encode("utf-8", "replace").decode()], pa.string()))[0].as_py()
        return masked
    hidden = len(text) - spec.keep_first - spec.keep_last
    if hidden < MIN_HIDDEN:
        return spec.char * (len(text) or MIN_HIDDEN)
    return text[: spec.keep_first] + spec.char * hidden + text[len(text) - spec.keep_last :]


def mask(spec: Mask, values: pa.Array) -> pa.Array:
    """Text values masked, as ``string``; null stays null."""
    values = values.cast(pa.string())
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return _mask_odd_bytes(spec, values)
    length = pc.utf8_length(values)
    middle = pc.subtract(length, spec.keep_first + spec.keep_last)
    first = pc.utf8_slice_codeunits(values, 0, spec.keep_first)
    # A slice with stop=None and a negative start means the end of the text; -0 would mean all of it.
    last = pc.utf8_slice_codeunits(values, -spec.keep_last) if spec.keep_last else ""
    if spec.keep:
        between = pc.utf8_slice_codeunits(values, spec.keep_first, -spec.keep_last if spec.keep_last else None)
        stars = pc.replace_substring_regex(between, _hides(spec), spec.char.replace("\\", "\\\\"))
        hidden = pc.count_substring(stars, spec.char)
    else:
        hidden = middle
        stars = pc.binary_repeat(pa.scalar(spec.char, pa.string()), pc.max_element_wise(middle, 0))
    short = pc.or_(pc.less(hidden, MIN_HIDDEN), pc.less(middle, MIN_HIDDEN))
    shown = pc.if_else(pc.equal(length, 0), MIN_HIDDEN, length)
    all_hidden = pc.binary_repeat(pa.scalar(spec.char, pa.string()), shown)
    return pc.if_else(short, all_hidden, pc.binary_join_element_wise(first, stars, last, ""))


def _hides(spec: Mask) -> str:
    """RE2 of the characters that are hidden. The mask's own character is one: a masked value stays as it is."""
    if "separators" in spec.keep:
        others = "".join(pattern for name, pattern in _CLASSES.items() if name not in spec.keep)
        return f"[{others}]|{re.escape(spec.char)}"
    return f"[^{''.join(_CLASSES[name] for name in spec.keep)}]"


def _mask_odd_bytes(spec: Mask, values: pa.Array) -> pa.Array:
    """The same for a column with bytes that are no UTF-8: where one would be kept stands a question mark."""
    encoded = values.dictionary_encode()
    masked = [mask_text(spec, text).encode("utf-8", "replace") for text in texts_of(encoded.dictionary)]
    return pa.array(masked, pa.binary()).cast(pa.string()).take(encoded.indices)
