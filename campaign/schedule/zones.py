"""Local times as instants, also those that do not exist or exist twice.

In: a zone's IANA name, a local day and minute.  Out: Unix seconds.
Touches: the zone database (the system's, else the `tzdata` package).

A local time that a clock change leaves out becomes the first instant after the change; one that
happens twice is the first of the two.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


def zone_named(name: str) -> ZoneInfo:
    """Raises ValueError for what is not the name of a zone; offsets such as +08:00 are none.

    An offset says nothing about summer time, so it cannot be held to a window for long.
    """
    try:
        return _zone(name.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"'{name}' is not a time zone; write a name of the IANA database: Asia/Shanghai, "
            "Europe/Berlin, America/New_York"
        ) from None


@cache
def _zone(name: str) -> ZoneInfo:
    # zoneinfo opens whatever file of the database bears the name, and names differ by case on
    # some systems only: the list decides.
    if name not in _names():
        raise ValueError(name)
    return ZoneInfo(name)


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def instant(zone: tzinfo, day: date, minute: int) -> float:
    """Unix seconds of a local day's minute; a minute beyond 1440 is one of the days after it."""
    local = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
    before, after = (
        local.replace(tzinfo=zone, fold=fold).astimezone(UTC).timestamp() for fold in (0, 1)
    )
    # In a gap (PEP 495) fold=0 counts with the offset before the change, which gives the later
    # instant of the two; the change lies between them.
    return _change(zone, after, before) if after < before else before


def local(zone: tzinfo, at_s: float) -> datetime:
    """The wall clock of the zone, without its zone."""
    return datetime.fromtimestamp(at_s, zone).replace(tzinfo=None, fold=0)


def changes(zone: tzinfo, from_s: float, to_s: float) -> list[float]:
    """The instants within at which the zone's offset changes; `to_s - from_s` of a few days."""
    found: list[float] = []
    at_s, step_s = from_s, 3600.0
    while at_s < to_s:
        next_s = min(at_s + step_s, to_s)
        if offset_at(zone, at_s) != offset_at(zone, next_s):
            found.append(_change(zone, at_s, next_s))
        at_s = next_s
    return found


def _change(zone: tzinfo, from_s: float, to_s: float) -> float:
    """The first second within with the offset of `to_s`."""
    low, high = int(from_s), int(to_s)
    after = offset_at(zone, high)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(zone, middle) == after:
            high = middle
        else:
            low = middle
    return float(high)


def offset_at(zone: tzinfo, at_s: float) -> float:
    """Seconds by which the wall clock is ahead of UTC at an instant."""
    offset = datetime.fromtimestamp(at_s, zone).utcoffset()
    assert offset is not None
    return offset.total_seconds()
