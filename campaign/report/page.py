"""`campaign report`: one self-contained HTML file, to keep, to print, to hand on.

In: a campaign, a language.  Out: HTML text.  Touches: the journal, read-only.

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
from campaign.report.wording import ReportWords, wording

_OFTEN = ((1, "once"), (2, "twice"), (5, "3 to 5 times"), (10, "6 to 10 times"), (math.inf, "more"))
_ENDINGS = {
    "closed": "ended in order",
    "refused": "stopped: the sender was refused",
    "came back": "stopped: too much came back",
}


def report(campaign: Campaign, clock: Clock, language: ReportWords | None = None) -> str:
    """The page, in the list's default language where none is given, or else in English.

    Raises JournalError where nothing is planned.
    """
    language = language or wording(campaign.settings.recipients.default_locale)
    tallies = Tallies.open(campaign.settings.journal.url, campaign.folder)
    try:
        is_open = campaign.settings.is_open
        figures = gather(tallies, clock.now_s(), is_open=is_open, day=language.say("%d %b"))
        back = gather_returns(campaign.settings.journal.url, campaign.folder, tallies)
    finally:
        tallies.close()
    return draw(figures, back, language)


def draw(figures: Figures, back: Returns | None, language: ReportWords) -> str:
    """The figures as a page."""
    look = Look(Path(__file__).parent / "look", room="report", charts=True)
    left = unsettled_of(figures.counts)
    return look.plain(
        "report.html",
        it=figures,
        back=back,
        left=left,
        summary=summary(figures, left, back.bounced if back else 0, language),
        curve=_curve(figures.series, language) if figures.series else None,
        waits=_waits(figures.waits, language) if figures.waits else [],
        retries=_retries(figures.retries, language),
        endings=_ENDINGS,
        language=language.tag,
        _=language.say,
        of_count=language.say_of,
        moment=language.moment,
        duration=language.duration,
    )


def summary(figures: Figures, left: int, bounced: int, language: ReportWords) -> str:
    """The report in one sentence."""
    if not figures.runs:
        return language.say("Planned, and nothing sent yet.")
    if left:
        return language.say(
            "Not finished: {count} recipients are not settled.", count=_number(left)
        )
    lost = sum(figures.counts[state] for state in NOT_REACHED)
    fields = {"lost": _number(lost), "bounced": _number(bounced)}
    if bounced and lost:
        return language.say(
            "Every recipient is settled; {lost} could not be reached, {bounced} were accepted"
            " and bounced.",
            **fields,
        )
    if bounced:
        return language.say(
            "Every recipient is settled; {bounced} were accepted and bounced.", **fields
        )
    if not lost:
        return language.say("Every recipient is settled, and nobody was lost.")
    return language.say("Every recipient is settled; {lost} could not be reached.", **fields)


def _curve(series: Series, language: ReportWords) -> Curve | None:
    points = [
        Point(start, sent / series.bucket_s)
        for start, sent in zip(series.starts, series.sent, strict=True)
    ]
    marked = [start for start, n in zip(series.starts, series.deferred, strict=True) if n]
    return draw_curve(points, marked, day=language.say("%d %b"), per_s=language.say("/s"))


def _waits(waits: Sequence[int], language: ReportWords) -> list[tuple[str, int]]:
    """How many were accepted within each time; times after the last that counts are left out."""
    bounds = [language.say("within {span}", span=language.duration(bound)) for bound in WAITS_S]
    named = list(zip([*bounds, language.say("later")], waits, strict=True))
    last = max((at for at, (_, count) in enumerate(named) if count), default=-1)
    return named[: last + 1]


def _retries(retries: Sequence[tuple[int, int]], language: ReportWords) -> list[tuple[str, int]]:
    """How often people were deferred, in steps that people tell apart."""
    found: dict[str, int] = {}
    for times, count in retries:
        step = language.say(next(name for most, name in _OFTEN if times <= most))
        found[step] = found.get(step, 0) + count
    return list(found.items())


def _number(count: int) -> str:
    return f"{count:,}"
