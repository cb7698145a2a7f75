"""How a run stands at a moment, for the progress line.

In: what the run counts, its outlet, its feed.  Out: `RunView`s.  Touches: nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from campaign.delivery.beginning.staleness import RunClock
from campaign.delivery.feeding.feed import Feed
from campaign.delivery.ledger import JournalLedger
from campaign.delivery.run_records import Observer, RunView
from campaign.delivery.stopping import Stopping
from campaign.planning.timing.turns import Turns
from campaign.pool.outlet import Outlet
from campaign.records import State
from campaign.units import show_duration

_VIEW_EVERY_S = 0.2
_WINDOW_S = 10.0  # of the rate


class Speed:
    """Rate over the last ten seconds."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def note(self, now_s: float, settled: int) -> float:
        """Settled recipients per second, as of now."""
        self._marks.append((now_s, settled))
        while len(self._marks) > 2 and now_s - self._marks[0][0] > _WINDOW_S:
            self._marks.popleft()
        then_s, before = self._marks[0]
        return (settled - before) / (now_s - then_s) if now_s > then_s else 0.0


class Viewer:
    """Looks at one run."""

    def __init__(
        self,
        ledger: JournalLedger,
        outlet: Outlet,
        feed: Feed,
        turns: Turns,
        clock: RunClock,
        *,
        limited: Mapping[str, int],
    ) -> None:
        """`limited`: how many of the list are of each provider that is limited."""
        self.retry_s: float | None = None  # when the first deferred recipient is due
        self._ledger = ledger
        self._outlet = outlet
        self._feed = feed
        self._turns = turns
        self._clock = clock
        self._limited = limited
        self._total = sum(ledger.counts.values())  # an open campaign grows
        self._speed = Speed()

    async def keep_telling(self, observer: Observer, stopping: Stopping) -> None:
        """A few times a second, until cancelled."""
        while True:
            observer.update(self.view(is_stopping=bool(stopping)))
            await asyncio.sleep(_VIEW_EVERY_S)

    def view(self, *, is_stopping: bool) -> RunView:
        """The run now; asked a few times a second, as the rate is taken from one to the next."""
        counts = dict(self._ledger.counts)
        settled, total = self._ledger.settled_count, sum(counts.values())
        rate_s = self._speed.note(self._clock.tick_s(), settled)
        left = total - settled - counts[State.DEFERRED]  # those go when they are due
        return RunView(
            counts=counts,
            total=total,
            rate_s=rate_s,
            left_s=max(left / rate_s, self._limits_s(left)) if left > 0 and rate_s > 0 else None,
            waiting_for=self._outlet.waiting_for(self._feed.behind)
            or self._window_opens()
            or self._retry_in(),
            connections=self._outlet.connections,
            stopping=is_stopping,
        )

    def _limits_s(self, left: int) -> float:
        """Seconds that the limits leave no choice about; who is left is as the list is."""
        by_lane = {lane: round(count * left / self._total) for lane, count in self._limited.items()}
        return self._outlet.left_s(left, by_lane)

    def _window_opens(self) -> str:
        """What a run waits for that has nobody to write to at this time of day."""
        if self._ledger.open:
            return ""
        return self._turns.waiting_for(self._feed.closed_zones, self._clock.now_s())

    def _retry_in(self) -> str:
        """What a run waits for that has tried everybody."""
        left_s = self.retry_s - self._clock.now_s() if self.retry_s else 0.0
        return f"next retry in {show_duration(left_s)}" if left_s >= 1 else ""
