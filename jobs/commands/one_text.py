"""One text for a command that looks at a text: a file's, or standard input's."""

import sys
from pathlib import Path

from clearance.errors import DatasetError


def read_one_text(name: str) -> str:
    """The text of the file ``name``, or of standard input for ``-``.

    Raises ``DatasetError`` for what can't be read and for what is no UTF-8 text: in UTF-16 nothing would be found, and
    that must not look like a text without findings.
    """
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise DatasetError(f"{name} can't be read ({error.strerror})", hint="name a file, or - for stdin") from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = "\x00"  # said below, outside of the error that holds the text
    if "\x00" in text:
        which = "standard input" if name == "-" else name
        raise DatasetError(
            f"{which} is no text in UTF-8: nothing was looked at", hint="convert it first: iconv -f utf-16 -t utf-8"
        )
    return text
