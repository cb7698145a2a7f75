"""The forecast of a campaign as it stands: from its settings, and from what its journal holds.

In: a campaign, its journal, an instant.  Out: a `Forecast`.  Touches: the journal, for reading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from campaign.clock import Clock
from campaign.config.checking.hours import timetable_of
from campaign.config.loader import Campaign
from campaign.config.settings import Settings
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.ways import sent_from, server_name
from campaign.planning.timing.forecast import Forecast, ForecastWay, LaneWay, Together, foresee
from campaign.planning.timing.ramped import ramps_of
from campaign.planning.timing.times import zones_of
from campaign.pool.limits import Limits, domains_of, lane_of
from campaign.pool.pacing.history import seed
from campaign.pool.pacing.rates import Pacing
from campaign.pool.ramps import DIRECT, Ramps
from campaign.records import Job
from campaign.schedule.zones import zone_named

# Messages per second and connection through a relay of ordinary distance (50 ms), for the
# forecast only; configured rates come first.
ORDINARY_RATE = 18.0
_READ = 5000
LOOKED_AT = 50_000  # rows that stand for all who are left
_PARTS = 500  # of a list that is looked at in part
_OTHERS = ""  # the lane of all that have no limit


class At:
    """A clock that shows one instant, for the quotas too."""

    def __init__(self, now_s: float) -> None:
        self._now_s = now_s

    def now_s(self) -> float:
        return self._now_s

    tick_s = passed_s = now_s


def outlook(
    campaign: Campaign,
    reader: ClaimReader,
    domains: Sequence[tuple[str, int]],
    left: int,
    now_s: float,
    *,
    looks_at: int | None = None,
    least_per_s: float = 0.0,
) -> Forecast | None:
    """When those who are left will have gone; None without a way out.

    `domains`: how many of them go to each of the largest.  Where recipients have zones of their
    own, each row is looked at; else the counts are enough.  Once some have gone, who is left is
    another mixture: then `looks_at` rows of them, evenly from the list, stand for all.
    `least_per_s`: so many letters a second were accepted before.
    """
    settings = campaign.settings
    if not left or not (settings.relay or settings.direct):
        return None
    limits, ramps, clock = Limits(settings.limits), ramps_of(campaign), At(now_s)
    zones = zones_of(campaign, reader.sources())

    def lane_in(domain: str) -> str:
        lane = lane_of(domain)
        return lane if limits.find(lane) or ramps.of_provider(lane) else _OTHERS

    load: Counter[tuple[str, str]] = Counter()
    is_mixed = bool(settings.limits or ramps)
    if zones.is_named or (looks_at is not None and is_mixed):
        is_in_part = looks_at is not None and left > looks_at
        rows = evenly(reader, looks_at) if looks_at and is_in_part else reader.open_jobs(0, _READ)
        load.update(
            (lane_in(job.key.rpartition("@")[2]), zones.zone_of(job.source, job.data))
            for jobs in rows
            for job in jobs
        )
        if (seen := load.total()) and seen < left:
            load = Counter({group: round(n * left / seen) for group, n in load.items()})
    else:
        for domain, count in domains:
            load[lane_in(domain), zones.default] += count
        load[_OTHERS, zones.default] += max(0, left - load.total())
    lanes = {lane for lane, _ in load if lane != _OTHERS}
    return foresee(
        load,
        {lane: limited_lane(settings, ramps, lane, reader, clock) for lane in lanes},
        ways_out(settings, ramps, reader, clock, least_per_s),
        timetable_of(settings.schedule),
        {zone: zone_named(zone) for _, zone in load},
        now_s,
    )


def evenly(reader: ClaimReader, count: int) -> Iterator[list[Job]]:
    """About so many of those who may still get a letter, in parts from all over the list."""
    total, last = reader.total(), 0
    each = max(1, count // _PARTS)
    for part in range(_PARTS):
        begin = max(last, part * total // _PARTS)
        jobs = next(reader.open_jobs(begin, each), [])
        if not jobs:
            return
        last = jobs[-1].row
        yield jobs


def limited_lane(
    settings: Settings, ramps: Ramps, lane: str, reader: ClaimReader, clock: Clock
) -> LaneWay:
    """A lane that has a limit or a ramp, with what it used of its quotas; sent directly, each of
    our addresses has the limit for itself."""
    limits, climbs = Limits(settings.limits), ramps.of_provider(lane)
    found, name, sources = limits.find(lane), limits.title(lane), sources_of(settings)
    pacings = [Pacing(found.rates if found else ()) for _ in sources]
    for pacing, source in zip(pacings, sources, strict=True):
        seed(pacing, reader, clock, source=source, domains=domains_of(lane))
    if len(sources) == 1:
        return ForecastWay(sent_from(name, sources[0]), pacings[0], climbs=climbs)
    ways = zip(sources, pacings, strict=True)
    return Together(
        [ForecastWay(sent_from(name, source), pacing) for source, pacing in ways],
        ForecastWay(name, Pacing(()), climbs=climbs),
    )


def ways_out(
    settings: Settings, ramps: Ramps, reader: ClaimReader, clock: Clock, least_per_s: float = 0.0
) -> list[ForecastWay]:
    """The relays with what they took before; sent directly, all mail servers together, from each
    of our addresses."""
    ways = []
    if settings.direct:
        for source in sources_of(settings):
            pacing = Pacing(settings.direct.rates)
            seed(pacing, reader, clock, source=source)
            climbs = ramps.of_relay(source or DIRECT)
            ways.append(ForecastWay(sent_from(DIRECT, source), pacing, climbs=climbs))
        return ways
    for relay in settings.relay:
        server = server_name(relay.host, relay.port)
        pacing = Pacing(relay.rates)
        rate_s = max(relay.connections * ORDINARY_RATE, least_per_s / len(settings.relay))
        seed(pacing, reader, clock, relay=server, source=relay.source or "")
        climbs = ramps.of_relay(sent_from(server, relay.source))
        ways.append(ForecastWay(sent_from(relay.host, relay.source), pacing, rate_s, climbs))
    return ways


def sources_of(settings: Settings) -> list[str]:
    """Our addresses that have each limit for themselves; "": there is no choice of them."""
    return [source for source, _ in settings.direct.sources] if settings.direct else [""]
