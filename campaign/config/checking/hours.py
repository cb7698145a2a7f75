"""[schedule] as the times it means: its windows, zones and days off are read here.

In: settings.  Out: `Mistake`s; a `Timetable`.  Touches: the zone database, and the `holidays`
package where a country is named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from campaign.config.positions import Path
from campaign.config.settings import Schedule
from campaign.config.wording import Mistake
from campaign.errors import ConfigError
from campaign.schedule.calendar import Calendar
from campaign.schedule.holidays import days_off
from campaign.schedule.timetable import Timetable
from campaign.schedule.windows import Window, read_window
from campaign.schedule.zones import zone_named

_A_MONDAY_S = 1_767_571_200.0  # 2026-01-05: any week shows whether the windows ever open


def check_hours(schedule: Schedule) -> Iterator[Mistake]:
    """What of [schedule] cannot be read, each at its place; then whether it is ever open."""
    faults = [
        *_each("windows", schedule.windows, read_window),
        *_each("quiet", schedule.quiet, read_window),
        *_each("holidays", schedule.holidays, lambda name: days_off([name])),
    ]
    if schedule.timezone is not None:
        faults += _read(("schedule", "timezone"), schedule.timezone.default, zone_named)
    if not faults and schedule.timezone is not None:
        calendar = Calendar(_windows(schedule.windows), _windows(schedule.quiet))
        if calendar.span_at(zone_named(schedule.timezone.default), _A_MONDAY_S) is None:
            faults.append(
                Mistake(
                    ("schedule", "quiet"),
                    "quiet: these hours leave nothing of the windows",
                    "leave some of them out",
                )
            )
    yield from faults


def timetable_of(schedule: Schedule | None) -> Timetable:
    """The times of a campaign whose settings were found good; without [schedule] always now."""
    if schedule is None:
        return Timetable()
    calendar = Calendar(_windows(schedule.windows), _windows(schedule.quiet))
    if schedule.holidays:
        calendar = Calendar(calendar.windows, calendar.quiet, days_off(schedule.holidays))
    return Timetable(
        calendar,
        schedule.start.timestamp() if schedule.start else -math.inf,
        schedule.expire_at.timestamp() if schedule.expire_at else math.inf,
    )


def _windows(texts: tuple[str, ...]) -> tuple[Window, ...]:
    return tuple(map(read_window, texts))


def _each(key: str, values: tuple[str, ...], read: Callable[[str], object]) -> Iterator[Mistake]:
    for index, value in enumerate(values):
        yield from _read(("schedule", key, index), value, read)


def _read(path: Path, value: str, read: Callable[[str], object]) -> Iterator[Mistake]:
    try:
        read(value)
    except ConfigError as trouble:
        yield Mistake(path, trouble.what, trouble.remedy)
    except ValueError as trouble:
        what, _, remedy = str(trouble).partition("; ")
        yield Mistake(path, f"{path[1]}: {what}", remedy)
