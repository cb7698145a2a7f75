"""The making of letters, spread over this machine and the workers of a Dask cluster.

In: the render pool of this machine, a connection to the cluster.  Out: messages, as the pool alone
would give them.  Touches: the network, render workers.
Fails as the pool of this machine does, and never for what happens at a worker.

A letter that a worker cannot make is made again here, and only what this machine says of it counts:
so a plan does not depend on who made which letter, and names files by the paths they have here.
What a worker does not give back, for it died or is late, is made here as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from campaign.fleet.cluster import SchedulerLink
from campaign.fleet.places import Places
from campaign.fleet.press import Work, made_by, work_of
from campaign.records import Job, Message
from campaign.rendering.render import RenderSpec
from campaign.workers import frames
from campaign.workers.in_order import LetterMaker
from campaign.workers.pool import RenderPool

_BATCH_ROWS = 1000  # a task costs Dask about a millisecond, whatever is in it


class SpreadPool:
    """Implements `in_order.LetterMaker`."""

    def __init__(
        self,
        pool: RenderPool,
        spec: RenderSpec,
        work: Work,
        places: Places,
        say: Callable[[str], None],
    ) -> None:
        self._pool = pool
        self._spec = spec
        self._name = work.name[:12]
        self._places = places
        self._say = say
        self._letters = 0  # by everybody
        self._there = 0  # by workers of Dask
        self._here = 0  # batches that are made by this machine
        self._here_most = 1 - -pool.at_once * pool.batch_rows // _BATCH_ROWS
        self._room = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        self._keeping = asyncio.create_task(self._places.keep(self._room.set))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        await self._pool.__aexit__(kind, error, traceback)
        await self._places.leave()
        if error is None:
            self._say(f"{self._there:,} of {self._letters:,} letters were made by workers of Dask")

    @property
    def batch_rows(self) -> int:
        """How many jobs a batch should have."""
        return _BATCH_ROWS

    @property
    def at_once(self) -> int:
        """How many batches keep everybody busy, also while the oldest of them is late."""
        return 2 * (self._here_most + self._places.at_once)

    async def render(self, jobs: list[Job]) -> list[Message]:
        """As of the pool; they are signed here."""
        return await self._made(jobs, is_check=False)

    async def check(self, jobs: list[Job]) -> list[Message]:
        """As of the pool."""
        return await self._made(jobs, is_check=True)

    async def _made(self, jobs: list[Job], *, is_check: bool) -> list[Message]:
        self._letters += len(jobs)
        while True:
            if self._here < self._here_most:
                return await self._made_here(jobs, is_check)
            if self._places.has_room:
                return await self._made_there(jobs, is_check)
            self._room.clear()
            await self._room.wait()

    async def _made_here(self, jobs: list[Job], is_check: bool) -> list[Message]:
        self._here += 1
        try:
            return await made_by(self._pool, jobs, is_check=is_check)
        finally:
            self._here -= 1
            self._room.set()

    async def _made_there(self, jobs: list[Job], is_check: bool) -> list[Message]:
        """There, and what is left of it here."""
        task = frames.pack_jobs(jobs, is_check, self._spec.token_for)
        try:
            done = await self._places.do(task, f"letters-{self._name}-{jobs[0].row}")
        finally:
            self._room.set()
        try:
            messages = frames.unpack(memoryview(done or b""), jobs, ())
        except ValueError:
            messages = []
        if len(messages) < len(jobs):
            return await self._made_here(jobs, is_check)
        return await self._mended(jobs, messages, is_check)

    async def _mended(
        self, jobs: list[Job], messages: list[Message], is_check: bool
    ) -> list[Message]:
        """What was made there, signed or with the size of signed letters; and made here what
        could not be."""
        pairs = list(zip(jobs, messages, strict=True))
        made = [each for each in messages if not each.problem]
        if is_check:
            ready = await self._pool.as_signed(
                [job for job, each in pairs if not each.problem], made
            )
        else:
            ready = await self._pool.signed(made)
        unmade = [job for job, each in pairs if each.problem]
        again = iter(await made_by(self._pool, unmade, is_check=is_check))
        first = iter(ready)
        self._there += len(ready)
        return [next(again if each.problem else first) for each in messages]


def spread_over(
    connection: SchedulerLink,
    *,
    files: Callable[[RenderSpec], list[str]],
    most: int,
    processes: int,
    say: Callable[[str], None],
) -> Callable[[RenderPool, RenderSpec], LetterMaker]:
    """An `in_order.Spread`.  `files`: all that letters are made of, in the campaign's folder.
    `most` and `processes` as of `Places`."""

    def spread(pool: RenderPool, spec: RenderSpec) -> LetterMaker:
        work = work_of(spec, files(spec))
        places = Places(connection, work, most=most, processes=processes, say=say)
        return SpreadPool(pool, spec, work, places, say)

    return spread
