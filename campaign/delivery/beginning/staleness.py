"""Whether a journal may be gone on with here and now, and by which clock.

In: the journal's last run, the time, this host.  Out: StaleError, a `RunClock`.
Touches: nothing.

Going on with an old copy of a journal sends again what the original has sent since.  A copy cannot
be told from the original by what is in it, but it shows in three ways: another host, another file
(its inode), or a long silence.
"""

from __future__ import annotations

from collections.abc import Callable

from campaign.clock import Clock, iso
from campaign.errors import StaleError
from campaign.journal.holding.lock import Runner
from campaign.journal.store import Journal, LastRun
from campaign.units import show_duration

MOST_SILENCE_S = 24 * 3600.0  # a journal is gone on with within a day, or with --resume-stale
_SLACK_S = 300.0  # what two honest clocks may differ by (Kerberos, RFC 4120, allows the same)

Closed = Callable[[float, float], float]  # seconds of a stretch of Unix time


def _never(from_s: float, to_s: float) -> float:
    return 0.0


def always(from_s: float, to_s: float) -> float:
    """All of it.  Of an open campaign: it is silent for as long as nobody asks for a letter, each
    letter has an end of its time, and an older copy of its journal shows beside the arrivals."""
    return to_s - from_s


class RunClock:
    """Unix time for one run: taken once, then carried on by a clock that cannot be set.

    A wall clock that is set back or forward during a run makes nothing due and nobody late.  It
    never starts before the journal's last change: where the wall clock was set back in between,
    the time of the journal goes on, and whoever is due in five minutes is due in five minutes.
    """

    def __init__(self, clock: Clock, not_before_s: float) -> None:
        wall_s = clock.now_s()
        self._clock = clock
        self._start_s = max(wall_s, not_before_s)
        self._passed_s = clock.passed_s()
        self._tick_s = clock.tick_s()
        self.behind_s = max(0.0, not_before_s - wall_s)  # how far the wall clock was set back

    def now_s(self) -> float:
        return self._start_s + self._clock.passed_s() - self._passed_s

    def tick_s(self) -> float:
        return self._clock.tick_s()

    def passed_s(self) -> float:
        return self._clock.passed_s()

    @property
    def was_set_back(self) -> bool:
        """Whether the wall clock is further behind the journal than clocks usually differ."""
        return self.behind_s > _SLACK_S

    @property
    def asleep_s(self) -> float:
        """How long the machine has slept since the start: nobody's time runs out meanwhile."""
        slept_s = (self.passed_s() - self._passed_s) - (self.tick_s() - self._tick_s)
        return max(0.0, slept_s)


def clock_for(
    journal: Journal, clock: Clock, closed_s: Closed = _never, *, may_be_stale: bool
) -> RunClock:
    """The clock of a run that is to begin.  Raises StaleError.

    `closed_s`: for how long of a stretch nobody could be written to; such a silence says nothing.
    """
    last = journal.last_run()
    if last is None:
        return RunClock(clock, 0.0)
    if not may_be_stale:
        host = Runner.this_process(clock.now_s()).host
        refuse_stale(last, clock.now_s(), host, journal.inode, closed_s)
    return RunClock(clock, last_seen_s(last))


def set_back_sentence(clock: RunClock) -> str:
    return (
        f"the clock is {show_duration(clock.behind_s)} behind the journal:"
        " going on by the journal's time, so that nobody waits the longer for it or expires"
    )


def refuse_stale(
    last: LastRun, now_s: float, host: str, inode: str = "", closed_s: Closed = _never
) -> None:
    """Raises StaleError for a journal that came from another host, was silent for long, or is
    another file than the last run wrote to."""
    if last.host != host:
        raise StaleError(
            f"this journal was last used on {last.host}, this is {host}: it may be a copy, and"
            " the original may have been gone on with",
            remedy=_REMEDY,
        )
    if last.inode and inode and last.inode != inode:
        raise StaleError(
            "this journal is a copy of the one that was last used, which may have been gone on with"
            " since",
            remedy=_REMEDY,
        )
    refuse_silent(last, now_s, closed_s)


def refuse_silent(last: LastRun, now_s: float, closed_s: Closed = _never) -> None:
    """Raises StaleError for a journal that was silent for long."""
    seen_s = last_seen_s(last)
    if now_s - seen_s - closed_s(seen_s, now_s) > MOST_SILENCE_S:
        raise StaleError(
            f"this journal was last used {iso(seen_s)}, {show_duration(now_s - seen_s)} ago by this"
            " machine's clock: it may be an old copy, and the retries of many may have run out",
            remedy=_REMEDY,
        )


def last_seen_s(last: LastRun) -> float:
    """Unix time of the last sign of life."""
    return max(last.started_s, last.ended_s, last.last_change_s)


_REMEDY = "look at the clock; if this is the only journal, `campaign resume --resume-stale`"
