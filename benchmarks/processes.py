"""What a process and all below it use: the JVM and its Python workers are no children that ``resource`` would count."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

_PROC = Path("/proc")
#: Ticks by process number and start time.
_used: dict[tuple[int, str], int] = {}


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

    A process that has ended counts with what it had used at the last call that saw it. The kernel tells nobody else:
    Spark's daemon ignores the end of its workers, and idle ones are ended after a minute.
    """
    for pid in family(root):
        fields = _stat(pid)
        if fields and pid != root:
            # Its own time in user and system mode; a number is given to other processes later, a start time is not.
            _used[pid, fields[19]] = int(fields[11]) + int(fields[12])
    return sum(_used.values()) / os.sysconf("SC_CLK_TCK")


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
