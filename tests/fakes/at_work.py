"""Whether somebody beside the thread that asks still has something to do.  Linux.

Touches: /proc.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

_AT_WORK = {"R", "D"}  # on a processor or in the queue for one; waits for the disk


def others_at_work() -> bool:
    """Whether another thread of this process, or a process it has started, is not asleep."""
    mine = str(threading.get_native_id())
    threads = (path for path in Path("/proc/self/task").iterdir() if path.name != mine)
    if any(_state_and_parent(path)[0] in _AT_WORK for path in threads):
        return True
    us = str(os.getpid())
    found = (_state_and_parent(path) for path in Path("/proc").iterdir() if path.name.isdigit())
    return any(parent == us and state in _AT_WORK for state, parent in found)


def _state_and_parent(path: Path) -> list[str]:
    """The third and the fourth field of proc(5)'s stat, "X" for one that has ended meanwhile."""
    try:
        return (path / "stat").read_text().rpartition(")")[2].split(maxsplit=2)[:2]
    except (FileNotFoundError, ProcessLookupError):
        return ["X", ""]
