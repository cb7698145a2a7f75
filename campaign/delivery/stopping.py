"""Why a run stops before everybody is settled: an error, a signal, a pause, a bug of ours.

In: errors, signals, the mark of `campaign pause`.  Out: one reason.
Touches: the signal handlers of the event loop; the mark, for reading.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

from campaign.errors import (
    CampaignError,
    Interrupted,
    JournalError,
    SenderRefused,
    TooMuchCameBack,
)
from campaign.journal.holding.pausing import PauseMark
from campaign.journal.states import CAME_BACK, REFUSED

_PAUSE_EVERY_S = 1.0
_GOES_ON = "`campaign resume` goes on from here"
_SIGNALS = {  # as people call them
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "a request to end (SIGTERM)",
    signal.SIGHUP: "the end of its terminal",
}


class Stopping:
    """One run's reason to stop; the first counts, but a broken journal always does."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        wake: Callable[[], None],
        hurry: Callable[[], None],
        on_broken_journal: Callable[[], None],
    ) -> None:
        """`wake`: look at it now; `hurry`: somebody wants the end at once."""
        self.error: CampaignError | None = None
        self.crash: BaseException | None = None  # a bug of ours, raised when all is wound up
        self._say = say
        self._wake = wake
        self._hurry = hurry
        self._on_broken_journal = on_broken_journal
        self._signals = 0

    def __bool__(self) -> bool:
        return self.error is not None or self.crash is not None

    @property
    def how(self) -> str:
        """For the journal, where the next run is to start with a canary."""
        if isinstance(self.error, TooMuchCameBack):
            return CAME_BACK
        return REFUSED if isinstance(self.error, SenderRefused) else ""

    @property
    def is_at_once(self) -> bool:
        """Somebody asked twice: replies on the way are not waited for."""
        return self._signals >= 2

    def stop_for(self, error: CampaignError) -> None:
        """A reason to stop, from wherever it is known."""
        if isinstance(error, JournalError):
            self.error = error
            self._on_broken_journal()
        self.error = self.error or error
        self._wake()

    def unless_interrupted(self) -> Interrupted | None:
        """What somebody stopped the run by; any other reason, and a bug of ours, is raised."""
        if self.crash is not None:
            raise self.crash
        if self.error is not None and not isinstance(self.error, Interrupted):
            raise self.error
        return self.error

    def crashed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception nobody awaited: our bug must stop the run, not become their bounce."""
        self.crash = context.get("exception") or RuntimeError(context["message"])
        self._wake()

    def catch_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._signalled, number)

    def release_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    async def heed_pause(self, mark: PauseMark) -> None:
        """`campaign pause` in another process stops this run as Ctrl-C does."""
        while not self:
            if pause := await asyncio.to_thread(mark.read):
                self._say(f"{pause}; no new messages, waiting for the replies on the way")
                self.stop_for(Interrupted(str(pause), remedy=_GOES_ON))
            await asyncio.sleep(_PAUSE_EVERY_S)

    def _signalled(self, number: int) -> None:
        self._signals += 1
        what = _SIGNALS[signal.Signals(number)]
        if self._signals == 1:
            self._say(
                f"{what}: no new messages; waiting for the replies on the way"
                " (once more stops at once)"
            )
            self.stop_for(Interrupted(f"stopped by {what}", remedy=_GOES_ON))
        else:
            self._say(f"{what} again: stopping at once")
            self._hurry()
