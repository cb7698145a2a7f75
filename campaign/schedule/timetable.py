"""May this one go now, and if not, when?

In: the times of [schedule], an instant, a recipient's zone.  Out: an answer with its reason.
Touches: nothing.

Asked when a letter is claimed, with the margin it may need until its dot, and again before the dot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import Enum

from campaign.schedule.calendar import Calendar


class Turn(Enum):
    """What may become of a letter at an instant."""

    NOW = "now"
    LATER = "later"
    NEVER = "never"  # its time has passed


@dataclass(frozen=True)
class Answer:
    """`until_s` is when the answer changes: the window closes (NOW) or opens (LATER)."""

    turn: Turn
    until_s: float  # Unix seconds; infinite where it does not change by itself
    why: str = ""  # what binds, in words; "" for NOW


@dataclass(frozen=True)
class Timetable:
    """The times of one campaign; without any, every answer is NOW."""

    calendar: Calendar = field(default_factory=Calendar)
    start_s: float = -math.inf
    end_s: float = math.inf  # `expire_at`: nobody is written to from then on

    @property
    def is_empty(self) -> bool:
        """Nothing is scheduled: there is no need to ask."""
        return self.calendar.is_always_open and self.start_s == -math.inf and self.end_s == math.inf

    def ask(self, now_s: float, zone: tzinfo, margin_s: float = 0.0) -> Answer:
        """The answer for a recipient of a zone; NOW holds for `margin_s` more at least.

        A window shorter than the margin is used as if the margin were half of it, so that it is
        not closed for good.
        """
        if now_s >= self.end_s:
            return Answer(Turn.NEVER, math.inf, "its time is over (expire_at)")
        span = self.calendar.span_at(zone, max(now_s, self.start_s))
        if span is None:
            return Answer(Turn.NEVER, math.inf, "no window opens any more")
        opens_s, closes_s = max(span[0], self.start_s), min(span[1], self.end_s)
        if opens_s >= self.end_s:
            return Answer(Turn.NEVER, math.inf, "no window opens before its time is over")
        if now_s < opens_s:
            return Answer(
                Turn.LATER, opens_s, "the start" if opens_s == self.start_s else "a window"
            )
        if closes_s - now_s < min(margin_s, (closes_s - opens_s) / 2):
            return self._after(closes_s, zone)
        return Answer(Turn.NOW, closes_s)

    def _after(self, closes_s: float, zone: tzinfo) -> Answer:
        """The answer of an instant too close to the end of its window."""
        if closes_s >= self.end_s:
            return Answer(Turn.NEVER, math.inf, "its time is over (expire_at)")
        span = self.calendar.span_at(zone, closes_s)
        if span is None or span[0] >= self.end_s:
            return Answer(Turn.NEVER, math.inf, "no window opens before its time is over")
        return Answer(Turn.LATER, span[0], "a window")
