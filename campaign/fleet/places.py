"""Batches of letters at the workers of a Dask cluster, as the host that plans sees them.

In: a connection, what letters are made by, tasks.  Out: their results, or None.
Touches: the network, in threads.
Fails never: a task that no worker has done is for whoever asked.

Dask places the tasks, and gives those of a worker that died to another.  A worker is given tasks
once it has shown that it can do them; one with another version is named and left out.  Workers may
come and go, and so may the scheduler.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

from campaign.errors import CampaignError
from campaign.fleet.cluster import FAILURES, SchedulerLink
from campaign.fleet.press import Work, leave_here, meet_here, press_here

_Got = TypeVar("_Got")
_LOOK_S = 0.5
_LATE_S = 60.0  # a stopped worker, or a cut network, looks like one that is slow
_RESULT_S = 20.0  # for a result to come over
_QUEUED = 2  # tasks for each thread: one it does, one that waits there
_MOST_FAILURES = 10  # in a row
_LEAVE_S = 5.0


class Places:
    """Workers that take part, and the tasks they have; lives in one running event loop."""

    def __init__(
        self,
        connection: SchedulerLink,
        work: Work,
        *,
        most: int,
        processes: int,
        say: Callable[[str], None],
    ) -> None:
        """`most`: workers that take part, 0: all.  `processes`: that render at each, 0: one for
        each of its threads."""
        self._connection = connection
        self._work = work
        self._most = most
        self._processes = processes
        self._say = say
        self._unsaid: list[str] = []  # by the thread that talks with Dask
        # One thread: a client is not to be closed while it is asked for something.
        self._talks = ThreadPoolExecutor(1, thread_name_prefix="dask")
        self._met: dict[str, Any] = {}  # futures of those that get ready, by address
        self._threads: dict[str, int] = {}  # of those that are ready
        self._refused: set[str] = set()
        self._numbers = count()
        self._under_way = 0
        self._failures = 0  # in a row
        self._has_scheduler = True
        self._had_workers = False

    @property
    def at_once(self) -> int:
        """How many tasks keep them busy."""
        return _QUEUED * sum(self._threads.values())

    @property
    def has_room(self) -> bool:
        return self._under_way < self.at_once

    async def keep(self, on_change: Callable[[], None]) -> None:
        """Look who is there, until cancelled."""
        while self._failures < _MOST_FAILURES:
            before = self.at_once
            await self._talk(self._look)
            if self.at_once != before:
                self._note_change()
                on_change()
            while self._unsaid:
                self._say(self._unsaid.pop(0))
            await asyncio.sleep(_LOOK_S)
        self._threads = {}
        self._say("the workers of Dask fail again and again; this machine goes on without them")

    async def do(self, task: bytes, name: str) -> bytes | None:
        """The result of a task; None where nobody did it.  `name`: for Dask's dashboard."""
        self._under_way += 1
        try:
            return await self._done(task, f"{name}-{next(self._numbers)}")
        finally:
            self._under_way -= 1

    async def leave(self) -> None:
        """End what was started there."""
        self._talks.submit(self._dismiss)
        await asyncio.to_thread(self._talks.shutdown)

    # -- in the loop ---------------------------------------------------------------------------

    async def _talk(self, question: Callable[[], _Got]) -> _Got:
        return await asyncio.get_running_loop().run_in_executor(self._talks, question)

    def _note_change(self) -> None:
        if self._threads:
            self._had_workers = True
        elif self._had_workers and self._has_scheduler:
            self._had_workers = False
            self._say("no worker of Dask is left; this machine goes on, and takes any that comes")

    async def _done(self, task: bytes, name: str) -> bytes | None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        whose = set(self._threads)

        def wake(_future: object) -> None:
            with suppress(RuntimeError):  # the loop has ended before
                loop.call_soon_threadsafe(ended.set)

        future = await self._talk(lambda: self._submit(task, name, sorted(whose), wake))
        if future is None:
            return None
        late_s = loop.time() + _LATE_S
        while not ended.is_set() and loop.time() < late_s and not whose.isdisjoint(self._threads):
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await ended.wait()
        if future.status == "error":
            self._failures += 1
            return None
        done = await asyncio.to_thread(_result_of, future)
        if done is not None:
            self._failures = 0
        return done

    # -- in the thread that talks with Dask ----------------------------------------------------

    def _look(self) -> None:
        try:
            if not self._is_there():
                self._threads, self._met = {}, {}
                return
            there = self._connection.threads()
            self._threads = {at: n for at, n in self._threads.items() if at in there}
            self._met = {at: each for at, each in self._met.items() if at in there}
            self._hear(there)
            if new := [at for at in there if at not in (self._threads | self._met)]:
                self._meet(new)
        except FAILURES:
            self._threads, self._met = {}, {}

    def _is_there(self) -> bool:
        was_there, before = self._has_scheduler, self._connection.client
        self._has_scheduler = self._connection.is_there()
        if self._connection.client is not before:
            self._threads, self._met = {}, {}
        if was_there and not self._has_scheduler:
            self._unsaid.append(
                "the scheduler of Dask is gone; this machine goes on, and tries it again"
            )
        elif self._has_scheduler and not was_there:
            self._unsaid.append("the scheduler of Dask is back")
        return self._has_scheduler

    def _meet(self, new: list[str]) -> None:
        """Ask them to get ready, no more than may take part."""
        client = self._connection.client
        for place in new:
            if place in self._refused:
                continue
            if self._most and len(self._threads) + len(self._met) >= self._most:
                return
            self._met[place] = client.submit(
                meet_here, self._connection.bring(self._work), self._processes,
                workers=[place], allow_other_workers=False, pure=False,
            )  # fmt: skip

    def _hear(self, there: dict[str, int]) -> None:
        """Who is ready, and who cannot be."""
        for place, future in list(self._met.items()):
            if not future.done():
                continue
            del self._met[place]
            if future.status == "finished":
                self._threads = self._threads | {place: self._processes or there[place]}
            elif future.status == "error":
                self._refused.add(place)
                error = future.exception(timeout=_RESULT_S)
                said = str(error) if isinstance(error, CampaignError) else repr(error)
                self._unsaid.append(f"the worker at {place} does not take part: {said}")

    def _submit(
        self, task: bytes, name: str, whose: list[str], wake: Callable[[object], None]
    ) -> Any:
        """A future; None where the cluster is gone."""
        try:
            client, there = self._connection.client, self._connection.brought
            if client is None or there is None or not whose:
                return None
            future = client.submit(
                press_here, there, self._processes, task,
                key=name, workers=whose, allow_other_workers=False,
            )  # fmt: skip
            future.add_done_callback(wake)
        except FAILURES:
            return None
        return future

    def _dismiss(self) -> None:
        client = self._connection.client
        if client is None:
            return
        with suppress(*FAILURES):
            told = [
                client.submit(
                    leave_here, self._work.name,
                    workers=[place], allow_other_workers=False, pure=False,
                )
                for place in self._threads
            ]  # fmt: skip
            until_s = time.monotonic() + _LEAVE_S
            for future in told:
                future.result(timeout=max(0.1, until_s - time.monotonic()))


def _result_of(future: Any) -> bytes | None:
    """Of a task that is done; of any other it is not waited for, and Dask forgets it."""
    with suppress(*FAILURES):
        if future.status == "finished":
            return bytes(future.result(timeout=_RESULT_S))
    return None
