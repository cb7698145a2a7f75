"""The forecast comes true: compared with every single letter on a virtual clock."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from campaign.planning.timing.forecast import WINDOWS, Way, foresee
from campaign.pool.pacing.rates import Pacing
from campaign.schedule.calendar import Calendar
from campaign.schedule.timetable import Timetable, Turn
from campaign.schedule.windows import read_window
from campaign.schedule.zones import zone_named
from campaign.units import Rate, read_rate

_AHEAD_S = 0.1  # a pace makes up for a loop that wakes late by 0.04 s, in a new run once more
MONDAY = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
Group = tuple[str, str]  # lane, zone


@dataclass
class Scenario:
    """Letters by lane and zone, what limits them, and when they may go."""

    load: Mapping[Group, int]
    relay: Sequence[str] = ("2/s",)
    limits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    windows: Sequence[str] = ()
    end_s: float = float("inf")
    start_s: float = MONDAY

    @property
    def timetable(self) -> Timetable:
        return Timetable(Calendar(tuple(map(read_window, self.windows))), end_s=self.end_s)

    def pacing(self, lane: str = "") -> Pacing:
        return Pacing(rates_of(self.limits[lane] if lane else self.relay))


def rates_of(texts: Sequence[str]) -> list[Rate]:
    return [read_rate(text) for text in texts]


@dataclass
class Course:
    """What became of every letter."""

    finish_s: float
    went: list[tuple[float, Group]]
    expired: int


def one_by_one(scenario: Scenario, killed_after: Sequence[int] = ()) -> Course:
    """Each letter asks its timetable and its limits, as in a run.

    After so many letters the run is killed and begun anew: its limits know only the history.
    """
    timetable, choose = scenario.timetable, random.Random(7)
    zones = {zone: zone_named(zone) for _, zone in scenario.load}
    left, went = dict(scenario.load), list[tuple[float, Group]]()
    relay, lanes = seeded(scenario, went)
    now_s, expired = scenario.start_s, 0
    while left:
        if len(went) in killed_after:
            relay, lanes = seeded(scenario, went)
        answers = {zone: timetable.ask(now_s, zones[zone]) for zone in zones}
        for group in [group for group in left if answers[group[1]].turn is Turn.NEVER]:
            expired += left.pop(group)
        open_groups = [group for group in left if answers[group[1]].turn is Turn.NOW]
        waits = {lane: pacing.wait_s(now_s) for lane, pacing in lanes.items()}
        ready = [group for group in open_groups if not waits.get(group[0])]
        wait_s = relay.wait_s(now_s)
        if ready and not wait_s:
            (group,) = choose.choices(ready, [left[group] for group in ready])
            relay.take(now_s)
            if group[0] in lanes:
                lanes[group[0]].take(now_s)
            went.append((now_s, group))
            left[group] -= 1
            if not left[group]:
                del left[group]
            continue
        moments = [answers[group[1]].until_s - now_s for group in left]
        moments += [wait_s] if wait_s else [waits[group[0]] for group in open_groups]
        now_s += max(1e-6, min(moments, default=0.0))
    return Course(now_s, went, expired)


def seeded(
    scenario: Scenario, went: Sequence[tuple[float, Group]]
) -> tuple[Pacing, dict[str, Pacing]]:
    relay, lanes = scenario.pacing(), {lane: scenario.pacing(lane) for lane in scenario.limits}
    for at_s, (lane, _) in went:
        for pacing in (relay, lanes.get(lane)):
            for quota in pacing.own_quotas if pacing else ():
                quota.seed(at_s, 1)
    return relay, lanes


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
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=map(str, range(1, len(SCENARIOS) + 1)))
def test_the_forecast_is_within_2_percent_of_what_happens_letter_by_letter(
    scenario: Scenario,
) -> None:
    seen = foresee(
        scenario.load,
        {lane: Way(lane, scenario.pacing(lane)) for lane in scenario.limits},
        [Way("relay", scenario.pacing())],
        scenario.timetable,
        {zone: zone_named(zone) for _, zone in scenario.load},
        scenario.start_s,
    )
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


def test_what_binds_is_named_with_the_longest_first() -> None:
    scenario = SCENARIOS[9]
    seen = foresee(
        scenario.load,
        {"g": Way("gmail.com", scenario.pacing("g"))},
        [Way("mx.example.com", scenario.pacing())],
        scenario.timetable,
        {zone: zone_named(zone) for _, zone in scenario.load},
        scenario.start_s,
    )
    assert seen.binds[0] == WINDOWS
    assert seen.held_up_by == "windows; then gmail.com 3/min"
