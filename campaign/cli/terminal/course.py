"""The plan against what happened, as two rows of blocks, and the forecast in a sentence.

In: a `Prospect`, the time.  Out: lines for a terminal.  Touches: nothing; the local time zone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

from campaign.clock import moment

if TYPE_CHECKING:
    from campaign.planning.timing.forecast import ForecastMark
    from campaign.planning.timing.prospect import Prospect

_CELLS = 48
_LEVELS = " ▁▂▃▄▅▆▇█"


def course_lines(prospect: Prospect, now_s: float) -> list[str]:
    """Nothing where nothing was planned or foreseen."""
    shown = sentence(prospect, now_s)
    planned, happened = prospect.planned, prospect.happened
    if len(planned) < 2 or len(happened) < 2:
        return shown
    first_s = min(planned[0].at_s, happened[0].at_s)
    last_s = max(planned[-1].at_s, prospect.finish_s or 0.0, now_s)
    most = max(planned[-1].gone, happened[-1].gone, 1)
    step_s = (last_s - first_s) / _CELLS
    if step_s <= 0:
        return shown
    moments = [first_s + step_s * (cell + 1) for cell in range(_CELLS)]
    gone = [at_s for at_s in moments if at_s - step_s <= now_s]
    return [
        *shown,
        f"  planned {_blocks(planned, moments, most)}",
        f"  sent    {_blocks(happened, gone, most)}",
        f"          {moment(first_s, now_s)} to {moment(last_s, now_s)}",
    ]


def sentence(prospect: Prospect, now_s: float) -> list[str]:
    """ "forecast: done at 17:20, planned for 16:50, held up by windows; then gmail.com 20/s"."""
    seen = prospect.forecast
    if seen is None or prospect.finish_s is None:
        return []
    said = f"  forecast: done at {moment(prospect.finish_s, now_s)}"
    if len(prospect.planned) > 1:
        said += f", planned for {moment(prospect.planned[-1].at_s, now_s)}"
    if seen.binds:
        said += f", held up by {seen.held_up_by}"
    shown = [said]
    if last := ", ".join(f"{name} {moment(at_s, now_s)}" for name, at_s in seen.slowest):
        shown.append(f"  the last of each: {last}")
    if seen.expired:
        shown.append(f"  {seen.expired:,} of those left will not go in time, and will expire")
    return shown


def gone_at(marks: Sequence[ForecastMark], at_s: float) -> float:
    """How many have gone by a moment, between two marks by the share of the time."""
    at = bisect_right(marks, at_s, key=lambda mark: mark.at_s)
    if not at:
        return 0.0
    if at == len(marks):
        return marks[-1].gone
    before, after = marks[at - 1], marks[at]
    part = (at_s - before.at_s) / (after.at_s - before.at_s)
    return before.gone + part * (after.gone - before.gone)


def _blocks(marks: Sequence[ForecastMark], moments: Sequence[float], most: int) -> str:
    steps = len(_LEVELS) - 1
    parts = (gone_at(marks, at_s) / most for at_s in moments)
    return "".join(_LEVELS[max(part > 0, round(steps * part))] for part in parts)
