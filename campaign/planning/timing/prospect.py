"""Where a campaign stands on its way: what was foreseen when it was planned, and what is by now.

In: a campaign, its journal, instants.  Out: `Prospect`s.
Touches: the journal, for reading, seldom: a forecast of many zones takes a second.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.journal.reading.tallies import Tallies
from campaign.journal.schema import LISTED_DOMAINS
from campaign.planning.timing.forecast import Forecast, ForecastMark
from campaign.planning.timing.outlook import LOOKED_AT, outlook
from campaign.records import State, unsettled_of

_SHARE = 20  # an answer is kept for so many times as long as it took
_LEAST_S = 5.0
_STRETCHES = 100  # of what happened


@dataclass(frozen=True)
class Prospect:
    """What was planned, and what is left of it."""

    planned: tuple[ForecastMark, ...] = ()  # the course that the plan foresaw
    happened: tuple[ForecastMark, ...] = ()  # how many were accepted
    forecast: Forecast | None = None  # from now on

    @property
    def finish_s(self) -> float | None:
        """Unix time at which everybody will be settled; None where nobody knows."""
        if self.forecast is None or not math.isfinite(self.forecast.finish_s):
            return None
        return self.forecast.finish_s


NO_PROSPECT = Prospect()


class Prospects:
    """Remembers its last answer."""

    def __init__(self, campaign: Campaign, clock: Clock) -> None:
        self._campaign = campaign
        self._clock = clock
        self._kept = NO_PROSPECT
        self._keep_until = -math.inf  # by the clock's ticks

    def ask(self, reader: Tallies, now_s: float) -> Prospect:
        """As the journal stands."""
        asked_at = self._clock.tick_s()
        if asked_at >= self._keep_until:
            self._kept = prospect(self._campaign, reader, now_s)
            done_at = self._clock.tick_s()
            self._keep_until = done_at + max(_LEAST_S, _SHARE * (done_at - asked_at))
        return self._kept


def prospect(campaign: Campaign, reader: Tallies, now_s: float) -> Prospect:
    """Without a way out, or with nobody left, nothing is foreseen.

    A plan without times of its own begins when its first run does.
    """
    counts = reader.counts()
    left = unsettled_of(counts)
    planned = sum(counts.values()) - counts[State.SKIPPED]
    domains = reader.domains(LISTED_DOMAINS) if left else []
    to_go = [(domain, round(count * left / planned)) for domain, count in domains]
    accepted = happened(reader, now_s)
    seen = outlook(
        campaign, reader, to_go, left, now_s, looks_at=LOOKED_AT, least_per_s=_speed(accepted)
    )
    course = tuple(ForecastMark(*point) for point in reader.course())
    runs = reader.runs()
    if course and runs and campaign.settings.schedule is None:
        late_s = runs[0].started_s - course[0].at_s
        course = tuple(ForecastMark(at_s + late_s, gone) for at_s, gone in course)
    return Prospect(course, accepted, seen)


def _speed(marks: Sequence[ForecastMark]) -> float:
    """The most that were accepted in a second, over a stretch."""
    pairs = itertools.pairwise(marks)
    return max(
        ((b.gone - a.gone) / (b.at_s - a.at_s) for a, b in pairs if b.at_s - a.at_s >= 1),
        default=0.0,
    )


def happened(reader: Tallies, now_s: float) -> tuple[ForecastMark, ...]:
    """How many letters were accepted by which moment, up to now."""
    first_s, last_s = reader.sending_span()
    if not first_s:
        return ()
    stretch_s = max(1.0, (last_s - first_s) / _STRETCHES)
    marks, gone = [ForecastMark(first_s, 0)], 0
    for start_s, count in reader.times(State.SENT, stretch_s):
        if start_s > marks[-1].at_s:  # nobody went since the stretch before
            marks.append(ForecastMark(start_s, gone))
        gone += count
        marks.append(ForecastMark(min(start_s + stretch_s, max(last_s, marks[-1].at_s)), gone))
    return (*marks, ForecastMark(max(now_s, marks[-1].at_s), gone))
