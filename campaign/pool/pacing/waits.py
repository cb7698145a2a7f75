"""What a wait is called, in words and with the time it ends.

In: limits, rests, the time.  Out: phrases for the progress line, `status` and the pages.
Touches: nothing; the local time zone.
"""

from __future__ import annotations

from collections.abc import Iterable

from campaign.clock import moment
from campaign.pool.pacing.rates import Pacing
from campaign.schedule.climb import Climb
from campaign.units import show_duration

_SHORT_S = 300.0  # a wait up to here is told as a duration, a longer one by the clock


def turn(what: str, name: str, pacing: Pacing, tick_s: float, now_s: float) -> str:
    """ "waits its turn: limits qq.com 100/s", or until when a quota is used up.

    `what` sets the limit: "limits" or "relay"; "" where it lets the next one go.
    """
    for quota in pacing.quotas:
        wait_s = quota.wait_s(tick_s)
        if wait_s > 0:
            return f"waits its turn: {what} {name} {quota.rate} is used up, {until(wait_s, now_s)}"
    for ramp in pacing.ramps:
        if ramp.wait_s(tick_s) > 0:
            wait_s = max(ramp.wait_s(tick_s), ramp.climb.wait_s(now_s))
            return _of_ramp(ramp.climb, wait_s, now_s)
    if pacing.wait_s(tick_s) > 0 and pacing.slowest is not None:
        wait_s = pacing.wait_s(tick_s)
        also = f", {until(wait_s, now_s)}" if wait_s > _SHORT_S else ""
        return f"{paced(what, name, pacing)}{also}"
    return ""


def paced(what: str, name: str, pacing: Pacing) -> str:
    """ "waits its turn: limits qq.com 100/s" of a pace that lets one go after the other."""
    return f"waits its turn: {what} {name} {pacing.slowest}"


def used_up(climbs: Iterable[Climb], now_s: float) -> str:
    """ "waits its turn: ramp gmail.com day 4: 55 of 55, next at 2026-11-28 08:00"; "" where
    every ramp has something left of today.  `now_s`: Unix time."""
    for climb in climbs:
        if (wait_s := climb.wait_s(now_s)) > 0:
            return _of_ramp(climb, wait_s, now_s)
    return ""


def _of_ramp(climb: Climb, wait_s: float, now_s: float) -> str:
    return f"waits its turn: {climb.words(now_s)}, {until(wait_s, now_s)}"


def until(wait_s: float, now_s: float) -> str:
    """When a wait that begins now is over: "next in 4m12s", or "next at 2026-11-28 20:15"."""
    if wait_s <= _SHORT_S:
        return f"next in {show_duration(max(1.0, wait_s))}"
    return f"next at {moment(now_s + wait_s, now_s)}"
