"""The input of the tokens' HMAC for a whole batch: Arrow kernels where a value is plainly written.

``normalization.normalize`` decides; this is the same for values whose canonical form takes only upper- or
lower-casing and dropping separators, which is most of them. A test holds both equal on generated strings.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clearance.tokenization.normalization import family_of, normalize, region_of, width_of
from clearance.tokenization.plain_values import are_plain_addresses, plain_identifiers
from clearance.tokenization.regions import REGIONS
from clearance.tokenization.rows import Booleans, chosen, in_order

_OCTETS = pa.large_binary()


class _Fast(NamedTuple):
    """Values that match ``pattern`` (RE2) have the canonical form ``change`` makes, by ``rule``."""

    rule: str
    pattern: str
    change: Callable[[Any], Any]


def _trim_lower(values: pa.Array) -> pa.Array:
    return pc.ascii_lower(pc.ascii_trim(values, " \t\r\n"))


def _north_american(values: pa.Array) -> pa.Array:
    digits = pc.replace_substring_regex(values, "[^0-9]", "")
    national = pc.utf8_slice_codeunits(digits, -10)
    return pc.if_else(pc.starts_with(values, "+"), _join("+", digits), _join("+1", national))


def _join(prefix: str, values: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(prefix, values.type), values, pa.scalar("", values.type))


_FAST = {
    "name": _Fast("name/1", r"^[ \t\r\n]*[A-Za-z0-9.,'\-]+(?: [A-Za-z0-9.,'\-]+)*[ \t\r\n]*$", _trim_lower),
    "phone": _Fast("phone/1", r"^\+[1-9][0-9]{6,14}$", lambda values: values),
    "plain": _Fast("plain/1", r"^[!-~](?:[ -~]*[!-~])?$", lambda values: values),
}
_PHONE_OF_CODE_1 = _Fast(
    "phone/1",
    r"^(?:(?:\+?1[ .\-]?)?\(?[2-9][0-9]{2}\)?[ .\-]?[0-9]{3}[ .\-]?[0-9]{4}|\+[1-9][0-9]{6,14})$",
    _north_american,
)


def _fast_path(entity_type: str, region: str) -> _Fast | None:
    family = family_of(entity_type)
    if family == "phone" and REGIONS[region_of(entity_type, region)][0] == "1":
        return _PHONE_OF_CODE_1
    return _FAST.get(family)


def message(value: str, entity_type: str, region: str) -> bytes:
    """What the HMAC of one value's token is taken over: rule, NUL, canonical form in UTF-8."""
    rule, canonical = normalize(value, entity_type, region)
    # Surrogates can come with text from Python: an encoding error would carry the value.
    return f"{rule}\0{canonical}".encode("utf-8", "surrogatepass")


def texts_of(values: pa.Array) -> list[str]:
    """The values as Python text. Bytes that are no UTF-8, which Parquet may hold, become lone surrogates.

    Arrow alone would raise a ``UnicodeDecodeError``, and that carries the value.
    """
    found: list[str]
    try:
        found = values.to_pylist()
    except UnicodeDecodeError:
        found = [octets.decode("utf-8", "surrogateescape") for octets in values.cast(pa.large_binary()).to_pylist()]
    return found


class Plain(NamedTuple):
    """The values of a batch that are plainly written: (n,) which they are, and their canonical forms, as octets.

    The input of a value's HMAC is ``prefix``, its rule and NUL, and the form.
    """

    prefix: bytes
    fits: Booleans
    forms: pa.Array


def plain(values: pa.Array, entity_type: str, region: str) -> Plain:
    """Of a text array without nulls what needs no look at single values."""
    family = family_of(entity_type)
    if family == "email":
        trimmed = _trim_lower(values)
        fits = are_plain_addresses(trimmed)
        return Plain(b"email/1\0", fits, chosen(trimmed, fits).cast(_OCTETS))
    if family == "id":
        return Plain(b"id/1\0", *plain_identifiers(values, width_of(entity_type)))
    fast = _fast_path(entity_type, region)
    if fast is None:
        return Plain(b"", np.zeros(len(values), np.bool_), pa.array([], _OCTETS))
    matched = pc.match_substring_regex(values, fast.pattern)
    fits = matched.to_numpy(zero_copy_only=False)
    # Only what matched: Arrow's kernels refuse bytes that are no UTF-8.
    changed = fast.change(chosen(values, fits))
    return Plain(f"{fast.rule}\0".encode(), fits, changed.cast(pa.large_string()).cast(_OCTETS))


def messages(values: pa.Array, entity_type: str, region: str, found: Plain | None = None) -> pa.Array:
    """``message`` for each of a text array's values; there must be no nulls. ``found``: what ``plain`` says."""
    found = plain(values, entity_type, region) if found is None else found
    quick = pc.binary_join_element_wise(pa.scalar(found.prefix, _OCTETS), found.forms, pa.scalar(b"", _OCTETS))
    if found.fits.all():
        return quick
    odd = values.filter(pa.array(~found.fits))
    slow = pa.array([message(text, entity_type, region) for text in texts_of(odd)], _OCTETS)
    parts = [(np.flatnonzero(found.fits), quick), (np.flatnonzero(~found.fits), slow)]
    return in_order(parts, _OCTETS)
