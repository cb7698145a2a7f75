"""The suppression store behind an event loop: many requests share one commit.

In: entries, and questions to the store.  Out: when they are durable, or SuppressionError.
Touches: the store, in one thread of its own.

Each entry is answered after the commit that holds it.  While one commit is on its way to the disk,
further entries gather; they are the next.  A store that fails is opened anew by the next job, so a
database that was away is used again when it is back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any, TypeVar

from campaign.clock import Clock
from campaign.errors import SuppressionError
from campaign.suppression.entries import Suppressed
from campaign.suppression.store import SuppressionStore

PATIENCE_S = 10.0  # another writer may keep the store longer; mail providers wait about as long
_MOST_WAITING = 20_000  # jobs: some 10 s of work
_REMEMBERED = 64  # durations of writes
Answer = TypeVar("Answer")
Work = Callable[[SuppressionStore], Any]


@dataclass(frozen=True)
class _Job:
    entry: Suppressed | None
    work: Work | None
    done: asyncio.Future[Any]


class StoreWriter:
    """`await add(entry)`, `await ask(work)`; each raises SuppressionError if it is not done."""

    def __init__(
        self, opening: Callable[[], SuppressionStore], clock: Clock, patience_s: float = PATIENCE_S
    ) -> None:
        """Raises SuppressionError where the store cannot be opened now."""
        self._opening = opening
        self._clock = clock
        self._patience_s = patience_s
        self._store: SuppressionStore | None = opening()
        self._thread = ThreadPoolExecutor(1, "suppression")
        self._waiting: list[_Job] = []
        self._draining: asyncio.Task[None] | None = None
        self.took_s: deque[float] = deque([0.005], maxlen=_REMEMBERED)  # of the last writes
        self.trouble = ""  # why the last write failed; "" where it did not

    async def add(self, entry: Suppressed) -> None:
        """Returns once it is on the disk, or was there before."""
        begun_s = self._clock.tick_s()
        try:
            await self._done(entry, None)
        except SuppressionError as error:
            self.trouble = str(error)
            raise
        self.trouble = ""
        self.took_s.append(self._clock.tick_s() - begun_s)

    async def ask(self, work: Callable[[SuppressionStore], Answer]) -> Answer:
        """Runs it with the store, in the order of all jobs."""
        answer: Answer = await self._done(None, work)
        return answer

    async def close(self) -> None:
        """Waits for what is under way."""
        if self._draining:
            await self._draining
        await asyncio.get_running_loop().run_in_executor(self._thread, self._shut)
        self._thread.shutdown()

    async def _done(self, entry: Suppressed | None, work: Work | None) -> Any:
        if len(self._waiting) >= _MOST_WAITING:
            raise SuppressionError("too many requests wait for the suppression store")
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._waiting.append(_Job(entry, work, done))
        if self._draining is None or self._draining.done():
            self._draining = loop.create_task(self._drain())
        try:
            async with asyncio.timeout(self._patience_s):
                return await done
        except TimeoutError:
            raise SuppressionError(
                f"the suppression store gave no answer within {self._patience_s:.0f} s"
            ) from None

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            jobs, self._waiting = self._waiting, []
            answers = await loop.run_in_executor(self._thread, self._work, jobs)
            for job, answer in zip(jobs, answers, strict=True):
                if job.done.done():
                    continue  # whoever asked has gone, or waited too long
                if isinstance(answer, Exception):
                    job.done.set_exception(answer)
                else:
                    job.done.set_result(answer)

    # -- in the thread -------------------------------------------------------------------------

    def _work(self, jobs: list[_Job]) -> list[Any]:
        """An answer or an exception each: entries that follow one another share a commit."""
        answers: list[Any] = []
        at = 0
        while at < len(jobs):
            entries = [
                job.entry for job in takewhile(lambda job: job.entry, jobs[at:]) if job.entry
            ]
            if entries:
                answers += [self._tried(partial(self._added, entries))] * len(entries)
                at += len(entries)
            else:
                work = jobs[at].work
                assert work is not None, "a job has an entry or work"
                answers.append(self._tried(work))
                at += 1
        return answers

    def _added(self, entries: list[Suppressed], store: SuppressionStore) -> None:
        # An undo that was written while they waited must not seem to have come after them.
        now_s = self._clock.now_s()
        store.add(entry._replace(at=now_s) for entry in entries)

    def _tried(self, work: Work) -> Any:
        try:
            if self._store is None:
                self._store = self._opening()
            return work(self._store)
        except SuppressionError as error:
            self._shut()
            return error
        except Exception as error:  # a fault of ours belongs to the request that met it
            return error

    def _shut(self) -> None:
        store, self._store = self._store, None
        if store:
            with suppress(SuppressionError):
                store.close()
