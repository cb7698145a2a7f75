"""The one place that knows the time.

In: nothing.  Out: seconds.  Touches: the system's clocks.

Everything that waits, paces or stamps takes a `Clock`, so that tests hand in their own.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

HOUR_S = 3600.0
HOURS = 24  # of an open campaign that are told one by one


class Clock(Protocol):
    """`now_s` for stamps people read, `tick_s` for every interval."""

    def now_s(self) -> float:
        """Seconds since 1970 (Unix time); may jump when the wall clock is set."""
        ...

    def tick_s(self) -> float:
        """Seconds since an arbitrary start; never runs backwards."""
        ...

    def passed_s(self) -> float:
        """As `tick_s`, but the time a machine slept has passed too."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now_s(self) -> float:
        return time.time()

    def tick_s(self) -> float:
        return time.monotonic()

    def passed_s(self) -> float:
        return _passed_s()


# Elsewhere than on Linux sleep counts or does not, as it may.
_passed_s = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


def last_hours_s(now_s: float) -> float:
    """The Unix time at which the last `HOURS` begin, the one that goes on among them."""
    return (now_s // HOUR_S + 1 - HOURS) * HOUR_S


def iso(at_s: float) -> str:
    """Unix time as RFC 3339 in UTC with milliseconds; "" for 0 (never)."""
    if not at_s:
        return ""
    stamp = datetime.fromtimestamp(at_s, UTC)
    return stamp.strftime("%Y-%m-%dT%H:%M:%S.") + f"{stamp.microsecond // 1000:03d}Z"


def moment(at_s: float, now_s: float) -> str:
    """A Unix time as people say it here: "20:15", with its date where that is not today's."""
    at, now = datetime.fromtimestamp(at_s), datetime.fromtimestamp(now_s)
    return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"
