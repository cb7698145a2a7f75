"""The curve of a run as a few lines of SVG.

In: points.  Out: paths in a box of 1000 by 200.  Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from campaign.watch.sampling import Point

WIDTH, HEIGHT = 1000.0, 200.0


class Curve(NamedTuple):
    """Paths and the numbers at the axes."""

    line: str
    area: str
    top: str  # the rate at the upper edge
    half: str
    first_s: float
    last_s: float


def draw_curve(points: list[Point]) -> Curve | None:
    """None where there is nothing to draw yet."""
    if len(points) < 2:
        return None
    top = round_up(max(point.per_s for point in points))
    step = WIDTH / (len(points) - 1)
    places = [
        f"{at * step:.1f} {HEIGHT * (1 - point.per_s / top):.1f}" for at, point in enumerate(points)
    ]
    line = "M" + " L".join(places)
    area = f"{line} L{WIDTH:.0f} {HEIGHT:.0f} L0 {HEIGHT:.0f} Z"
    return Curve(line, area, _rate(top), _rate(top / 2), points[0].at_s, points[-1].at_s)


def round_up(rate: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, ...: an edge that people can read."""
    edge = 1.0
    while True:
        for times in (1, 2, 5):
            if rate <= edge * times:
                return edge * times
        edge *= 10


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}/s".replace(",", "\u202f") if per_s >= 1 else f"{per_s:.1f}/s"
