"""The letters of an open campaign by template, and by the hour of the last day.

In: a journal, a moment.  Out: `HourlyLetters`, numbers and paths.  Touches: the journal, read-only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import tzinfo
from typing import NamedTuple, Protocol

from campaign.clock import HOUR_S, HOURS, last_hours_s
from campaign.pages.charts import HEIGHT, WIDTH, Tick, round_up, ticks_of
from campaign.records import State, unsettled_of

_PLACE = WIDTH / HOURS
_BAR = _PLACE * 0.72  # the rest is between two
_LOST = (State.FAILED, State.EXPIRED, State.HELD)
Hours = Mapping[int, tuple[int, int]]  # place among the hours -> sent, lost


class HourlyCounts(Protocol):
    """What is asked of a journal, as `Glance` has it."""

    def by_hour(self, since_s: float) -> list[tuple[str, float, State, int]]: ...

    def by_template(self) -> dict[str, dict[State, int]]: ...


class Bars(NamedTuple):
    """Paths of the bars of each hour: what was sent, and on top what was not to be delivered."""

    sent: str
    lost: str
    letters: int  # in all of them


class TemplateLetters(NamedTuple):
    """One template: where its letters stand, and its last day."""

    name: str
    sent: int
    lost: int  # failed, expired or held
    waiting: int
    skipped: int
    bars: Bars


class HourlyLetters(NamedTuple):
    """All templates, most letters first, and their hours together."""

    templates: list[TemplateLetters]
    bars: Bars
    top: str  # letters in an hour at the upper edge of `bars`
    half: str
    first_s: float
    last_s: float
    ticks: list[Tick]


def hourly_letters(
    seen: HourlyCounts, now_s: float, zone: tzinfo | None = None, *, day: str = "%d %b"
) -> HourlyLetters:
    """As they are at a Unix time; bars of a template are drawn to its own busiest hour.

    `zone`, `day`: as of `charts.draw_curve`.
    """
    first_s = last_hours_s(now_s)
    last_s = first_s + HOURS * HOUR_S
    sent: dict[str, Counter[int]] = {}
    lost: dict[str, Counter[int]] = {}
    for name, at_s, state, count in seen.by_hour(first_s):
        of = sent if state is State.SENT else lost if state in _LOST else None
        place = int((at_s - first_s) / HOUR_S)
        if of is not None and place < HOURS:
            of.setdefault(name, Counter())[place] += count
    found = []
    for name, counts in seen.by_template().items():
        hours = _joined(sent.get(name, Counter()), lost.get(name, Counter()))
        found.append(
            TemplateLetters(
                name,
                counts.get(State.SENT, 0),
                sum(counts.get(state, 0) for state in _LOST),
                unsettled_of({state: counts.get(state, 0) for state in State}),
                counts.get(State.SKIPPED, 0) + counts.get(State.CANCELLED, 0),
                _bars(hours, _most(hours)),
            )
        )
    found.sort(key=lambda one: (-(one.sent + one.lost + one.waiting + one.skipped), one.name))
    every = _joined(sum(sent.values(), Counter()), sum(lost.values(), Counter()))
    top = round_up(max(4, _most(every)))
    return HourlyLetters(
        found,
        _bars(every, top),
        f"{top:,.0f}",
        f"{top / 2:,.0f}",
        first_s,
        last_s,
        ticks_of(first_s, last_s, zone, day),
    )


def _joined(sent: Counter[int], lost: Counter[int]) -> Hours:
    return {place: (sent[place], lost[place]) for place in sorted(sent.keys() | lost.keys())}


def _most(hours: Hours) -> int:
    return max((sent + lost for sent, lost in hours.values()), default=0)


def _bars(hours: Hours, top: float) -> Bars:
    """Each bar at least a hundredth of the height, so that a single letter is seen."""
    sent_paths, lost_paths = [], []
    for place, (sent, lost) in hours.items():
        left = place * _PLACE + (_PLACE - _BAR) / 2
        height = _height(sent, top)
        if sent:
            sent_paths.append(_bar(left, HEIGHT, height))
        if lost:
            lost_paths.append(_bar(left, HEIGHT - height, _height(lost, top)))
    count = sum(sent + lost for sent, lost in hours.values())
    return Bars("".join(sent_paths), "".join(lost_paths), count)


def _height(count: int, top: float) -> float:
    return max(HEIGHT / 100, HEIGHT * count / top) if count else 0.0


def _bar(left: float, bottom: float, height: float) -> str:
    return f"M{left:.1f} {bottom:.1f}v-{height:.1f}h{_BAR:.1f}v{height:.1f}z"
