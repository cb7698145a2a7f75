"""The forecast comes true: compared with every single letter on a virtual clock."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import pytest

from campaign.planning.timing.forecast import WINDOWS, Forecast, ForecastWay, foresee
from campaign.pool.pacing.governor import Governor
from campaign.pool.pacing.ramp import RampWindow
from campaign.pool.pacing.rates import Pacing
from campaign.schedule.calendar import Calendar
from campaign.schedule.climb import Climb, day_of
from campaign.schedule.ramp import DayCount, RampRule
from campaign.schedule.timetable import Timetable, Turn, TurnAnswer
from campaign.schedule.windows import read_window
from campaign.schedule.zones import zone_named
from campaign.units import Rate, read_rate
from fakes.prepared.ramp_counts import RampCounts

_AHEAD_S = 0.1  # a pace makes up for a loop that wakes late by 0.04 s, in a new run once more
MONDAY = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
Group = tuple[str, str]  # lane, zone


@dataclass
class Scenario:
    """Letters by lane and zone, what limits them, and when they may go."""

    load: Mapping[Group, int]
    relay: Sequence[str] = ("2/s",)
    limits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ramps: Mapping[str, Sequence[int]] = field(default_factory=dict)  # of lanes; "": the relay
    throttles: Sequence[float] = ()  # hours after the start at which the relay rests
    windows: Sequence[str] = ()
    end_s: float = float("inf")
    start_s: float = MONDAY

    @cached_property  # a calendar keeps the spans it has found
    def timetable(self) -> Timetable:
        return Timetable(Calendar(tuple(map(read_window, self.windows))), end_s=self.end_s)

    def pacing(self, lane: str = "") -> Pacing:
        return Pacing(rates_of(self.limits.get(lane, ()) if lane else self.relay))

    def open_s(self, from_s: float, to_s: float) -> float:
        """Of the zone that stands first."""
        zone = zone_named(next(iter(self.load))[1])
        return self.timetable.calendar.open_s(zone, from_s, to_s)

    def way(self, lane: str, name: str) -> ForecastWay:
        rules = [RampRule(tuple(self.ramps[lane]))] if lane in self.ramps else []
        climbs = tuple(Climb(name, rule, (), self.open_s) for rule in rules)
        return ForecastWay(name, self.pacing(lane), climbs=climbs)

    def foreseen(self, names: Mapping[str, str] | None = None) -> Forecast:
        names = names or {}
        return foresee(
            self.load,
            {lane: self.way(lane, names.get(lane, lane)) for lane in self.lanes},
            [self.way("", names.get("", "relay"))],
            self.timetable,
            {zone: zone_named(zone) for _, zone in self.load},
            self.start_s,
        )

    @property
    def lanes(self) -> list[str]:
        """Those with limits or ramps of their own."""
        return sorted({*self.limits, *self.ramps} - {""})


def rates_of(texts: Sequence[str]) -> list[Rate]:
    return [read_rate(text) for text in texts]


@dataclass
class Course:
    """What became of every letter."""

    finish_s: float
    went: list[tuple[float, Group]]
    expired: int


class Party:
    """The relay, or a lane: its rates and its ramp, as a run has them."""

    def __init__(self, scenario: Scenario, lane: str) -> None:
        self._scenario = scenario
        self._lane = lane
        self._counts = RampCounts()
        self.went: list[float] = []
        self.begin(lambda: scenario.start_s)

    def begin(self, wall: Callable[[], float]) -> None:
        """A run that knows only what was written down."""
        scenario, lane = self._scenario, self._lane
        self._pacing = scenario.pacing(lane)
        for at_s in self.went:
            for quota in self._pacing.own_quotas:
                quota.seed(at_s, 1)
        self._ramp: RampWindow | None = None
        if lane in scenario.ramps:
            rule = RampRule(tuple(scenario.ramps[lane]))
            self._ramp = self._counts.window(rule, wall, scenario.open_s)

    def wait_s(self, now_s: float) -> float:
        if self._ramp is None:
            return self._pacing.wait_s(now_s)
        if self._ramp.wait_s(now_s):
            self._counts.top_up(self._ramp)
        return max(self._pacing.wait_s(now_s), self._ramp.wait_s(now_s))

    def take(self, now_s: float) -> None:
        self.went.append(now_s)
        self._pacing.take(now_s)
        if self._ramp is not None:
            self._ramp.take(now_s)


def one_by_one(
    scenario: Scenario,
    killed_after: Sequence[int] = (),
    jumps: Mapping[int, float] | None = None,
) -> Course:
    """Each letter asks its timetable and its limits, as in a run.

    After so many letters the run is killed and begun anew: its limits know only what was written
    down.  `jumps`: after how many letters the wall clock is set, by how many seconds.
    """
    timetable, choose = scenario.timetable, random.Random(7)
    kept: dict[str, tuple[float, TurnAnswer]] = {}
    to_come, offset_s = dict(jumps or {}), 0.0

    def asked(zone: str, at_s: float) -> TurnAnswer:
        since_s, answer = kept.get(zone, (math.inf, None))
        if answer is None or not since_s <= at_s < answer.until_s:
            answer = timetable.ask(at_s, zones[zone])
            kept[zone] = at_s, answer
        return answer

    zones = {zone: zone_named(zone) for _, zone in scenario.load}
    left, went = dict(scenario.load), list[tuple[float, Group]]()
    relay = Party(scenario, "")
    lanes = {lane: Party(scenario, lane) for lane in scenario.lanes}
    rests = [(scenario.start_s + 3600 * hour, Governor(10)) for hour in scenario.throttles]
    now_s, expired = scenario.start_s, 0

    def wall() -> float:
        return now_s + offset_s

    for party in (relay, *lanes.values()):
        party.begin(wall)
    while left:
        if len(went) in killed_after:
            for party in (relay, *lanes.values()):
                party.begin(wall)
        offset_s += to_come.pop(len(went), 0.0)
        answers = {zone: asked(zone, wall()) for zone in zones}
        for group in [group for group in left if answers[group[1]].turn is Turn.NEVER]:
            expired += left.pop(group)
        open_groups = [group for group in left if answers[group[1]].turn is Turn.NOW]
        waits = {lane: party.wait_s(now_s) for lane, party in lanes.items()}
        ready = [group for group in open_groups if not waits.get(group[0])]
        while rests and rests[0][0] <= now_s:  # the provider's own rule: ten minutes
            rests[0][1].throttled(now_s, 600.0)
            resting = rests.pop(0)[1]
            now_s += resting.wait_s(now_s)
        wait_s = relay.wait_s(now_s)
        if ready and not wait_s:
            (group,) = choose.choices(ready, [left[group] for group in ready])
            relay.take(now_s)
            if group[0] in lanes:
                lanes[group[0]].take(now_s)
            went.append((wall(), group))
            left[group] -= 1
            if not left[group]:
                del left[group]
            continue
        moments = [answers[group[1]].until_s - wall() for group in left]
        moments += [wait_s] if wait_s else [waits[group[0]] for group in open_groups]
        now_s += max(1e-6, min(moments, default=0.0))
    return Course(wall(), went, expired)


def most_within(times: Sequence[float], per_s: float) -> int:
    """The most letters in any window of this length."""
    first, most = 0, 0
    for last, at_s in enumerate(times):
        while times[first] <= at_s - per_s:
            first += 1
        most = max(most, last - first + 1)
    return most


def spread(count: int, lanes: Sequence[str], zones: Sequence[str]) -> Counter[Group]:
    """So many letters, unevenly."""
    groups = list(itertools.product(lanes, zones))
    weights = [1 + 3 * (number % 3) for number in range(len(groups))]
    return Counter({g: count * w // sum(weights) for g, w in zip(groups, weights, strict=True)})


SHANGHAI, BERLIN, YORK = "Asia/Shanghai", "Europe/Berlin", "America/New_York"
WORK = ("Mon-Fri 09:00-17:30",)
SCENARIOS = [
    Scenario(spread(4000, ["", "g"], ["UTC"])),
    Scenario(spread(4000, ["", "g"], ["UTC"]), limits={"g": ["30/min"]}),
    Scenario(spread(4000, ["", "g", "q"], ["UTC"]), limits={"g": ["20/min"], "q": ["90/min"]}),
    Scenario(spread(3000, [""], ["UTC"]), relay=["2/s", "1000/h"]),
    Scenario(spread(3000, ["", "g"], ["UTC"]), limits={"g": ["1/s", "500/h"]}),
    Scenario(spread(3000, [""], ["UTC"]), relay=["5/s", "900/day"]),
    Scenario(spread(3000, ["", "g"], ["UTC"]), relay=["5/s"], limits={"g": ["1/s", "400/day"]}),
    Scenario(spread(3000, [""], [SHANGHAI]), relay=["4/min"], windows=WORK),
    Scenario(spread(3000, [""], [SHANGHAI, BERLIN]), relay=["5/min"], windows=WORK),
    Scenario(spread(3000, ["", "g"], [SHANGHAI, YORK]), relay=["20/min"], windows=WORK,
             limits={"g": ["3/min"]}),
    Scenario(spread(3000, ["", "g"], [BERLIN, YORK]), windows=("08:00-09:00", "16:00-17:00"),
             limits={"g": ["10/min"]}),
    Scenario(spread(2500, ["", "g"], [SHANGHAI]), windows=WORK, limits={"g": ["1/s", "700/day"]}),
    Scenario(spread(2500, [""], [SHANGHAI]), relay=["1/s", "1200/day"], windows=WORK),
    Scenario(spread(2500, ["", "g", "q"], [SHANGHAI, BERLIN, YORK]), windows=("10:00-12:00",),
             limits={"g": ["4/min"], "q": ["1/s", "300/day"]}),
    Scenario(spread(3000, [""], [YORK]), relay=["6/min"], windows=("22:00-06:00",)),
    Scenario(spread(3000, [""], ["UTC"]), relay=["30/min"], end_s=MONDAY + 3600),
    Scenario(spread(3000, ["", "g"], [SHANGHAI]), windows=WORK, limits={"g": ["2/min"]},
             end_s=MONDAY + 2 * 86400),
    Scenario(spread(3000, ["", "g"], [SHANGHAI, YORK]), windows=WORK, end_s=MONDAY + 10 * 3600),
    Scenario(spread(2000, [""], [BERLIN]), relay=["30/min"], windows=WORK,
             start_s=MONDAY + 4 * 86400 + 15 * 3600),
    Scenario(spread(2500, ["", "g"], [SHANGHAI, BERLIN]), relay=["3/s", "800/day"], windows=WORK,
             limits={"g": ["2/s", "350/day"]}),
    Scenario(spread(3000, [""], ["UTC"]), ramps={"": [100, 300, 900]}),
    Scenario(spread(3000, ["", "g"], ["UTC"]), ramps={"g": [50, 100, 500, 1000]}),
    Scenario(spread(3000, ["", "g", "q"], [SHANGHAI]), ramps={"g": [100, 200, 400], "q": [80, 500]},
             windows=WORK),
    Scenario(spread(2500, ["", "g"], [SHANGHAI]), relay=["3/s", "800/day"], ramps={"g": [60, 200]},
             windows=WORK, throttles=(1, 27)),
    Scenario(spread(3000, ["", "g"], [SHANGHAI, BERLIN]), relay=["30/min"], windows=WORK,
             ramps={"g": [90, 180, 360, 720]}, throttles=(2, 26, 50)),
    Scenario(spread(2500, ["", "g"], ["UTC"]), ramps={"": [300, 400, 800]}, throttles=(3, 30),
             limits={"g": ["1/s", "250/day"]}),
    Scenario(spread(2000, ["", "g"], [YORK]), ramps={"g": [50, 100, 200]}, windows=("09:00-12:00",),
             end_s=MONDAY + 3 * 86400),
    Scenario(spread(3000, [""], ["UTC"]), relay=["3/min"], throttles=(2,)),
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=map(str, range(1, len(SCENARIOS) + 1)))
def test_the_forecast_is_within_2_percent_of_what_happens_letter_by_letter(
    scenario: Scenario,
) -> None:
    seen = scenario.foreseen()
    total = sum(scenario.load.values())
    kills = random.Random(total).sample(range(1, total), 5)
    for course in (one_by_one(scenario), one_by_one(scenario, kills)):
        took_s = course.finish_s - scenario.start_s
        assert seen.finish_s - scenario.start_s == pytest.approx(took_s, rel=0.02, abs=5)
        assert seen.expired == pytest.approx(course.expired, abs=0.02 * total)
        assert seen.sent + seen.expired == total
        for lane, texts in {"": scenario.relay, **scenario.limits}.items():
            times = [at_s for at_s, group in course.went if lane in ("", group[0])]
            for rate in rates_of(texts):
                assert most_within(times, rate.per_s - _AHEAD_S) <= rate.count + 1
        for lane, ladder in scenario.ramps.items():
            times = [at_s for at_s, group in course.went if lane in ("", group[0])]
            assert_within_caps(times, ladder)


RAMPED = [scenario for scenario in SCENARIOS if scenario.ramps]


@pytest.mark.parametrize("scenario", RAMPED, ids=map(str, range(1, len(RAMPED) + 1)))
def test_kills_and_clocks_that_jump_an_hour_exceed_no_cap_and_send_nothing_twice(
    scenario: Scenario,
) -> None:
    total, choose = sum(scenario.load.values()), random.Random(len(scenario.windows))
    kills = choose.sample(range(1, total), 5)
    jumps = {choose.randrange(1, total): hours * 3600.0 for hours in (1, -1, -1, 1)}
    course = one_by_one(scenario, kills, jumps)
    assert len(course.went) + course.expired == total
    gone = Counter(group for _, group in course.went)
    assert all(count <= scenario.load[group] for group, count in gone.items())
    timetable = scenario.timetable
    for at_s, (_, zone) in course.went:
        assert timetable.ask(at_s, zone_named(zone)).turn is Turn.NOW
    for lane, ladder in scenario.ramps.items():
        times = [at_s for at_s, group in course.went if lane in ("", group[0])]
        assert_within_caps(times, ladder)


def assert_within_caps(times: Sequence[float], ladder: Sequence[int]) -> None:
    """No day had more than its step, and one."""
    counts: list[DayCount] = []
    for day, sent in sorted(Counter(map(day_of, times)).items()):
        cap = RampRule(tuple(ladder)).rung(counts, day).cap
        assert cap is None or sent <= cap + 1
        counts.append(DayCount(day, sent))


def test_what_binds_is_named_with_the_longest_first() -> None:
    scenario = SCENARIOS[9]
    seen = scenario.foreseen({"g": "gmail.com"})
    assert seen.binds[0] == WINDOWS
    assert seen.held_up_by == "windows; then gmail.com 3/min"


def test_when_the_last_letter_of_each_goes_is_told_by_name_the_latest_first() -> None:
    scenario = Scenario(spread(900, ["", "g", "q"], ["UTC"]), limits={"g": ["9/min"], "q": ["1/s"]})
    seen = scenario.foreseen({"g": "gmail.com", "q": "qq.com"})
    assert [name for name, _ in seen.slowest] == ["gmail.com", "qq.com"]
    assert seen.slowest[0][1] == seen.finish_s
    assert set(seen.by_lane) == {"", "gmail.com", "qq.com"}
