"""`campaign report`: one self-contained HTML file, to keep, to print, to hand on.

In: a campaign.  Out: HTML text.  Touches: the journal, read-only.

It has no script and asks nothing of any network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.journal.reading.tallies import Tallies
from campaign.journal.states import NOT_REACHED
from campaign.pages.charts import Curve, Point, draw_curve
from campaign.pages.look import Look
from campaign.records import unsettled_of
from campaign.report.figures import WAITS_S, Figures, Series, gather
from campaign.report.returned import Returns, gather_returns
from campaign.units import show_duration

_OFTEN = ((1, "once"), (2, "twice"), (5, "3 to 5 times"), (10, "6 to 10 times"), (math.inf, "more"))


def report(campaign: Campaign, clock: Clock) -> str:
    """The page.  Raises JournalError where nothing is planned."""
    tallies = Tallies.open(campaign.settings.journal.url, campaign.folder)
    try:
        figures = gather(tallies, clock.now_s())
        back = gather_returns(campaign.settings.journal.url, campaign.folder, tallies)
    finally:
        tallies.close()
    return draw(figures, back)


def draw(figures: Figures, back: Returns | None = None) -> str:
    """The figures as a page."""
    look = Look(Path(__file__).parent / "look", room="report", charts=True)
    counts = figures.counts
    left = unsettled_of(counts)
    return look.plain(
        "report.html",
        it=figures,
        back=back,
        left=left,
        summary=summary(figures, left, back.bounced if back else 0),
        lost=_lost(figures),
        curve=_curve(figures.series) if figures.series else None,
        waits=_waits(figures.waits),
        retries=_retries(figures.retries),
    )


def summary(figures: Figures, left: int, bounced: int = 0) -> str:
    """The report in one sentence."""
    if not figures.runs:
        return "Planned, and nothing sent yet."
    if left:
        return f"Not finished: {_number(left)} recipients are not settled."
    lost = _lost(figures)
    if bounced:
        also = f"{_number(lost)} could not be reached, " if lost else ""
        return f"Every recipient is settled; {also}{_number(bounced)} were accepted and bounced."
    if not lost:
        return "Every recipient is settled, and nobody was lost."
    return f"Every recipient is settled; {_number(lost)} could not be reached."


def _lost(figures: Figures) -> int:
    return sum(figures.counts[state] for state in NOT_REACHED)


def _curve(series: Series) -> Curve | None:
    points = [
        Point(start, sent / series.bucket_s)
        for start, sent in zip(series.starts, series.sent, strict=True)
    ]
    marked = [start for start, n in zip(series.starts, series.deferred, strict=True) if n]
    return draw_curve(points, marked)


def _waits(waits: Sequence[int]) -> list[tuple[str, int]]:
    """How many were accepted within each time; times after the last that counts are left out."""
    bounds = [f"within {show_duration(bound)}" for bound in WAITS_S]
    named = list(zip([*bounds, "later"], waits, strict=True))
    last = max((at for at, (_, count) in enumerate(named) if count), default=-1)
    return named[: last + 1]


def _retries(retries: Sequence[tuple[int, int]]) -> list[tuple[str, int]]:
    """How often people were deferred, in steps that people tell apart."""
    found: dict[str, int] = {}
    for times, count in retries:
        step = next(name for most, name in _OFTEN if times <= most)
        found[step] = found.get(step, 0) + count
    return list(found.items())


def _number(count: int) -> str:
    return f"{count:,}"
