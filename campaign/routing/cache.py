"""One answer for everybody who asks at the same time, kept until it expires.

In: keys, and coroutines that find what is not kept.  Out: values.  Touches: nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from campaign.clock import Clock

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_MOST = 50_000  # about 50 MB of routes; a list of a million has some 100,000 domains


class Cache(Generic[Key, Value]):
    """Values with a time to live each; the oldest go when there are too many."""

    def __init__(self, clock: Clock, most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._kept: dict[Key, tuple[float, Value]] = {}  # until when, oldest first
        self._under_way: dict[Key, asyncio.Task[Value]] = {}

    def get(self, key: Key) -> Value | None:
        """The value if it is kept and still good."""
        kept = self._kept.get(key)
        if kept is None or kept[0] <= self._clock.tick_s():
            return None
        return kept[1]

    def keep(self, key: Key, value: Value, ttl_s: float) -> None:
        """Good for `ttl_s` from now."""
        self._kept.pop(key, None)  # so that it stands last
        self._kept[key] = self._clock.tick_s() + ttl_s, value
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]

    async def find(self, key: Key, make: Callable[[], Awaitable[tuple[Value, float]]]) -> Value:
        """The kept value, or what `make` finds with the seconds it is good for (0: not kept).

        What `make` raises is raised to everybody who waits for it, and is not kept.  A waiter
        that is cancelled leaves the others their answer.
        """
        value = self.get(key)
        if value is not None:
            return value
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._make(key, make))
            task.add_done_callback(_look_at_it)
            self._under_way[key] = task
        return await asyncio.shield(task)

    async def _make(self, key: Key, make: Callable[[], Awaitable[tuple[Value, float]]]) -> Value:
        try:
            value, ttl_s = await make()
        finally:
            del self._under_way[key]
        if ttl_s > 0:
            self.keep(key, value, ttl_s)
        return value


def _look_at_it(task: asyncio.Task[Value]) -> None:
    """An exception that nobody waited for any more is no fault."""
    if not task.cancelled():
        task.exception()
