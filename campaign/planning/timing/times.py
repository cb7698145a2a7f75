"""The time zone of each recipient, from the cells of its row.

In: [schedule], the lists' columns, rows.  Out: names of zones, rows with those unknown refused.
Touches: the zone database.

Costs nothing where no column is named: everybody has the default then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

from campaign.config.loader import Campaign
from campaign.config.positions import Path, Positions
from campaign.config.settings import Schedule
from campaign.errors import ConfigError
from campaign.records import Entry, Source
from campaign.schedule.zones import zone_named


class ZoneColumn:
    """Where each list names the zones of its recipients."""

    def __init__(self, schedule: Schedule | None) -> None:
        self._schedule = schedule
        self._at: list[int] = []

    @property
    def is_named(self) -> bool:
        """Have recipients zones of their own?"""
        schedule = self._schedule
        return bool(schedule and schedule.timezone and schedule.timezone.column)

    @property
    def default(self) -> str:
        """The zone of whoever has none."""
        schedule = self._schedule
        return schedule.timezone.default if schedule and schedule.timezone else "UTC"

    def add(self, source: Source, campaign: Campaign) -> None:
        """One more list; they come in the order of their numbers.

        Raises ConfigError for one without the column.
        """
        if not self.is_named:
            return
        path = ("schedule", "timezone", "column")
        self._at.append(place_of(_column(self._schedule), source, campaign, path))

    def zone_of(self, source: int, data: str) -> str:
        """What a row of a source says, of its cells as `Entry.data` has them."""
        if not self._at:
            return self.default
        return cell_at(data, self._at[source]).strip() or self.default

    def refused(self, entries: list[Entry]) -> list[Entry]:
        """The same rows, those with a zone that there is not as rejects."""
        return list(map(self._checked, entries)) if self._at else entries

    def _checked(self, entry: Entry) -> Entry:
        if entry.reason:
            return entry
        why = _fault(self.zone_of(entry.source, entry.data))
        return entry._replace(reason=why) if why else entry


def place_of(column: str, source: Source, campaign: Campaign, path: Path) -> int:
    """Where a list has a column that the setting at a path names.  Raises ConfigError."""
    if column in source.columns:
        return source.columns.index(column)
    raise ConfigError(
        f"{path[1]}: {source.name} has no column '{column}'",
        file=str(campaign.file),
        line=Positions(campaign.text).line(path),
        remedy=f"its columns are {', '.join(source.columns)}",
    )


def cell_at(data: str, index: int) -> str:
    """One cell of a row, as `Entry.data` has them.

    Why fast: to read all of them as JSON takes ten times as long, and each letter is asked.  Where
    nothing is escaped, cells end at the next quote.
    """
    if "\\" not in data:
        cells = data[2:-2].split('","', index + 1)
        # A quote is left in the last cell of a group, whose rows stand behind it.
        if len(cells) > index and '"' not in cells[index]:
            return cells[index]
    found: str = json.loads(data)[index]
    return found


def zones_of(campaign: Campaign, sources: Sequence[Source]) -> ZoneColumn:
    """The zones of all lists of a plan.  Raises ConfigError for one without the column."""
    zones = ZoneColumn(campaign.settings.schedule)
    for source in sources:
        zones.add(source, campaign)
    return zones


def _column(schedule: Schedule | None) -> str:
    return schedule.timezone.column if schedule and schedule.timezone else ""


@cache
def _fault(name: str) -> str:
    try:
        zone_named(name)
    except ValueError as trouble:
        return f"timezone: {trouble}"
    return ""
