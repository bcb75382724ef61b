"""Files that must be there, and whole, after a power cut; and room for them."""

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

SPARE_OCTETS = 1 << 20
"""What a commit and its checkpoint take beside the rows."""


def sync(path: Path) -> None:
    """Makes last what was written to a file, or created, renamed or linked in a folder. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, text: str) -> None:
    """Writes a file as a whole or not at all, in UTF-8; what was there is replaced, a link's target and not the link.

    Whoever reads meanwhile, and after a full disk or a kill, sees the old file or the new one. Only a device or a pipe
    is written to as it is. Raises ``OSError``.
    """
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8", newline="")
        return
    target = path.resolve()
    beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}")
    try:
        # Created by its mode and the umask, as any file of the user is.
        with beside.open("x", encoding="utf-8", newline="") as file:
            if target.exists():
                os.fchmod(file.fileno(), target.stat().st_mode & 0o777)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    sync(target.parent)


def has_room(folder: str | Path, octets: int) -> bool:
    """Whether a commit of so many octets, with a checkpoint, fits beside what is there; True where nobody can tell.

    Asked before: deltalake's threads panic on a full disk, and write so to standard error.
    """
    with suppress(OSError):
        return shutil.disk_usage(folder).free >= octets + SPARE_OCTETS
    return True


__all__ = ["SPARE_OCTETS", "has_room", "sync", "write_whole"]
