"""What the planned recipients of a campaign wait for, asked again and again.

In: a campaign, its journal, an instant, how fast it goes.  Out: an `Awaited`.
Touches: the journal, for reading, for at most a tenth of the time.

`campaign explain`, `status` and the live page say it in the same words as a run's progress line,
for all of them ask `hindrances` and `waits`.
"""

from __future__ import annotations

import math
from collections import Counter

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.ways import sent_from
from campaign.outcomes import NO_WAIT, Awaited
from campaign.planning.timing.hindrances import (
    Hindrance,
    of_lanes,
    of_paces,
    of_times,
    of_ways,
)
from campaign.planning.timing.outlook import sources_of
from campaign.planning.timing.ramped import ramps_of
from campaign.pool.limits import Limits, lane_of
from campaign.pool.pacing.rates import Pacing
from campaign.pool.pacing.waits import paced

_SEEN = 1000  # planned rows, the first of the list: whoever is left behind is among them
_LAST_ROW = 2**62
_SHARE = 10  # an answer is kept for ten times as long as it took
_SHOWN = 2  # phrases, as in the progress line
_IS_FULL = 0.8  # of a pace that is used to this share, the pace is what holds letters up


class Waits:
    """Remembers its last answer, for what was used of a day is counted over the whole day."""

    def __init__(self, campaign: Campaign, clock: Clock) -> None:
        self._campaign = campaign
        self._clock = clock
        self._limits = Limits(campaign.settings.limits)
        self._kept = NO_WAIT
        self._keep_until = -math.inf  # by the clock's ticks

    def ask(self, reader: ClaimReader, now_s: float, per_s: float) -> Awaited:
        """`per_s`: letters of each second that a living run sends; 0.0 without one."""
        asked_at = self._clock.tick_s()
        is_over = self._kept.until_s is not None and self._kept.until_s <= now_s
        if asked_at >= self._keep_until or is_over:
            self._kept = self._look(reader, now_s, per_s)
            done_at = self._clock.tick_s()
            self._keep_until = done_at + _SHARE * (done_at - asked_at)
        return self._kept

    def _look(self, reader: ClaimReader, now_s: float, per_s: float) -> Awaited:
        lanes = Counter(
            lane_of(domain) for _, domain, _ in reader.planned_domains(0, _LAST_ROW, _SEEN)
        )
        ramps = ramps_of(self._campaign)
        limited = [
            lane
            for lane, _ in lanes.most_common()
            if self._limits.find(lane) or ramps.of_provider(lane)
        ]
        for_all = of_times(self._campaign, reader, now_s)
        if lanes:
            for_all += of_ways(self._campaign, reader, now_s)
        of_some = of_lanes(self._campaign, reader, limited, now_s)
        if for_all or of_some:
            are_all = len(of_some) == len(lanes)
            return _together(for_all, of_some, are_all=are_all)
        if slow := of_paces(self._campaign, reader, limited, now_s):
            return Awaited(", ".join([each.what for each in slow][:_SHOWN]))
        return Awaited(self._pace(limited, len(lanes), per_s))

    def _pace(self, limited: list[str], lanes: int, per_s: float) -> str:
        """The pace that a run under way keeps to."""
        if not lanes or not per_s:
            return ""
        if len(limited) == lanes:
            for lane in limited:
                limit = self._limits.find(lane)
                if limit and limit.rates:
                    return paced("limits", self._limits.name(lane), Pacing(limit.rates))
        settings = self._campaign.settings
        ways = (
            [
                (sent_from("direct", source), Pacing(settings.direct.rates))
                for source in sources_of(settings)
            ]
            if settings.direct
            else [
                (sent_from(relay.host, relay.source), Pacing(relay.rates))
                for relay in settings.relay
            ]
        )
        if any(not pacing.interval_s for _, pacing in ways):
            return ""
        if per_s < _IS_FULL * sum(1 / pacing.interval_s for _, pacing in ways):
            return ""
        return ", ".join([paced("relay", name, pacing) for name, pacing in ways][:_SHOWN])


def _together(for_all: list[Hindrance], of_some: list[Hindrance], *, are_all: bool) -> Awaited:
    """All that holds up everybody has to end, and of the lanes the first."""
    ends = [each.until_s for each in for_all]
    if of_some and (are_all or not for_all):
        ends.append(min(each.until_s for each in of_some))
    until_s = max(ends)
    of_some = sorted(of_some, key=lambda each: each.until_s)
    words = ", ".join([each.what for each in (*for_all, *of_some)][:_SHOWN])
    return Awaited(words, until_s if math.isfinite(until_s) else None)
