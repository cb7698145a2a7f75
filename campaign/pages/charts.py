"""Charts as a few lines of SVG and HTML, alike on the live page and in the report.

In: points, counts.  Out: paths in a box of 1000 by 200, edges and times at the axes.
Touches: nothing.

Text stands in HTML beside the SVG, so that it keeps its size while a phone makes the box narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

WIDTH, HEIGHT = 1000.0, 200.0
_EDGES = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)  # times a power of ten: what people read off quickly
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY_S = 86400


class Point(NamedTuple):
    """The rate at one moment."""

    at_s: float
    per_s: float


Moment = tuple[float, float]  # Unix time, how many have gone by then


class Tick(NamedTuple):
    """A time at the lower axis: where, in per cent from the left, and how it is written."""

    at: float
    text: str


class Curve(NamedTuple):
    """Paths and what stands at the axes."""

    line: str
    area: str
    top: str  # the rate at the upper edge
    half: str
    first_s: float
    last_s: float
    ticks: list[Tick]
    marks: list[float]  # x of each stretch in which something was deferred


class Courses(NamedTuple):
    """The plan, what happened and what is foreseen, as paths, and what stands at the axes."""

    planned: str
    happened: str
    area: str  # below what happened
    foreseen: str
    top: str  # how many at the upper edge
    half: str
    first_s: float
    last_s: float
    ticks: list[Tick]


def draw_courses(
    planned: Sequence[Moment],
    happened: Sequence[Moment],
    foreseen: Sequence[Moment],
    zone: tzinfo | None = None,
) -> Courses | None:
    """How many have gone by which moment; None where there is nothing to compare yet.

    `foreseen` goes on where `happened` ends.
    """
    every = [*planned, *happened, *foreseen]
    if len(planned) < 2 or not every:
        return None
    first_s, last_s = min(at_s for at_s, _ in every), max(at_s for at_s, _ in every)
    if last_s <= first_s:
        return None
    top = round_up(max(1, *(gone for _, gone in every)))

    def path(points: Sequence[Moment]) -> str:
        places = [
            f"{(at_s - first_s) * WIDTH / (last_s - first_s):.1f} {HEIGHT * (1 - gone / top):.1f}"
            for at_s, gone in points
        ]
        return "M" + " L".join(places) if len(places) > 1 else ""

    line = path(happened)
    ends = [(at_s - first_s) * WIDTH / (last_s - first_s) for at_s, _ in happened]
    return Courses(
        path(planned),
        line,
        f"{line} L{ends[-1]:.1f} {HEIGHT:.0f} L{ends[0]:.1f} {HEIGHT:.0f} Z" if line else "",
        path(foreseen),
        f"{top:,.0f}",
        f"{top / 2:,.0f}",
        first_s,
        last_s,
        ticks_of(first_s, last_s, zone, "%d %b"),
    )


def draw_curve(
    points: Sequence[Point],
    marked_s: Sequence[float] = (),
    zone: tzinfo | None = None,
    *,
    day: str = "%d %b",
    per_s: str = "/s",
) -> Curve | None:
    """None where there is nothing to draw yet.

    `marked_s`: Unix times at which a server asked to come back later; `zone`: the machine's own;
    `day`, `per_s`: how the page's language writes a date (strftime) and "a second".
    """
    if len(points) < 2:
        return None
    top = round_up(max(point.per_s for point in points))
    first_s, last_s = points[0].at_s, points[-1].at_s
    scale = WIDTH / (last_s - first_s)
    places = [
        f"{(point.at_s - first_s) * scale:.1f} {HEIGHT * (1 - point.per_s / top):.1f}"
        for point in points
    ]
    line = "M" + " L".join(places)
    return Curve(
        line,
        f"{line} L{WIDTH:.0f} {HEIGHT:.0f} L0 {HEIGHT:.0f} Z",
        _rate(top) + per_s,
        _rate(top / 2) + per_s,
        first_s,
        last_s,
        ticks_of(first_s, last_s, zone, day),
        [round((at_s - first_s) * scale, 1) for at_s in marked_s if first_s <= at_s <= last_s],
    )


def round_up(rate: float) -> float:
    """The next of 1, 1.5, 2, 2.5, 3, 4, ... times a power of ten: an edge that people can read."""
    power = 1.0
    while True:
        for times in _EDGES:
            if rate <= power * times:
                return power * times
        power *= 10


def ticks_of(first_s: float, last_s: float, zone: tzinfo | None, day_as: str) -> list[Tick]:
    """Three to six round times; the date stands where the day is another."""
    span_s = last_s - first_s
    steps_s = (*_STEPS_S, *(_DAY_S * days for days in (1, 2, 7, 14, 30, 90)))
    step_s = next((step for step in steps_s if span_s / step <= 5), 90 * _DAY_S)
    offset = datetime.fromtimestamp(first_s, zone).astimezone(zone).utcoffset()
    shift_s = offset.total_seconds() if offset else 0.0
    at_s = -(-(first_s + shift_s) // step_s) * step_s - shift_s
    found, day = [], None
    while at_s <= last_s:
        then = datetime.fromtimestamp(at_s, zone).astimezone(zone)
        text = then.strftime("%H:%M:%S" if step_s < 60 else "%H:%M")
        if step_s >= _DAY_S:
            text = then.strftime(day_as)
        elif day is not None and then.date() != day:
            text = then.strftime(f"{day_as}, %H:%M")
        day = then.date()
        found.append(Tick(round(100 * (at_s - first_s) / span_s, 2), text))
        at_s += step_s
    return found


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}" if per_s >= 10 or per_s == int(per_s) else f"{per_s:.1f}"
