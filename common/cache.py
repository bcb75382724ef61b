"""Files that save time and can be made again: Delta's JARs, Spark's classes and log, the compiled pattern gate."""

import contextlib
import hashlib
import os
import tempfile
from itertools import accumulate
from pathlib import Path

_DIGEST_SIZE = hashlib.sha256().digest_size


def cache_home() -> Path:
    """Where they are kept: ``$CLEARANCE_CACHE``, else ``clearance`` in the user's cache folder."""
    if home := os.environ.get("CLEARANCE_CACHE"):
        return Path(home)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "clearance"


def read_own(path: Path) -> bytes | None:
    """What :func:`write_own` wrote, if it is intact and nobody but this user can have written it; else None."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.getuid() or status.st_mode & 0o022:
                return None
            digest, content = file.read(_DIGEST_SIZE), file.read()
            with contextlib.suppress(OSError):
                os.utime(file.fileno())  # what is in use stays longest
    except OSError:
        return None
    return content if hashlib.sha256(content).digest() == digest else None


def write_own(path: Path, content: bytes, *, keep: int) -> None:
    """Writes a file that only this user can read, all or nothing, and makes room beside it.

    The files that were not read or written for longest go until the rest hold no more than ``keep`` octets: small
    ones, which are quickly made again, don't push out the large ones. A folder that can't be written is no error:
    what is not kept is made again.
    """
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        facts = sorted(((entry.stat(), entry) for entry in path.parent.iterdir()), key=lambda fact: -fact[0].st_mtime)
        for (_, old), held in zip(facts, accumulate(status.st_size for status, _ in facts), strict=True):
            if held > keep and old != path:
                old.unlink(missing_ok=True)
