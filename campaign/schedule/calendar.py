"""The open hours of a zone, as spans of instants.

In: windows, quiet hours, days off; a zone; an instant.  Out: whether it is open then, and until
when, or when it opens.  Touches: nothing but the zone database.

Open is an instant whose wall clock lies within a window, and which comes after the first occurrence
of that window's beginning and before the first occurrence of its end.  So nobody is written to
outside a window, and no window opens twice, whatever clocks do that night.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from campaign.schedule.holidays import IsHoliday
from campaign.schedule.windows import DAY_MIN, Window
from campaign.schedule.zones import changes, instant, local, offset_at

_LOOK_AHEAD_DAYS = 800  # two years of holidays and more: what does not open by then never does
_ALWAYS = (Window(frozenset(range(7)), 0, DAY_MIN),)

Span = tuple[float, float]  # from, up to and not including; Unix seconds


def _no_day(_: date) -> bool:
    return False


@dataclass(frozen=True)
class Calendar:
    """Without windows every hour is open; quiet hours and days off are taken out of it."""

    windows: tuple[Window, ...] = ()
    quiet: tuple[Window, ...] = ()
    is_off: IsHoliday = _no_day
    _days: dict[tuple[int, date], tuple[Span, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def is_always_open(self) -> bool:
        """There is nothing to ask."""
        return not self.windows and not self.quiet and self.is_off is _no_day

    def span_at(self, zone: tzinfo, at_s: float) -> Span | None:
        """The open span that holds an instant, or the next one; None if it never opens again.

        Spans that touch, as those of two days without windows do, are one: it is cut after a
        week, so that the answer is found quickly.
        """
        if self.is_always_open:
            return (-math.inf, math.inf)
        day = local(zone, at_s).date() - timedelta(days=1)  # a window of yesterday may reach here
        found: Span | None = None
        for offset in range(_LOOK_AHEAD_DAYS):
            for start, end in self._open_on(zone, day + timedelta(days=offset)):
                if found and start > found[1]:
                    return found
                if found:
                    found = (found[0], max(found[1], end))
                elif end > at_s:
                    found = (start, end)
            if found and found[1] - max(found[0], at_s) > 7 * 86400:
                return found
        return found

    def open_s(self, zone: tzinfo, from_s: float, to_s: float) -> float:
        """For how many seconds it is open between two instants."""
        total, at_s = 0.0, from_s
        while at_s < to_s and (span := self.span_at(zone, at_s)) and span[0] < to_s:
            total += min(span[1], to_s) - max(span[0], at_s)
            at_s = span[1]
        return total

    def _open_on(self, zone: tzinfo, day: date) -> tuple[Span, ...]:
        """The spans of the windows that begin on a local day, in order, without overlap."""
        key = (id(zone), day)  # zones are kept by schedule.zones: an id is one zone's for good
        if key not in self._days:
            if len(self._days) > 50_000:  # 600 zones for 80 days
                self._days.clear()
            self._days[key] = tuple(self._find(zone, day))
        return self._days[key]

    def _find(self, zone: tzinfo, day: date) -> list[Span]:
        found: list[Span] = []
        for window in self.windows or _ALWAYS:
            if day.weekday() in window.days:
                found += self._parts(zone, day, window)
        return _joined(found)

    def _parts(self, zone: tzinfo, day: date, window: Window) -> list[Span]:
        """What of one window is open: cut wherever anything may change, each piece judged."""
        start, end = instant(zone, day, window.start_min), instant(zone, day, window.end_min)
        bounds = sorted({start, *(at_s for at_s in changes(zone, start, end)), end})
        found: list[Span] = []
        for from_s, to_s in itertools.pairwise(bounds):
            offset_s = offset_at(zone, from_s)  # holds until the next bound
            edges = (edge_s - offset_s for edge_s in self._edges(day, window))
            cuts = sorted({from_s, *(edge for edge in edges if from_s < edge < to_s), to_s})
            found += [
                (a, b)
                for a, b in itertools.pairwise(cuts)
                if self._is_open(zone, day, window, (a + b) / 2)
            ]
        return found

    def _edges(self, day: date, window: Window) -> Iterator[float]:
        """Wall clock times at which something begins or ends, in seconds as if they were UTC."""
        midnight_s = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        for days in range(-1, 3):
            minutes = [
                0,
                *(edge for quiet in self.quiet for edge in (quiet.start_min, quiet.end_min)),
            ]
            for minute in (*minutes, window.start_min, window.end_min):
                yield midnight_s + (days * DAY_MIN + minute) * 60

    def _is_open(self, zone: tzinfo, day: date, window: Window, at_s: float) -> bool:
        wall = local(zone, at_s)
        minute = (wall.date() - day).days * DAY_MIN + wall.hour * 60 + wall.minute
        return (
            window.start_min <= minute < window.end_min
            and not self.is_off(wall.date())
            and not _holds(self.quiet, wall.date(), wall.hour * 60 + wall.minute)
        )


def _holds(windows: Sequence[Window], day: date, minute: int) -> bool:
    for window in windows:
        if day.weekday() in window.days and window.start_min <= minute < window.end_min:
            return True
        yesterday = (day.weekday() - 1) % 7
        if yesterday in window.days and minute + DAY_MIN < window.end_min:
            return True
    return False


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
