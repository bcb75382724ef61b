"""Signs of life: what a run under way leaves, so that nobody who can't see its process takes it for a dead one."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from clearance.errors import RegistryError
from clearance.governance.lineage import LineageRun
from clearance.governance.registry import Registry

#: A mark that was not touched for minutes is a dead run's; a row that is a day old, too.
_MARK_S = 20.0
_ROW_S = 3600.0

_log = logging.getLogger(__name__)


@contextmanager
def signs_of_life(lineage: LineageRun, registry: Registry, row: Mapping[str, Any]) -> Iterator[None]:
    """Touches the run's mark several times a minute and writes its ``row`` again every hour, until the block ends.

    After it nothing is written any more: the row that says how the run ended stays the latest.
    """
    ended, own = threading.Event(), registry.apart()

    def beat() -> None:
        written = time.monotonic()
        while not ended.wait(_MARK_S):
            lineage.touch()
            if time.monotonic() - written >= _ROW_S:
                written = time.monotonic()
                try:
                    own.append("runs", [row], run_id=lineage.run_id)
                except RegistryError as error:  # the next one may arrive, and the run has other ways to fail
                    _log.warning("a sign of life could not be written: %s", error.message)

    thread = threading.Thread(target=beat, name="signs of life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


__all__ = ["signs_of_life"]
