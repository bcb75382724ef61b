"""The file of a keyset: created once, replaced whole, and refused when anything about it is odd.

One with secrets in it must be readable by its owner only; one whose roots are wrapped by a key service holds none.
No message, cause or context of an error holds a part of the file.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clearance.errors import KeyUnavailableError
from clearance.files import sync

_MAX_BYTES = 1 << 20
_CREATE_HINT = "create one with `clearance init`, or set CLEARANCE_KEY_FILE to an existing one"


def default_key_path() -> Path:
    """``$CLEARANCE_KEY_FILE``, else ``clearance/keys.json`` in the user's configuration folder.

    Never inside ``CLEARANCE_HOME``: whoever may read the registry must not thereby hold the keys.
    """
    return private_path("CLEARANCE_KEY_FILE", "keys.json")


def private_path(variable: str, name: str) -> Path:
    """The file that an environment variable names, else ``clearance/name`` in the user's configuration folder."""
    named = os.environ.get(variable)
    if named:
        return Path(named).expanduser()
    configured = os.environ.get("XDG_CONFIG_HOME")
    # The XDG base directory specification says that a relative path is to be ignored.
    base = Path(configured) if configured and Path(configured).is_absolute() else Path.home() / ".config"
    return base / "clearance" / name


def create_file(
    path: Path,
    content: bytes,
    *,
    private: bool = True,
    variable: str = "CLEARANCE_KEY_FILE",
    keep: str = "tokens can't be recomputed without it",
) -> None:
    """Create ``path``, whole or not at all. ``variable`` names another place, ``keep`` says why to keep what is there.

    Raises ``KeyUnavailableError`` if it exists: a lost key can't be had back, so none is overwritten.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
        created = _create(path, content, 0o600 if private else 0o644)
    except OSError as error:
        raise KeyUnavailableError(
            f"the key file {path} could not be created: {error.strerror}",
            hint=f"set {variable} to a path on a local disk that you may write to",
        ) from None
    if not created:
        raise KeyUnavailableError(f"there is a key file at {path} already", hint=f"keep it: {keep}")


def _create(path: Path, content: bytes, mode: int) -> bool:
    """Whether the file is there now, whole; False when the name was taken."""
    draft = _draft(path, content, mode)
    try:
        # A hard link fails when the name exists, where a rename would replace somebody's only key.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    sync(path.parent)
    return True


def replace_file(path: Path, content: bytes) -> None:
    """Put ``content`` in the place of an existing file, in one step; its mode stays. For use under ``locked``."""
    try:
        draft = _draft(path, content, stat.S_IMODE(path.stat().st_mode))
        draft.replace(path)
        sync(path.parent)
    except OSError as error:
        raise KeyUnavailableError(
            f"the key file {path} could not be written: {error.strerror}", hint="it is as it was"
        ) from None


def _draft(path: Path, content: bytes, mode: int) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One at a time changes files in the folder of ``path``: of two rotations none is lost."""
    try:
        descriptor = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def file_stamp(path: Path) -> tuple[int, ...]:
    """What changes when the file does; raises ``KeyUnavailableError`` if there is none."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode, status.st_uid)


def read_file(path: Path, *, private: bool = True) -> bytes:
    """What is in the file. Raises ``KeyUnavailableError``: missing, no file, or, when private, others may read it."""
    try:
        # Non-blocking, so that a pipe at this path is refused below instead of waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        # Of the open file, not of the path: nobody can swap it in between.
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            raise KeyUnavailableError(f"{path} is not a key file", hint=_CREATE_HINT)
        if private and status.st_uid != os.geteuid():
            raise KeyUnavailableError(
                f"the key file {path} belongs to another user", hint="use a key file that the running user owns"
            )
        if private and status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise KeyUnavailableError(
                f"the key file {path} has mode {mode:04o}: others may read it",
                hint=f"run `chmod 600 {path}`, and think of its keys as known to whoever could read them",
            )
        return os.read(descriptor, _MAX_BYTES)
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> KeyUnavailableError:
    if isinstance(error, FileNotFoundError):
        return KeyUnavailableError(f"there is no key file at {path}", hint=_CREATE_HINT)
    return KeyUnavailableError(f"the key file {path} can't be read: {error.strerror}", hint=_CREATE_HINT)
