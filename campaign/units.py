"""Durations, rates and sizes, read from text and printed.

In: "30s", "100/min", "10MB".  Out: seconds, `Rate`, bytes.  Touches: nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PER = {
    "s": 1.0, "sec": 1.0, "second": 1.0,
    "m": 60.0, "min": 60.0, "minute": 60.0,
    "h": 3600.0, "hour": 3600.0,
    "d": 86400.0, "day": 86400.0,
}  # fmt: skip
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}  # fmt: skip  # noqa: E501
_NUMBER_UNIT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?\s*(?:ms|s|min|m|h|d|w)\s*)+")
_RATE = re.compile(r"(\d+)\s*/\s*(\d+)?\s*([A-Za-z]+)")


class Rate(NamedTuple):
    """At most `count` in any `per_s` seconds."""

    count: int  # type: ignore[assignment]  # tuple.count is not used
    per_s: float

    @property
    def interval_s(self) -> float:
        """Seconds between two when spread evenly."""
        return self.per_s / self.count

    def __str__(self) -> str:
        for unit, seconds in (("day", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
            if self.per_s == seconds:
                return f"{self.count}/{unit}"
        return f"{self.count}/{show_duration(self.per_s)}"


def read_duration(text: str) -> float:
    """ "30s", "5m", "1h30m" in seconds.

    Raises ValueError, with a sentence that shows the form.
    """
    stripped = text.strip()
    if not _DURATION.fullmatch(stripped):
        raise ValueError(f"'{text}' is not a duration; write a number and a unit: 30s, 5m, 2h, 1d")
    return sum(float(number) * _SECONDS[unit] for number, unit in _NUMBER_UNIT.findall(stripped))


def read_rate(text: str) -> Rate:
    """ "50/s", "100/min", "2000/h", "100000/day", "20/10s".

    Raises ValueError, also for a rate of nothing or per nothing.
    """
    found = _RATE.fullmatch(text.strip())
    if not found or found[3].lower() not in _PER:
        raise ValueError(f"'{text}' is not a rate; write a number per unit: 50/s, 100/min, 2000/h")
    rate = Rate(int(found[1]), int(found[2] or 1) * _PER[found[3].lower()])
    if rate.count < 1 or rate.per_s <= 0:
        raise ValueError(f"'{text}' lets nothing through; the number must be at least 1")
    return rate


def read_size(text: str) -> int:
    """ "10MB", "64 KiB", "512" in bytes.  Raises ValueError."""
    found = _NUMBER_UNIT.fullmatch(text.strip())
    if not found or found[2].lower() not in _BYTES:
        raise ValueError(f"'{text}' is not a size; write a number and a unit: 500KB, 10MB, 1GiB")
    return int(float(found[1]) * _BYTES[found[2].lower()])


def show_duration(seconds: float) -> str:
    """12.4 -> "12s", 272 -> "4m32s", 5400 -> "1h30m", 200000 -> "2d7h"; two units at most."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms" if seconds > 0 else "0s"
    left = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count}{unit}" if count else "")
        if len(parts) == 2:
            break
    return "".join(parts)


def show_size(size_bytes: int) -> str:
    """5400 -> "5.4 KB"; decimal units, as mail providers state their limits."""
    size = float(size_bytes)
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
