"""Hours of the week in which messages may go, as people write them.

In: "Mon-Fri 09:00-17:30", "Sat,Sun 10:00-12:00", "22:00-06:00".  Out: `Window`s.
Touches: nothing.  Raises ValueError with a sentence that shows the form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EVERY_DAY = frozenset(range(7))
DAY_MIN = 24 * 60

_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_FORM = 'write days and hours: "Mon-Fri 09:00-17:30", "Sat,Sun 10:00-12:00", "22:00-06:00"'


@dataclass(frozen=True)
class Window:
    """From `start_min` up to, not including, `end_min`, in minutes of the local day.

    `end_min` is beyond 1440 where the window ends on the next day: it belongs to the weekday on
    which it starts.  `days` are 0 (Monday) to 6.
    """

    days: frozenset[int]
    start_min: int
    end_min: int

    def __str__(self) -> str:
        ends = self.end_min if self.end_min <= DAY_MIN else self.end_min - DAY_MIN
        hours = f"{_clock(self.start_min)}-{_clock(ends)}"
        return hours if self.days == EVERY_DAY else f"{_days(self.days)} {hours}"


def read_window(text: str) -> Window:
    """One line of `windows` or `quiet`."""
    days_text, hours_text = _apart(text)
    hours = _HOURS.fullmatch(hours_text)
    if not hours:
        raise ValueError(f"'{text}' is not a window; {_FORM}")
    start, end = (_minutes(text, *hours.group(n, n + 1)) for n in (1, 3))
    if start == end:
        raise ValueError(f"'{text}' is empty: it ends when it begins; {_FORM}")
    if start == DAY_MIN:
        raise ValueError(f"'{text}' begins at 24:00; write 00:00 of the next day")
    return Window(_read_days(text, days_text), start, end if end > start else end + DAY_MIN)


def _apart(text: str) -> tuple[str, str]:
    """The days, "" where none are named, and the hours."""
    found = re.search(r"\d", text)
    at = found.start() if found else len(text)
    return text[:at].strip(), text[at:].strip()


def _read_days(text: str, days: str) -> frozenset[int]:
    if not days:
        return EVERY_DAY
    found: set[int] = set()
    for part in days.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        a = _day(text, first)
        b = _day(text, last) if dash else a
        found.update(range(a, b + 1) if a <= b else [*range(a, 7), *range(b + 1)])
    return frozenset(found)


def _day(text: str, word: str) -> int:
    short = word[:3].capitalize()
    if short not in DAYS:
        raise ValueError(
            f"'{text}': '{word}' is not a day of the week; the days are {', '.join(DAYS)}"
        )
    return DAYS.index(short)


def _minutes(text: str, hour: str, minute: str) -> int:
    minutes = int(hour) * 60 + int(minute)
    if int(minute) > 59 or minutes > DAY_MIN:
        raise ValueError(f"'{text}': {hour}:{minute} is not a time of day")
    return minutes


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _days(days: Iterable[int]) -> str:
    """{0, 1, 2, 5} -> "Mon-Wed,Sat"."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(
        DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs
    )
