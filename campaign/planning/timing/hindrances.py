"""Why somebody is not written to at this moment, until when, and what would change it.

In: a campaign, its journal, an instant.  Out: `Hindrance`s, those that hold for longest first.
Touches: the journal, for reading.

The journal and the settings know all of it but what a running process has learned of servers
within its run: how long one that throttles is left alone stands in its progress line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from campaign.config.loader import Campaign
from campaign.journal.reading.claiming import ClaimReader
from campaign.planning.timing.outlook import At, limited_lane, ways_out
from campaign.planning.timing.ramped import ramps_of
from campaign.planning.timing.turns import Turns, turns_of
from campaign.pool.limits import Limits
from campaign.pool.pacing.waits import turn, used_up
from campaign.records import Claim
from campaign.schedule.timetable import Turn, TurnAnswer
from campaign.units import show_duration

_RAMP = "ladder in [ramp]"
_SLOW_S = 1.0  # between two letters: a ramp this slow is named
_SEEN = 1000  # planned rows whose zones stand for those of all


@dataclass(frozen=True)
class Hindrance:
    """One thing that holds letters up."""

    what: str
    until_s: float  # Unix time at which it ends by itself; infinite: it does not
    change: str  # what would end it sooner

    def as_object(self, stamp: str | None) -> dict[str, object]:
        return {"what": self.what, "until": stamp, "change": self.change}


def hindrances(
    campaign: Campaign,
    reader: ClaimReader,
    now_s: float,
    lane: str = "",
    claim: Claim | None = None,
) -> list[Hindrance]:
    """What of our own holds up everybody, the letters of a lane, or one recipient."""
    turns = turns_of(campaign, reader.plan_record(), reader, now_s)
    found = [
        *_times(campaign, reader, turns, now_s, claim),
        *of_ways(campaign, reader, now_s),
        *of_lanes(campaign, reader, [lane] if lane else [], now_s),
        *of_paces(campaign, reader, [lane] if lane else [], now_s),
    ]
    return sorted(found, key=lambda each: -each.until_s)


def of_times(campaign: Campaign, reader: ClaimReader, now_s: float) -> list[Hindrance]:
    """Of [schedule], where nobody may be written to at this time."""
    turns = turns_of(campaign, reader.plan_record(), reader, now_s)
    return _times(campaign, reader, turns, now_s, None)


def of_ways(campaign: Campaign, reader: ClaimReader, now_s: float) -> list[Hindrance]:
    """Quotas that earlier letters used up, where every way out has one."""
    ways = ways_out(campaign.settings, ramps_of(campaign), reader, At(now_s))
    waits = [(way.wait_s(now_s), way) for way in ways]
    if not waits or any(wait_s <= 0 for wait_s, _ in waits):
        return []
    wait_s, way = min(waits, key=lambda each: each[0])
    if ramp := used_up(way.climbs, now_s):
        return [Hindrance(ramp, now_s + wait_s, _RAMP)]
    words = turn("relay", way.name, way.pacing, now_s, now_s)
    change = "rates in [direct]" if campaign.settings.direct else "rates in [relay]"
    return [Hindrance(words, now_s + wait_s, change)]


def of_lanes(
    campaign: Campaign, reader: ClaimReader, lanes: Iterable[str], now_s: float
) -> list[Hindrance]:
    """Quotas of [limits], and ramps, that earlier letters to these lanes used up."""
    limits, ramps = Limits(campaign.settings.limits), ramps_of(campaign)
    found: list[Hindrance] = []
    for lane in lanes:
        way = limited_lane(campaign.settings, ramps, lane, reader, At(now_s)).first(now_s)
        if (wait_s := way.wait_s(now_s)) <= 0:
            continue
        if ramp := used_up(way.climbs, now_s):
            found.append(Hindrance(ramp, now_s + wait_s, _RAMP))
        else:
            words = turn("limits", way.name, way.pacing, now_s, now_s)
            change = f'rates in [limits."{limits.name(lane)}"]'
            found.append(Hindrance(words, now_s + wait_s, change))
    return found


def of_paces(
    campaign: Campaign, reader: ClaimReader, lanes: Iterable[str], now_s: float
) -> list[Hindrance]:
    """Ramps that let these lanes, or everybody, go slowly: a day's cap is spread over the day."""
    ramps = ramps_of(campaign)
    if not ramps:
        return []
    ways = [way.climbs for way in ways_out(campaign.settings, ramps, reader, At(now_s))]
    climbs = [climb for lane in lanes for climb in ramps.of_provider(lane)]
    if all(ways):  # no way out is without one
        climbs += [climb for each in ways for climb in each]
    found = []
    for climb in climbs:
        pace_s = climb.interval_s(now_s)
        if climb.left(now_s) and pace_s >= _SLOW_S:
            every = f"one every {show_duration(pace_s)}"
            words = f"goes at the pace of a ramp: {climb.words(now_s)}, {every}"
            found.append(Hindrance(words, climb.day_ends_s(now_s), _RAMP))
    return found


def _times(
    campaign: Campaign, reader: ClaimReader, turns: Turns, now_s: float, claim: Claim | None
) -> list[Hindrance]:
    """Of [schedule].  Of everybody only where all that were looked at have to wait."""
    if turns.is_empty:
        return []
    if claim is not None:
        answers = [(turns.ask(claim, now_s), turns.zone_of(claim))]
    else:
        answers = [(turns.of_zone(zone, now_s), zone) for zone in _zones(reader, turns)]
    if not answers or any(answer.turn is Turn.NOW for answer, _ in answers):
        return []
    answer, zone = min(answers, key=lambda each: each[0].until_s)
    if answer.turn is Turn.NEVER:
        return [Hindrance(answer.why, math.inf, "expire_at, windows and late in [schedule]")]
    return [Hindrance(turns.words(answer, zone, now_s), answer.until_s, _key(campaign, answer))]


def _zones(reader: ClaimReader, turns: Turns) -> Sequence[str]:
    if turns.are_common:
        return [turns.default_zone]
    return sorted({turns.zone_of(claim) for claim in reader.claim_planned(0, _SEEN)})


def _key(campaign: Campaign, answer: TurnAnswer) -> str:
    schedule = campaign.settings.schedule
    if schedule and schedule.start and answer.until_s == schedule.start.timestamp():
        return "start in [schedule]"
    return "windows, quiet and holidays in [schedule]"
