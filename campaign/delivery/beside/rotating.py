"""Letters of an open campaign that were settled long ago go into archives, while the run goes on.

In: an archivist, the journal's writer.  Out: nothing.
Touches: archives, in a thread of its own; the journal's queue.

A pass is made when the run begins, and every hour; of a run that ends sooner, at its end.  The
journal is held for one batch at a time, some milliseconds, and then left alone for at least as long
as the batch took in all; while letters are on their way, for three times as long.  An archive that
cannot be written holds no letter up: it is said, and the next pass tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from campaign.clock import HOUR_S, Clock
from campaign.errors import CampaignError
from campaign.journal.archiving.archivist import Archivist
from campaign.journal.writing.departing import Departure
from campaign.journal.writing.writer import Writer

_LATER_S = 2.0  # after the begin of a run: what waits for it goes first
_CATCH_UP_S = 60.0  # the longest that the end of a run waits for its letters to go
_IDLE, _BUSY = 1.0, 3.0  # the journal is left alone for so many times as long as a batch took


class Rotation:
    """Of one run.

    open_archivist: may raise JournalError
    keep_s: whoever was settled longer ago goes
    is_busy: whether letters are on their way
    seen_by_all: the last change that everybody has seen who follows the journal
    """

    def __init__(
        self,
        open_archivist: Callable[[], Archivist],
        writer: Writer,
        clock: Clock,
        *,
        keep_s: float,
        is_busy: Callable[[], bool],
        seen_by_all: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        self._open_archivist = open_archivist
        self._writer = writer
        self._clock = clock
        self._keep_s = keep_s
        self._is_busy = is_busy
        self._seen_by_all = seen_by_all
        self._say = say
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="archives")
        self._archivist: Archivist | None = None
        self._has_passed = False
        self.gone = 0  # letters that went into archives

    async def keep_rotating(self) -> None:
        """Until it is cancelled, or the journal fails."""
        await asyncio.sleep(_LATER_S)
        while True:
            await self._pass()
            if self._writer.failure is not None:  # the run has been told, and ends
                return
            await asyncio.sleep(HOUR_S)

    async def catch_up(self) -> None:
        """Of a run that ends before its first pass: a part of it."""
        if not self._has_passed and self._writer.failure is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CATCH_UP_S):
                    await self._pass()

    async def _pass(self) -> None:
        self._has_passed = True
        try:
            await self.rotate()
        except CampaignError as error:
            if error is not self._writer.failure:
                self._say(f"nothing goes into archives for now: {error}")

    async def rotate(self) -> None:
        """One pass.  Raises JournalError."""
        loop = asyncio.get_running_loop()
        before_s = self._clock.now_s() - self._keep_s
        began_s = self._clock.tick_s()
        try:
            await loop.run_in_executor(self._thread, self._begin)
            while departure := await loop.run_in_executor(self._thread, self._next, before_s):
                await self._writer.let_go(departure)
                await loop.run_in_executor(self._thread, self._done)
                self.gone += len(departure.rows)
                took_s = self._clock.tick_s() - began_s
                await asyncio.sleep(took_s * (_BUSY if self._is_busy() else _IDLE))
                began_s = self._clock.tick_s()
        finally:
            self._thread.submit(self._close)  # the thread may be at a batch: after that

    def finish(self) -> None:
        """Wait for the thread to end."""
        self._thread.shutdown()

    # -- in the thread -------------------------------------------------------------------------

    def _begin(self) -> None:
        self._archivist = self._open_archivist()
        self._archivist.begin()

    def _next(self, before_s: float) -> Departure | None:
        assert self._archivist is not None
        return self._archivist.next(before_s, self._seen_by_all())

    def _done(self) -> None:
        assert self._archivist is not None
        self._archivist.done()

    def _close(self) -> None:
        if self._archivist is not None:
            self._archivist.close()
            self._archivist = None
