"""Values that are plainly written, told from the others and brought into their canonical form on octets of a batch.

Only what ``normalization`` would do to the same values, by one look-up for each octet: a test holds both equal.
"""

import numpy as np
import pyarrow as pa

from clearance.tokenization.rows import Booleans, chosen, flat, translated

_ODD, _KEPT, _DROPPED, _AT, _DOT = range(5)
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _table(**octets: bytes) -> bytes:
    found = np.full(256, _ODD, np.uint8)
    for kind, listed in octets.items():
        found[np.frombuffer(listed, np.uint8)] = {"kept": _KEPT, "dropped": _DROPPED, "at": _AT, "dot": _DOT}[kind]
    return found.tobytes()


_ADDRESS = _table(kept=_LETTERS + b"_%+'-", at=b"@", dot=b".")
_IDENTIFIER = _table(kept=_LETTERS, dropped=b" -")


def are_plain_addresses(values: pa.Array) -> Booleans:
    """Where a text is one ``@`` between other plain characters, without blanks, the last one no dot."""
    data, bounds = flat(values)
    kinds = translated(data, _ADDRESS)
    starts, ends = bounds[:-1], bounds[1:]
    at = np.flatnonzero(kinds == _AT)
    fits = ends > starts
    if len(at) == len(values) and fits.all() and ((starts < at) & (at < ends - 1)).all():
        fits = kinds[ends - 1] != _DOT
    else:
        before, behind = np.searchsorted(at, starts), np.searchsorted(at, ends)
        fits &= behind - before == 1
        # Where there is none the place means nothing, and must only exist.
        place = np.append(at, 0)[before]
        fits &= (starts < place) & (place < ends - 1)
        fits[fits] = kinds[ends[fits] - 1] != _DOT
    odd = np.flatnonzero(kinds == _ODD)
    return fits & (np.diff(np.searchsorted(odd, bounds)) == 0) if len(odd) else fits


def plain_identifiers(values: pa.Array, width: int) -> tuple[Booleans, pa.Array]:
    """Where a text is ASCII letters, digits, blanks and dashes alone; and of those the letters and digits, upper case.

    ``width``: digits of a value written in full, 0 when that differs: what may lack zeros in front is left out.
    """
    data, bounds = flat(values)
    kinds = translated(data, _IDENTIFIER)
    odd, dropped = np.flatnonzero(kinds == _ODD), np.flatnonzero(kinds == _DROPPED)
    ends = bounds - np.searchsorted(dropped, bounds)
    sizes = np.diff(ends)
    fits = sizes > 0
    if width:
        fits &= (sizes != width - 1) & (sizes != width - 2)
    if len(odd):
        fits &= np.diff(np.searchsorted(odd, bounds)) == 0
    kept = data[kinds != _DROPPED] if len(dropped) else data
    octets = pa.py_buffer(kept.tobytes().upper())
    found = pa.Array.from_buffers(pa.large_binary(), len(values), [None, pa.py_buffer(ends), octets])
    return fits, chosen(found, fits)
