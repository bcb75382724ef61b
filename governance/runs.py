"""Names for runs. Apart from lineage, so that a command that only needs a name loads nothing else."""

import secrets
import time
import uuid


def new_run_id() -> str:
    """A UUID version 7 (RFC 9562, section 5.7), which OpenLineage asks for: ids sort by time of start."""
    milliseconds = time.time_ns() // 1_000_000
    bits = milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=bits))
