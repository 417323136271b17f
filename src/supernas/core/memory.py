"""How much memory is free, asked before much of it is needed."""

import os
import re
from pathlib import Path

from supernas.core.errors import UserError

__all__ = ["check_memory", "free_memory"]


def free_memory() -> int | None:
    """Bytes that can be had without swapping; where the system does not say so, all that it has; None if unknown."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.M)
        return int(found[1]) * 1024 if found else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):  # no such file, no such name, no such call on this system
        return None


def check_memory(needed: int, what: str, fix: str) -> None:
    """Refuses what does not fit.

    Args:
        needed: bytes.
        what: needs them, in the plural.
        fix: what would need less.

    Raises:
        UserError: if fewer bytes are free.
    """
    free = free_memory()
    if free is not None and needed > free:
        raise UserError(f"{what} need about {needed / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free; {fix}")
