"""The input of the tokens' HMAC for a whole batch: Arrow kernels where a value is plainly written.

``normalization.normalize`` decides; this is the same for values whose canonical form takes only upper- or
lower-casing and dropping separators, which is most of them. A test holds both equal on generated strings.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from clearance.tokenization.normalization import family_of, normalize, width_of


class _Fast(NamedTuple):
    """Values that match ``pattern`` (RE2) have the canonical form ``change`` makes, by ``rule``."""

    rule: str
    pattern: str
    change: Callable[[Any], Any]


def _squeeze(values: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(pc.ascii_upper(values), r"[ \-]", "")


_FAST = {
    "email": _Fast("email/1", r"^[A-Za-z0-9._%+'\-]+@[A-Za-z0-9.\-]*[A-Za-z0-9\-]$", pc.ascii_lower),
    "id": _Fast("id/1", r"^[A-Za-z0-9]+(?:[ \-][A-Za-z0-9]+)*$", _squeeze),
    "name": _Fast("name/1", r"^[A-Za-z0-9.,'\-]+(?: [A-Za-z0-9.,'\-]+)*$", pc.ascii_lower),
    "phone": _Fast("phone/1", r"^\+[1-9][0-9]{6,14}$", lambda values: values),
    "plain": _Fast("plain/1", r"^[!-~](?:[ -~]*[!-~])?$", lambda values: values),
}


def message(value: str, entity_type: str, region: str) -> bytes:
    """What the HMAC of one value's token is taken over: rule, NUL, canonical form in UTF-8."""
    rule, canonical = normalize(value, entity_type, region)
    # Surrogates can come with text from Python: an encoding error would carry the value.
    return f"{rule}\0{canonical}".encode("utf-8", "surrogatepass")


def messages(values: pa.Array, entity_type: str, region: str) -> list[bytes]:
    """``message`` for each of a text array's values; there must be no nulls."""
    fast = _FAST.get(family_of(entity_type))
    if fast is None:
        return [message(text, entity_type, region) for text in values.to_pylist()]
    width = width_of(entity_type)
    # Fewer digits than the full width may lack the zeros in front, which only the rule itself restores.
    pattern = rf"^[0-9](?:[ \-]?[0-9]){{{width - 1}}}$" if width else fast.pattern
    plainly = pc.match_substring_regex(values, pattern)
    tag = pa.scalar(f"{fast.rule}\0".encode(), pa.large_binary())
    changed = fast.change(values).cast(pa.large_string()).cast(pa.large_binary())
    tagged = pc.binary_join_element_wise(tag, changed, pa.scalar(b"", pa.large_binary()))
    found: list[bytes] = tagged.to_pylist()
    for position in pc.indices_nonzero(pc.invert(plainly)).to_pylist():
        found[position] = message(values[position].as_py(), entity_type, region)
    return found
