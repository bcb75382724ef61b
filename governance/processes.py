"""Whether the process of a run still lives, as far as that can be told from here.

A host's name and a process id tell too little: a container that is restarted has the same name, and its process the
number 1 again. What tells a process from every other one is the kernel that it runs under, the space that its number is
of, and when it began. A process of another kernel or space is out of sight: only signs of life tell.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def this_process() -> dict[str, Any]:
    """Facts for the record of a run, for :func:`lives`. What this system does not tell is None."""
    began = _began(os.getpid())
    return {"pid": os.getpid(), "host": socket.gethostname(), "kernel": kernel(), "space": _space(), "began": began}


def kernel() -> str | None:
    """Which start of which machine this is: the same in all of its containers, another after each restart."""
    return _text("/proc/sys/kernel/random/boot_id")


def lives(process: Mapping[str, Any]) -> bool | None:
    """Whether the process of which :func:`this_process` told lives; None: it can't be told from here."""
    pid, space = process.get("pid"), _space()
    if not isinstance(pid, int) or None in (space, process.get("began"), here := kernel()):
        return None
    if (process.get("kernel"), process.get("space")) != (here, space):
        return None
    # A number is given again: the process that has it now may be another one.
    return bool(_began(pid) == process["began"])


def _space() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


def _began(pid: int) -> int | None:
    """When a process began, in ticks since its kernel did; None where there is none, or only what is left of one."""
    # The second field is the program's name in brackets, which may hold blanks and brackets itself.
    fields = (_text(f"/proc/{pid}/stat") or "").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] not in "ZX" else None


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


__all__ = ["kernel", "lives", "this_process"]
