"""What a process and all below it use: the JVM and its Python workers are no children that ``resource`` would count."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

_PROC = Path("/proc")


class _Used(NamedTuple):
    """Ticks of CPU that a process used, and that its ended children did, as far as it waited for them."""

    parent: int
    own: int
    waited: int


#: By process number and start time, at the last call; and ticks of processes that ended, which no parent tells.
_seen: dict[tuple[int, str], _Used] = {}
_untold: list[int] = []


def family(root: int) -> list[int]:
    """``root`` and every process below it."""
    parents = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                parents[int(entry.name)] = int(fields[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def cpu_seconds(root: int) -> float:
    """CPU seconds so far of all processes below ``root``, itself left out: take the difference of two calls.

    A process that ended is counted in its parent, if that waited for it. Spark's daemon ignores the end of its workers:
    those count with what they had used at the last call that saw them.
    """
    now = {}
    for pid in family(root):
        if fields := _stat(pid):
            # In user and system mode: its own time, and that of ended children that it waited for.
            own, waited = (sum(map(int, fields[first : first + 2])) for first in (11, 13))
            # A number is given to other processes later, a start time is not.
            now[pid, fields[19]] = _Used(int(fields[1]), own, 0 if pid == root else waited)
    gone: dict[int, int] = {}
    for process in _seen.keys() - now.keys():
        used = _seen.pop(process)
        gone[used.parent] = gone.get(used.parent, 0) + used.own + used.waited
    for process, used in now.items():
        before = _seen.get(process)
        told = used.waited - (before.waited if before else 0)
        gone[process[0]] = max(0, gone.get(process[0], 0) - told)
    _seen.update(now)
    _untold.append(sum(gone.values()))
    alive = sum(used.own + used.waited for (pid, _), used in now.items() if pid != root)
    return (alive + sum(_untold)) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """Octets of a process by proportional set size: pages that processes share count once in their sum."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it has ended
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def kind(pid: int) -> str:
    """``java`` or ``python``, as far as one can tell."""
    try:
        return "java" if (_PROC / str(pid) / "comm").read_text().startswith("java") else "python"
    except OSError:
        return "python"


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat behind the name; none for a process that has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


@dataclass
class PeakMemory:
    """Watches a process and all below it while the ``with`` block runs.

    ``together`` is the most that all had at one moment, ``java`` and ``python`` the most of either kind, in octets;
    ``largest`` the most of one Python process. The kernel is asked every half second.
    """

    root: int = field(default_factory=os.getpid)
    seconds: float = 0.5
    together: int = 0
    java: int = 0
    python: int = 0
    largest: int = 0

    def __enter__(self) -> "PeakMemory":
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self.seconds):
            used = {"java": 0, "python": 0}
            for pid in family(self.root):
                octets = memory(pid)
                what = kind(pid)
                used[what] += octets
                if what == "python":
                    self.largest = max(self.largest, octets)
            self.together = max(self.together, sum(used.values()))
            self.java = max(self.java, used["java"])
            self.python = max(self.python, used["python"])
