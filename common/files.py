"""Files that must be there after a power cut."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Makes last what was written to a file, or created, renamed or linked in a folder. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["sync"]
