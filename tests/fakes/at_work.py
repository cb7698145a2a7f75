"""Whether somebody beside the thread that asks still has something to do.  Linux.

Touches: /proc.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_ENDED = (FileNotFoundError, ProcessLookupError)  # a task, meanwhile
_AT_WORK = {"R", "D"}  # on a processor or in the queue for one; waits for the disk


def others_at_work() -> bool:
    """Whether another thread of this process, or a process it has started, is not asleep."""
    mine = str(threading.get_native_id())
    return any(_state(task) in _AT_WORK for task in _tasks("self") if task.name != mine)


def _tasks(process: str) -> Iterator[Path]:
    """Its threads, those of its children, of their children, and so on."""
    with suppress(*_ENDED):
        for task in Path("/proc", process, "task").iterdir():
            yield task
            with suppress(*_ENDED):
                for child in (task / "children").read_text().split():
                    yield from _tasks(child)


def _state(task: Path) -> str:
    """The third field of proc(5)'s stat; "X" for one that has ended meanwhile."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split(maxsplit=1)[0]
    except _ENDED:
        return "X"
