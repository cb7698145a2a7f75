"""When a plan will be done, and what holds it up until then.

In: how many letters of each lane and zone, limits, ways out, a timetable, an instant.
Out: a `Forecast`.  Touches: nothing.

The run's own quotas, rates and timetable are asked on a virtual clock, for many letters at a step
instead of for each.  What nobody can know is left out: throttles, failures, a slow server.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import NamedTuple

from campaign.clock import iso
from campaign.pool.pacing.rates import Pacing
from campaign.schedule.climb import Climb
from campaign.schedule.timetable import Timetable, Turn

_STEPS = 1000  # the clock's step is this part of the time that the limits alone would take
_MOST_STEPS = 50_000
_LEAST_STEP_S, _LONGEST_STEP_S = 0.05, 300.0
_SHOWN = 5  # providers
_MARKS = 100  # stretches of a course
WINDOWS = "windows"
Load = Mapping[tuple[str, str], int]  # letters by lane and zone


class ForecastMark(NamedTuple):
    """How many have gone by a moment."""

    at_s: float  # Unix time
    gone: int


@dataclass(frozen=True)
class Forecast:
    """How it will go, if nothing but our own limits holds it up."""

    finish_s: float  # Unix time at which everybody is settled; infinite: not to be foreseen
    sent: int
    expired: int  # whose time will be over before their turn
    by_lane: dict[str, float]  # when the last letter of each goes; "": of all without a limit
    binds: tuple[str, ...]  # what holds it up, longest first
    course: tuple[ForecastMark, ...] = ()  # how it gets there: some hundred points

    @property
    def held_up_by(self) -> str:
        """ "windows; then gmail.com 20/s"."""
        return "; then ".join(self.binds[:2])

    @property
    def slowest(self) -> list[tuple[str, float]]:
        """The providers with limits whose last letters go last, and when; some of them."""
        limited = [(name, at_s) for name, at_s in self.by_lane.items() if name]
        return sorted(limited, key=lambda each: (-each[1], each[0]))[:_SHOWN]

    def as_object(self) -> dict[str, object]:
        """As `--json` prints it; lanes without a limit are "" together."""
        return {
            "finish_at": iso(self.finish_s) if math.isfinite(self.finish_s) else None,
            "sent": self.sent,
            "expired": self.expired,
            "held_up_by": list(self.binds),
            "providers": {lane: iso(at_s) for lane, at_s in self.by_lane.items()},
        }


@dataclass
class ForecastWay:
    """Something that letters go through: a lane with its limit, or a relay."""

    name: str
    pacing: Pacing
    rate_s: float = math.inf  # letters a second, where its own rates are not what counts
    climbs: tuple[Climb, ...] = ()  # its ramps
    _rest: float = field(default=0.0, repr=False)  # of a letter, not yet counted by the quotas

    def most(self, now_s: float, step_s: float) -> float:
        """How many letters it lets through in a step."""
        intervals = [self.pacing.interval_s, *(each.interval_s(now_s) for each in self.climbs)]
        interval_s = max(intervals)
        rate_s = min(self.rate_s, 1 / interval_s if interval_s else math.inf)
        left = min((each.left(now_s) for each in self.climbs), default=math.inf)
        return min(rate_s * step_s, left, float(self.pacing.left(now_s)))

    def take(self, now_s: float, count: float) -> None:
        self._rest += count
        whole = int(self._rest + 1e-9)
        if whole:
            for quota in self.pacing.quotas:
                quota.seed(now_s, whole)
            for climb in self.climbs:
                climb.count(now_s, whole)
        self._rest -= whole

    def binding(self, now_s: float) -> str:
        """What of it holds letters up."""
        used_up = next((each for each in self.pacing.quotas if not each.left(now_s)), None)
        if used_up is not None:
            return f"{self.name} {used_up.rate}"
        own_s = max(self.pacing.interval_s, 1 / self.rate_s)
        for climb in self.climbs:
            if not climb.left(now_s) or climb.interval_s(now_s) > own_s:
                return f"ramp {climb.name}"
        slowest = self.pacing.slowest
        is_paced = slowest is not None and 1 / self.pacing.interval_s <= self.rate_s
        return f"{self.name} {slowest}" if is_paced else f"the speed of {self.name}"

    def wait_s(self, now_s: float) -> float:
        """Seconds until its quotas let something through."""
        waits = [quota.wait_s(now_s) for quota in self.pacing.quotas]
        return max([*waits, *(climb.wait_s(now_s) for climb in self.climbs)], default=0.0)

    def span_s(self, count: int, now_s: float) -> float:
        """Seconds that so many letters take at least."""
        spans = [climb.span_s(count, now_s) for climb in self.climbs]
        return max([self.pacing.span_s(count), *spans])

    def first(self, now_s: float) -> ForecastWay:
        """What lets something through first: itself."""
        return self


class Together:
    """As a `ForecastWay`: a limit that each of our addresses has, with the ramps of all."""

    def __init__(self, ways: Sequence[ForecastWay], ramps: ForecastWay) -> None:
        """`ways`: at least one; `ramps`: without rates."""
        self._ways = ways
        self._ramps = ramps
        self.name = ramps.name

    def most(self, now_s: float, step_s: float) -> float:
        of_ways = sum(way.most(now_s, step_s) for way in self._ways)
        return min(of_ways, self._ramps.most(now_s, step_s))

    def take(self, now_s: float, count: float) -> None:
        """Each takes its share of what they have left together."""
        self._ramps.take(now_s, count)
        left = [float(way.pacing.left(now_s)) for way in self._ways]
        for way, own in zip(self._ways, left, strict=True):
            way.take(now_s, count * own / (sum(left) or 1.0))

    def binding(self, now_s: float) -> str:
        of_ways = sum(way.most(now_s, 1.0) for way in self._ways)
        are_slower = self._ramps.most(now_s, 1.0) < of_ways
        return (self._ramps if are_slower else self.first(now_s)).binding(now_s)

    def wait_s(self, now_s: float) -> float:
        return self.first(now_s).wait_s(now_s)

    def span_s(self, count: int, now_s: float) -> float:
        each = math.ceil(count / len(self._ways))
        spans = [way.span_s(each, now_s) for way in self._ways]
        return max(min(spans), self._ramps.span_s(count, now_s))

    def first(self, now_s: float) -> ForecastWay:
        """What lets something through first, or the ramps, which all of them wait for."""
        first = min(self._ways, key=lambda way: way.wait_s(now_s))
        return self._ramps if self._ramps.wait_s(now_s) > first.wait_s(now_s) else first


LaneWay = ForecastWay | Together


def foresee(
    load: Load,
    lanes: Mapping[str, LaneWay],
    ways: Sequence[ForecastWay],
    timetable: Timetable,
    zones: Mapping[str, tzinfo],
    now_s: float,
) -> Forecast:
    """Let the clock run until everybody has gone or their time is over.

    `lanes`: those that have a limit; letters of others go as fast as the `ways` let them.
    """
    return _Course(load, lanes, ways, timetable, zones, now_s).run()


class _Course:
    """One course of a virtual clock."""

    def __init__(
        self,
        load: Load,
        lanes: Mapping[str, LaneWay],
        ways: Sequence[ForecastWay],
        timetable: Timetable,
        zones: Mapping[str, tzinfo],
        now_s: float,
    ) -> None:
        self._left = {group: float(count) for group, count in load.items() if count}
        self._lanes = lanes
        self._ways = ways
        self._timetable = timetable
        self._zones = zones
        self._now_s = now_s
        self._sent = 0.0
        self._expired = 0.0
        self._last: dict[str, float] = {}
        self._marks: list[ForecastMark] = []
        self._held: defaultdict[str, float] = defaultdict(float)
        self._step_s = min(_LONGEST_STEP_S, max(_LEAST_STEP_S, self._least_s() / _STEPS))

    def _least_s(self) -> float:
        """What the limits alone would take."""
        total = sum(self._left.values())
        by_lane: defaultdict[str, float] = defaultdict(float)
        for (lane, _), count in self._left.items():
            by_lane[lane] += count
        limited = [(lane, n) for lane, n in by_lane.items() if lane in self._lanes]
        spans = [self._lanes[lane].span_s(math.ceil(n), self._now_s) for lane, n in limited]
        each = math.ceil(total / max(1, len(self._ways)))
        spans += [way.span_s(each, self._now_s) for way in self._ways]
        rate_s = sum(way.most(self._now_s, 1.0) for way in self._ways)
        return max([*spans, total / rate_s if rate_s else 0.0])

    def run(self) -> Forecast:
        for _ in range(_MOST_STEPS):
            self._marks.append(ForecastMark(self._now_s, round(self._sent)))
            if not self._left:
                break
            self._step()
        return Forecast(
            math.inf if self._left else self._now_s,
            round(self._sent),
            round(self._expired),
            {self._name(lane): at_s for lane, at_s in self._last.items()},
            tuple(sorted(self._held, key=lambda name: -self._held[name])),
            thinned(self._marks),
        )

    def _name(self, lane: str) -> str:
        """As people call a lane that has a limit."""
        return self._lanes[lane].name if lane in self._lanes else lane

    def _step(self) -> None:
        """What goes in one step, or the way to the next moment at which something may."""
        now_s, changes_s = self._now_s, math.inf
        wanted: defaultdict[str, float] = defaultdict(float)
        open_groups: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        answers = {
            zone: self._timetable.ask(now_s, self._zones[zone])
            for zone in {zone for _, zone in self._left}
        }
        for group in list(self._left):
            lane, zone = group
            answer = answers[zone]
            if answer.turn is Turn.NEVER:
                self._expired += self._left.pop(group)
                continue
            changes_s = min(changes_s, answer.until_s)
            if answer.turn is Turn.NOW:
                wanted[lane] += self._left[group]
                open_groups[lane].append(group)
        if not self._left:
            return
        if not wanted:
            self._pass(changes_s - now_s, WINDOWS)
            return
        step_s = min(self._step_s, changes_s - now_s)
        may = {lane: self._most(lane, count, step_s) for lane, count in wanted.items()}
        most = sum(way.most(now_s, step_s) for way in self._ways) if self._ways else math.inf
        given = shared(may, wanted, most)
        gone = sum(given.values())
        if gone <= 1e-9:
            self._wait(wanted, most, changes_s)
            return
        if gone >= sum(wanted.values()) - 1e-6:  # the last ones of now: a part of the step
            step_s *= self._part(wanted, most, step_s)
        self._note_holders(wanted, given, most, gone, step_s)
        self._go(open_groups, wanted, given, step_s)
        for way in self._ways:
            way.take(now_s, gone * way.most(now_s, step_s) / most if most < math.inf else 0.0)
        self._now_s += max(step_s, 1e-3)

    def _most(self, lane: str, count: float, step_s: float) -> float:
        limited = self._lanes.get(lane)
        return min(count, limited.most(self._now_s, step_s)) if limited else count

    def _part(self, wanted: Mapping[str, float], most: float, step_s: float) -> float:
        """Which part of a step takes all that are wanted now."""
        parts = [sum(wanted.values()) / most]
        for lane, count in wanted.items():
            if lane in self._lanes:
                parts.append(count / self._lanes[lane].most(self._now_s, step_s))
        return min(1.0, max(parts))

    def _go(
        self,
        groups: Mapping[str, list[tuple[str, str]]],
        wanted: Mapping[str, float],
        given: Mapping[str, float],
        step_s: float,
    ) -> None:
        for lane, count in given.items():
            if count <= 0:
                continue
            if lane in self._lanes:
                self._lanes[lane].take(self._now_s, count)
            self._sent += count
            self._last[lane] = self._now_s + step_s
            part = count / wanted[lane]
            for group in groups[lane]:
                self._left[group] *= 1 - part
                if self._left[group] < 1e-6:
                    del self._left[group]

    def _wait(self, wanted: Mapping[str, float], most: float, changes_s: float) -> None:
        """Nothing goes, for quotas are used up: to the moment when one lets something through."""
        blocking: list[LaneWay] = list(self._ways) if most <= 0 else []
        blocking += [self._lanes[lane] for lane in wanted if lane in self._lanes]
        waits = [(way.wait_s(self._now_s), way) for way in blocking]
        wait_s, way = min(
            ((wait_s, way) for wait_s, way in waits if wait_s > 0),
            key=lambda each: each[0],
            default=(self._step_s, blocking[0]),
        )
        self._pass(min(max(wait_s, 1e-3), changes_s - self._now_s), way.binding(self._now_s))

    def _note_holders(
        self,
        wanted: Mapping[str, float],
        given: Mapping[str, float],
        most: float,
        gone: float,
        step_s: float,
    ) -> None:
        """What kept the others from going too."""
        if gone >= most - 1e-9 and self._ways:
            self._held[self._ways[0].binding(self._now_s)] += step_s
        for lane, count in wanted.items():
            if lane in self._lanes and given[lane] < count - 1e-9 and gone < most - 1e-9:
                self._held[self._lanes[lane].binding(self._now_s)] += step_s

    def _pass(self, seconds: float, why: str) -> None:
        self._held[why] += seconds
        self._now_s += seconds


def thinned(marks: Sequence[ForecastMark]) -> tuple[ForecastMark, ...]:
    """Those that a small chart can show: the last of each stretch, and where a rest begins."""
    if len(marks) < 2:
        return tuple(marks)
    first_s, span_s = marks[0].at_s, marks[-1].at_s - marks[0].at_s
    kept, stretch = [marks[0]], 0
    for before, mark in itertools.pairwise(marks):
        now_in = int((mark.at_s - first_s) / span_s * _MARKS) if span_s else 0
        if now_in > stretch:
            if now_in > stretch + 1 and before is not kept[-1]:
                kept.append(before)
            kept.append(mark)
            stretch = now_in
    return (*kept, marks[-1]) if kept[-1] is not marks[-1] else tuple(kept)


def shared(may: Mapping[str, float], wanted: Mapping[str, float], most: float) -> dict[str, float]:
    """`most` letters divided among lanes by what they want, none getting more than it may.

    The list is read in its order, so a lane with twice the letters gets twice as many.
    """
    given: dict[str, float] = {}
    open_lanes, left = set(may), most
    while open_lanes:
        weight = sum(wanted[lane] for lane in open_lanes)
        full = [lane for lane in open_lanes if may[lane] <= left * wanted[lane] / weight]
        if not full:
            given |= {lane: left * wanted[lane] / weight for lane in open_lanes}
            return given
        for lane in full:
            given[lane] = may[lane]
            left = max(0.0, left - may[lane]) if left < math.inf else left
            open_lanes.discard(lane)
    return given
