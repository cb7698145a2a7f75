"""The report's charts, drawn by matplotlib as SVG.  The only module that imports it.

In: figures.  Out: SVG text to stand in a page.  Touches: nothing.

SVG was chosen over charts that need a script: Vega or Plotly inlined make a page of 0.9 to 4.5 MB
that prints badly; these are some 15 KB each, print sharply, and take the page's own colours, light
and dark, because every colour in them is a name of the page's style sheet.
"""

from __future__ import annotations

import io
import re
import warnings
from datetime import UTC, datetime, tzinfo
from typing import Any

import matplotlib
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from campaign.journal.reading.tallies import Provider
from campaign.pages.look import shown_domain
from campaign.report.figures import WAITS_S, Series
from campaign.units import show_duration

# Stand-ins for colours: each is drawn as such and then replaced by the page's own.
_INK, _SOFT, _LINE = "#010101", "#010102", "#010103"
_GOOD, _WARN, _BAD, _ACCENT = "#010104", "#010105", "#010106", "#010107"
_NAMES = {
    _INK: "var(--ink)", _SOFT: "var(--soft)", _LINE: "var(--line)", _GOOD: "var(--chart-good)",
    _WARN: "var(--chart-warn)", _BAD: "var(--chart-bad)", _ACCENT: "var(--accent)",
}  # fmt: skip
_STYLE: Any = {  # Any: matplotlib types it as a dict of some 300 literal keys
    "svg.fonttype": "none",  # text stays text: it can be found, and takes the page's font
    "svg.hashsalt": "campaign",  # the same figures give the same bytes
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.8,
    "text.color": _INK,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
}


def over_time(series: Series, zone: tzinfo | None = None) -> str:
    """Messages accepted and deferrals, per second, over the time of the campaign."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _sheet(2.5)
        # matplotlib takes datetimes, its types do not say so
        moments: Any = [
            datetime.fromtimestamp(start, UTC).astimezone(zone) for start in series.starts
        ]
        sent = [count / series.bucket_s for count in series.sent]
        if len(moments) == 1:  # all in one second: one bar says it
            axes.bar(moments, sent, width=0.3 / 86400, color=_ACCENT)
        else:
            axes.fill_between(moments, sent, color=_ACCENT, alpha=0.16, linewidth=0)
            axes.plot(moments, sent, color=_ACCENT, linewidth=1.6, label="sent")
        if any(series.deferred):
            deferred = [count / series.bucket_s for count in series.deferred]
            axes.plot(moments, deferred, color=_WARN, linewidth=1.4, label="deferred")
            axes.legend(loc="upper right", ncols=2)
        here = zone or datetime.now().astimezone().tzinfo
        made: Any = dates  # it has no types
        locator = made.AutoDateLocator(minticks=3, maxticks=8, tz=here)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(made.ConciseDateFormatter(locator, tz=here))
        axes.grid(visible=False, axis="x")
        axes.margins(x=0)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("messages per second")
        _whole_numbers(axes)
        return _svg(figure, "Messages sent and deferrals per second over time")


def by_provider(providers: list[Provider]) -> str:
    """Outcomes of the largest providers, side by side."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _sheet(0.6 + 0.3 * len(providers))
        places = list(range(len(providers)))[::-1]
        left = [0] * len(providers)
        for states, colour, label in (
            (("sent",), _GOOD, "sent"),
            (("failed", "expired", "held"), _BAD, "failed, expired or held"),
            (("deferred",), _WARN, "deferred"),
            (("planned", "sending", "cancelled"), _SOFT, "not sent"),
        ):
            widths = [one.among(*states) for one in providers]
            if any(widths):
                axes.barh(places, widths, 0.62, left=left, color=colour, label=label)
                left = [a + b for a, b in zip(left, widths, strict=True)]
        for place, one, end in zip(places, providers, left, strict=True):
            axes.annotate(
                f"{one.total:,}".replace(",", "\u202f"),
                (end, place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                color=_SOFT,
                size=8.5,
            )
        axes.set_yticks(
            places, [_shortened(shown_domain(one.domain)) for one in providers], color=_INK
        )
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
        axes.set_xticks([])
        axes.margins(x=0.08, y=0.02)
        axes.legend(loc="lower right", ncols=4, bbox_to_anchor=(1, 1), borderaxespad=0.2)
        return _svg(figure, "Outcomes by provider")


def waiting(waits: list[int]) -> str:
    """How long after the start of the run the messages were accepted."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _sheet(2.6, 4.6)
        last = max((at for at, count in enumerate(waits) if count), default=0)
        shown = waits[: max(4, last + 1)]
        axes.bar(range(len(shown)), shown, 0.7, color=_ACCENT)
        labels = [f"≤ {show_duration(bound)}" for bound in WAITS_S] + ["longer"]
        axes.set_xticks(range(len(shown)), labels[: len(shown)])
        axes.grid(visible=False, axis="x")
        axes.set_ylabel("messages")
        _whole_numbers(axes)
        return _svg(figure, "Time from the start of the run until a message was accepted")


def _sheet(height: float, width: float = 8.2) -> tuple[Figure, Axes]:
    """A drawing of that many inches; text in it is as large as text around it."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _whole_numbers(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=2))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}".replace(",", "\u202f")))


def _shortened(domain: str) -> str:
    return domain if len(domain) <= 28 else f"{domain[:27]}…"


def _svg(figure: Figure, title: str) -> str:
    """Without prologue and fixed size, in the page's colours and font, with a name to be read."""
    drawn = io.StringIO()
    with warnings.catch_warnings():
        # It measures with a font of its own that has no Chinese; the page's font has.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(
            drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    text = drawn.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', "", text, count=1)
    text = re.sub(r"(font: [\d.]+px|font-family:)[^;\"]*", lambda m: _own_font(m[0]), text)
    for stand_in, name in _NAMES.items():
        text = text.replace(stand_in, name)
    return text.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def _own_font(rule: str) -> str:
    size = re.match(r"font: ([\d.]+px)", rule)
    return f"font: {size[1]} var(--sans)" if size else "font-family: var(--sans)"
