"""Coroutines that go on beside: kept while they run, their errors never lost.

In: coroutines.  Out: nothing; an error surfaces in the event loop's exception handler.
Touches: the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


class Tasks:
    """Those of one owner."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()  # the loop itself keeps weak references only

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finished)

    async def cancel(self) -> None:
        """End them all."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            raise error
