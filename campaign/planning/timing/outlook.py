"""The forecast of a campaign as it stands: from its settings, and from what its journal holds.

In: a campaign, its journal, an instant.  Out: a `Forecast`.  Touches: the journal, for reading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from campaign.clock import Clock
from campaign.config.hours import timetable_of
from campaign.config.loader import Campaign
from campaign.config.settings import Settings
from campaign.journal.reading.reader import Reader
from campaign.planning.timing.forecast import Forecast, Way, foresee
from campaign.planning.timing.times import zones_of
from campaign.pool.limits import Limits, domains_of, lane_of, seed
from campaign.pool.pacing.rates import Pacing
from campaign.schedule.zones import zone_named

# Messages per second and connection through a relay of ordinary distance (50 ms), for the
# forecast only; configured rates come first.
ORDINARY_RATE = 18.0
_READ = 5000
_OTHERS = ""  # the lane of all that have no limit


class At:
    """A clock that shows one instant, for the quotas too."""

    def __init__(self, now_s: float) -> None:
        self._now_s = now_s

    def now_s(self) -> float:
        return self._now_s

    tick_s = passed_s = now_s


def outlook(
    campaign: Campaign, reader: Reader, domains: Sequence[tuple[str, int]], left: int, now_s: float
) -> Forecast | None:
    """When those who are left will have gone; None without a way out.

    `domains`: how many of them go to each of the largest.  Where recipients have zones of their
    own, each row is looked at; else the counts are enough.
    """
    settings = campaign.settings
    if not left or not (settings.relay or settings.direct):
        return None
    limits, clock = Limits(settings.limits), At(now_s)
    zones = zones_of(campaign, reader.sources())
    if zones.is_named:
        load = Counter(
            (_lane(limits, job.key.rpartition("@")[2]), zones.zone_of(job.source, job.data))
            for jobs in reader.open_jobs(0, _READ)
            for job in jobs
        )
    else:
        by_lane = limits.count(domains)
        load = Counter({(lane, zones.default): count for lane, count in by_lane.items()})
        load[_OTHERS, zones.default] = max(0, left - by_lane.total())
    return foresee(
        load,
        {lane: limited_lane(limits, lane, reader, clock) for lane in limits.lanes},
        ways_out(settings, reader, clock),
        timetable_of(settings.schedule),
        {zone: zone_named(zone) for _, zone in load},
        now_s,
    )


def _lane(limits: Limits, domain: str) -> str:
    lane = lane_of(domain)
    return lane if limits.find(lane) else _OTHERS


def limited_lane(limits: Limits, lane: str, reader: Reader, clock: Clock) -> Way:
    """A lane that has a limit, with what it used of its quotas."""
    found = limits.find(lane)
    pacing = Pacing(found.rates if found else ())
    seed(pacing, reader, clock, domains=domains_of(lane))
    return Way(limits.name(lane), pacing)


def ways_out(settings: Settings, reader: Reader, clock: Clock) -> list[Way]:
    """The relays with what they took before; all mail servers together, sent to directly."""
    if settings.direct:
        pacing = Pacing(settings.direct.rates)
        seed(pacing, reader, clock)
        return [Way("direct", pacing)]
    ways = []
    for relay in settings.relay:
        name = f"[{relay.host}]:{relay.port}" if ":" in relay.host else f"{relay.host}:{relay.port}"
        pacing = Pacing(relay.rates)
        seed(pacing, reader, clock, relay=name)
        ways.append(Way(relay.host, pacing, relay.connections * ORDINARY_RATE))
    return ways
