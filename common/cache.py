"""Files that save time and can be made again: Delta's JARs, the compiled pattern gate, Spark's log."""

import contextlib
import hashlib
import os
import tempfile
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
    except OSError:
        return None
    return content if hashlib.sha256(content).digest() == digest else None


def write_own(path: Path, content: bytes, *, keep: int) -> None:
    """Writes a file that only this user can read, all or nothing, and removes all but the ``keep`` newest beside it.

    A folder that can't be written is no error: what is not kept is made again.
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
        by_age = sorted(path.parent.iterdir(), key=lambda entry: entry.stat().st_mtime, reverse=True)
        for old in by_age[keep:]:
            old.unlink(missing_ok=True)
