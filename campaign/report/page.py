"""`campaign report`: one self-contained HTML file, to keep, to print, to hand on.

In: a campaign.  Out: HTML text.  Touches: the journal, read-only.

It has no script and asks nothing of any network.
"""

from __future__ import annotations

from pathlib import Path

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.journal.reading.tallies import Tallies
from campaign.pages.look import Look
from campaign.records import State, unsettled_of
from campaign.report import charts
from campaign.report.figures import Figures, gather


def report(campaign: Campaign, clock: Clock) -> str:
    """The page.  Raises JournalError where nothing is planned."""
    tallies = Tallies.open(campaign.settings.journal.url, campaign.folder)
    try:
        figures = gather(tallies, clock.now_s())
    finally:
        tallies.close()
    return draw(figures)


def draw(figures: Figures) -> str:
    """The figures as a page."""
    look = Look(Path(__file__).parent / "look", room="report")
    counts = figures.counts
    left = unsettled_of(counts)
    return look.plain(
        "report.html",
        it=figures,
        left=left,
        summary=summary(figures, left),
        lost=counts[State.FAILED] + counts[State.EXPIRED] + counts[State.HELD],
        over_time=charts.over_time(figures.series) if figures.series else "",
        by_provider=charts.by_provider(figures.providers) if figures.providers else "",
        waiting=charts.waiting(figures.waits) if any(figures.waits) else "",
    )


def summary(figures: Figures, left: int) -> str:
    """The report in one sentence."""
    counts = figures.counts
    if not figures.runs:
        return "Planned, and nothing sent yet."
    if left:
        return f"Not finished: {_number(left)} recipients are not settled."
    lost = counts[State.FAILED] + counts[State.EXPIRED] + counts[State.HELD]
    if not lost:
        return "Every recipient is settled, and nobody was lost."
    return f"Every recipient is settled; {_number(lost)} could not be reached."


def _number(count: int) -> str:
    return f"{count:,}".replace(",", "\u202f")
