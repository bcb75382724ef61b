"""The key file: created once, readable by its owner only, and refused when anything about it is odd.

    {"format": "clearance-keys/1", "primary": "k3x9q2",
     "keys": [{"kid": "k3x9q2", "created": "2026-01-31T09:00:00Z", "root": "<32 bytes, base64>"}]}

No message, cause or context of an error holds a part of the file: a JSON error carries the whole document.
"""

import json
import os
import secrets
import stat
from base64 import b32encode, b64decode, b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clearance.errors import KeyUnavailableError

FORMAT = "clearance-keys/1"
_MAX_BYTES = 1 << 20
_CREATE_HINT = "create one with `clearance init`, or set CLEARANCE_KEY_FILE to an existing one"
_RESTORE_HINT = "restore the file from its backup; without it tokens can't be recomputed"


def default_key_path() -> Path:
    """``$CLEARANCE_KEY_FILE``, else ``clearance/keys.json`` in the user's configuration folder.

    Never inside ``CLEARANCE_HOME``: whoever may read the registry must not thereby hold the keys.
    """
    named = os.environ.get("CLEARANCE_KEY_FILE")
    if named:
        return Path(named).expanduser()
    configured = os.environ.get("XDG_CONFIG_HOME")
    # The XDG base directory specification says that a relative path is to be ignored.
    base = Path(configured) if configured and Path(configured).is_absolute() else Path.home() / ".config"
    return base / "clearance" / "keys.json"


def write_key_file(path: Path) -> tuple[str, dict[str, bytes]]:
    """Create ``path`` with one new random key; returns (primary key id, roots).

    The file appears whole or not at all, and an existing one is never touched.
    """
    kid = b32encode(secrets.token_bytes(5)).decode().lower()[:6]
    root = secrets.token_bytes(32)
    entry = {
        "kid": kid,
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "root": b64encode(root).decode(),
    }
    content = json.dumps({"format": FORMAT, "primary": kid, "keys": [entry]}, indent=1).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        created = _create(path, content)
    except OSError as error:
        raise KeyUnavailableError(
            f"the key file {path} could not be created: {error.strerror}",
            hint="set CLEARANCE_KEY_FILE to a path on a local disk that you may write to",
        ) from None
    if not created:
        raise KeyUnavailableError(
            f"there is a key file at {path} already", hint="keep it: tokens can't be recomputed without it"
        )
    return kid, {kid: root}


def _create(path: Path, content: bytes) -> bool:
    """Whether the file is there now, whole and private; False when the name was taken."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A hard link fails when the name exists, where a rename would replace somebody's only key.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def read_key_file(path: Path) -> tuple[str, dict[str, bytes]]:
    """(primary key id, root secrets by key id). Raises ``KeyUnavailableError``: missing, unsafe or
    malformed.
    """
    content = _read_private(path)
    parsed = _parse(content)
    if parsed is None:
        # Raised outside any `except`: the exception it would carry along holds the document.
        raise KeyUnavailableError(f"{path} is not a key file of format {FORMAT}", hint=_RESTORE_HINT)
    return parsed


def file_stamp(path: Path) -> tuple[int, ...]:
    """What changes when the file does; raises ``KeyUnavailableError`` if there is none."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode, status.st_uid)


def _read_private(path: Path) -> bytes:
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
        if status.st_uid != os.geteuid():
            raise KeyUnavailableError(
                f"the key file {path} belongs to another user", hint="use a key file that the running user owns"
            )
        if status.st_mode & 0o077:
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


def _parse(content: bytes) -> tuple[str, dict[str, bytes]] | None:
    try:
        document: Any = json.loads(content)
        if set(document) != {"format", "primary", "keys"} or document["format"] != FORMAT:
            return None
        roots: dict[str, bytes] = {}
        for entry in document["keys"]:
            if set(entry) != {"kid", "created", "root"} or entry["kid"] in roots:
                return None
            roots[entry["kid"]] = b64decode(entry["root"], validate=True)
        primary = document["primary"]
        well_formed = primary in roots and all(isinstance(kid, str) for kid in roots)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return (primary, roots) if well_formed and all(len(root) == 32 for root in roots.values()) else None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
