"""How the letters of an open campaign stand, by template and by the hour.

In: its journal, and what was accepted beside it.  Out: a `TemplateFigures`, lines, JSON.
Touches: both, for reading.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from campaign.cli.terminal.tables import counted, escape, table
from campaign.clock import iso, last_hours_s
from campaign.records import State

if TYPE_CHECKING:
    from campaign.config.reading import Whereabouts

_SHOWN_HOURS = 6  # on a terminal


class HourFigures(NamedTuple):
    """Letters of one template that were settled in one hour."""

    template: str
    hour_s: float  # Unix time of its begin
    counts: dict[State, int]


class TemplateFigures(NamedTuple):
    """By template where all stand, by hour what was settled in the last day; `accepted` letters
    that no run has taken up yet."""

    accepted: int
    templates: dict[str, dict[State, int]]
    hours: list[HourFigures]


NO_TEMPLATES = TemplateFigures(0, {}, [])


def template_figures(where: Whereabouts, now_s: float) -> TemplateFigures:
    """Asked now."""
    from campaign.journal.arrivals import Arrivals
    from campaign.journal.reading.glance import glance

    hours: dict[tuple[float, str], dict[State, int]] = {}
    with closing(glance(*where)) as seen:
        templates = seen.by_template()
        taken = seen.taken()
        for name, hour_s, state, count in seen.by_hour(last_hours_s(now_s)):
            hours.setdefault((hour_s, name), {})[state] = count
    accepted = 0
    if Arrivals.are_there(*where):
        with Arrivals.open(*where) as arrivals:
            accepted = max(0, arrivals.last - taken.letters)
    figures = [HourFigures(name, at_s, counts) for (at_s, name), counts in sorted(hours.items())]
    return TemplateFigures(accepted, templates, figures)


def template_lines(figures: TemplateFigures) -> list[str]:
    """For a terminal."""
    shown = []
    if figures.accepted:
        letters = counted(figures.accepted, "letter")
        shown.append(f"  {letters} accepted, and taken up by the next run")
    if not figures.templates:
        return shown
    shown += ["", "  By template"]
    shown += table(
        [(escape(name), _words(counts)) for name, counts in sorted(figures.templates.items())]
    )
    last = sorted({each.hour_s for each in figures.hours})[-_SHOWN_HOURS:]
    rows = [
        (f"{iso(each.hour_s)[11:16]} UTC", escape(each.template), _words(each.counts))
        for each in figures.hours
        if each.hour_s in last
    ]
    return [*shown, "", "  Settled, by the hour", *table(rows)] if rows else shown


def template_objects(figures: TemplateFigures) -> dict[str, Any]:
    """As `status --json` has them."""
    return {
        "accepted": figures.accepted,
        "templates": [
            {"template": name, "counts": counts}
            for name, counts in sorted(figures.templates.items())
        ],
        "hours": [
            {"hour": iso(each.hour_s), "template": each.template, "counts": each.counts}
            for each in figures.hours
        ],
    }


def _words(counts: dict[State, int]) -> str:
    return ", ".join(f"{counts[state]:,} {state}" for state in State if counts.get(state))
