"""May this one go now, and if not, when?

In: the times of [schedule], an instant, a recipient's zone.  Out: an answer with its reason.
Touches: nothing.

Asked when a letter is claimed, with the margin it may need until its dot, and again before the dot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import Enum

from campaign.schedule.calendar import Calendar
from campaign.schedule.zones import zone_named

_A_WEEK_S = 6 * 86400.0  # up to here a weekday names one day


class Turn(Enum):
    """What may become of a letter at an instant."""

    NOW = "now"
    LATER = "later"
    NEVER = "never"  # its time has passed


@dataclass(frozen=True)
class TurnAnswer:
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

    def ask(self, now_s: float, zone: tzinfo, margin_s: float = 0.0) -> TurnAnswer:
        """The answer for a recipient of a zone; NOW holds for `margin_s` more at least.

        A window shorter than the margin is used as if the margin were half of it, so that it is
        not closed for good.
        """
        if now_s >= self.end_s:
            return TurnAnswer(Turn.NEVER, math.inf, "its time is over (expire_at)")
        span = self.calendar.span_at(zone, max(now_s, self.start_s))
        if span is None:
            return TurnAnswer(Turn.NEVER, math.inf, "no window opens any more")
        opens_s, closes_s = max(span[0], self.start_s), min(span[1], self.end_s)
        if opens_s >= self.end_s:
            return TurnAnswer(Turn.NEVER, math.inf, "no window opens before its time is over")
        if now_s < opens_s:
            return TurnAnswer(
                Turn.LATER, opens_s, "the start" if opens_s == self.start_s else "a window"
            )
        if closes_s - now_s < min(margin_s, (closes_s - opens_s) / 2):
            return self._after(closes_s, zone)
        return TurnAnswer(Turn.NOW, closes_s)

    def closed_s(self, zone: tzinfo, from_s: float, to_s: float) -> float:
        """For how many seconds of a stretch nobody of a zone may be written to."""
        if to_s <= from_s:
            return 0.0
        opens_s, ends_s = max(from_s, self.start_s), min(to_s, self.end_s)
        return to_s - from_s - self.calendar.open_s(zone, opens_s, ends_s)

    def waiting(self, answer: TurnAnswer, zone: str, now_s: float) -> str:
        """What an answer of LATER waits for: "waits for a window: Mon-Fri 09:00-17:30
        Asia/Shanghai, opens Mon 09:00"."""
        moment = as_clock(answer.until_s, zone, now_s)
        if answer.until_s == self.start_s:
            return f"waits for its start, {moment} {zone}"
        hours = ", ".join(map(str, self.calendar.windows)) or "any but the quiet hours"
        return f"waits for a window: {hours} {zone}, opens {moment}"

    def _after(self, closes_s: float, zone: tzinfo) -> TurnAnswer:
        """The answer of an instant too close to the end of its window."""
        if closes_s >= self.end_s:
            return TurnAnswer(Turn.NEVER, math.inf, "its time is over (expire_at)")
        span = self.calendar.span_at(zone, closes_s)
        if span is None or span[0] >= self.end_s:
            return TurnAnswer(Turn.NEVER, math.inf, "no window opens before its time is over")
        return TurnAnswer(Turn.LATER, span[0], "a window")


def as_clock(at_s: float, zone: str, now_s: float) -> str:
    """A moment on the clock of a zone: "Mon 09:00"; with its date from a week on."""
    at = datetime.fromtimestamp(at_s, zone_named(zone))
    return f"{at:%a %H:%M}" if at_s - now_s < _A_WEEK_S else f"{at:%Y-%m-%d %H:%M}"
