"""Tables and lines made to fit a terminal: cells are wrapped within their columns, and nothing is left out."""

import re
import shutil
import sys
from collections.abc import Sequence
from unicodedata import combining, east_asian_width

import click

_GAP = 2
#: A column is not made narrower than this.
_NARROWEST = 6
_STYLE = re.compile(r"\x1b\[[\d;]*m")
_RESET = "\x1b[0m"
#: A name too long for its column is parted behind one of these, if there is one.
_JOINTS = frozenset("/.,:;#_-")


def terminal_width() -> int | None:
    """Columns of the terminal that standard output is; None where it is none: what is read by others stays whole."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def width_of(text: str) -> int:
    """How many places a terminal gives it: two for a Chinese or Japanese character, none for a mark on another one."""
    told = click.unstyle(text)
    if told.isascii():
        return len(told)
    return sum(map(_places, told))


def _places(sign: str) -> int:
    return 0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1


def widths(rows: Sequence[Sequence[str]], room: int | None) -> list[int]:
    """The widths of a table's columns, side by side in so much ``room`` where that can be; ``rows`` with the header.

    The widest give way first: at first down to their longest word, then to the longest part of a path.
    """
    natural = [max(width_of(row[i]) for row in rows) for i in range(len(rows[0]))]
    if room is None:
        return natural
    over = sum(natural) + _GAP * (len(natural) - 1) - room
    if over <= 0:
        return natural
    found = list(natural)
    narrowest = [min(_NARROWEST, width) for width in natural]
    for least in (_longest(rows, r"\S+"), _longest(rows, r"[^\s/]+/?"), narrowest):
        while over > 0 and any(width > low for width, low in zip(found, least, strict=True)):
            at = max((i for i, width in enumerate(found) if width > least[i]), key=lambda i: (found[i], i))
            found[at] -= 1
            over -= 1
    return found if over <= 0 else natural


def spared(rows: Sequence[Sequence[str]], room: int | None, spare: Sequence[str]) -> list[str]:
    """The columns of ``spare``, by their headers, that have no place beside the longest words of the others."""
    left: list[str] = []
    if room is None:
        return left
    words = dict(zip(rows[0], _longest(rows, r"\S+"), strict=True))
    for name in spare:
        if sum(words.values()) + _GAP * (len(words) - 1) <= room:
            break
        del words[name]
        left.append(name)
    return left


def _longest(rows: Sequence[Sequence[str]], part: str) -> list[int]:
    """The width of the longest part in each column."""
    return [
        max(width_of(word) for row in rows for word in re.findall(part, row[i]) or [""]) for i in range(len(rows[0]))
    ]


def wrapped(text: str, room: int) -> list[str]:
    """A text in lines of so many places, parted between words; styles go on in the next line."""
    if width_of(text) <= room:
        return [text]
    lines, line, used, style = [], "", 0, ""
    for space, word in re.findall(r"(\s*)(\S+)", text):
        for number, piece in enumerate(_pieces(word, room)):
            wide = width_of(piece)
            gap = len(space) if used and number == 0 else 0
            if used and used + gap + wide > room:
                lines.append(line + (_RESET if style else ""))
                line, used, gap = style, 0, 0
            line += " " * gap + piece
            used += gap + wide
            for code in _STYLE.findall(piece):
                style = "" if code == _RESET else style + code
    return [*lines, line]


def _pieces(word: str, room: int) -> list[str]:
    if width_of(word) <= room:
        return [word]
    found, piece, used, joint = [], "", 0, 0
    for part in re.findall(r"\x1b\[[\d;]*m|.", word, re.S):
        wide = 0 if part.startswith("\x1b") else _places(part)
        if used + wide > room:
            at = joint if joint > len(piece) // 3 else len(piece)
            found.append(piece[:at])
            piece = piece[at:]
            used, joint = width_of(piece), 0
        piece += part
        used += wide
        joint = len(piece) if part in _JOINTS else joint
    return [*found, piece]


def table_lines(rows: Sequence[Sequence[str]], room: int | None) -> list[list[str]]:
    """The lines of each row, padded; ``rows`` with the header."""
    wide = widths(rows, room)
    made = []
    for row in rows:
        cells = [wrapped(cell, width) for cell, width in zip(row, wide, strict=True)]
        height = max(map(len, cells))
        padded = [
            [line + " " * (width - width_of(line)) for line in (*cell, *[""] * (height - len(cell)))]
            for cell, width in zip(cells, wide, strict=True)
        ]
        made.append([(" " * _GAP).join(line).rstrip() for line in zip(*padded, strict=True)])
    return made


def say(text: str, *, hang: int = 0) -> None:
    """Prints a line; on a terminal that is too narrow its rest stands below, so far from the left."""
    room = terminal_width()
    if room is None or width_of(text) <= room or room - hang < 20:
        click.echo(text)
        return
    lead = len(text) - len(text.lstrip(" "))
    first, *rest = wrapped(text.lstrip(" "), room - max(hang, lead))
    click.echo(" " * lead + first)
    for line in rest:
        click.echo(" " * hang + line)


__all__ = ["say", "spared", "table_lines", "terminal_width", "width_of", "widths", "wrapped"]
