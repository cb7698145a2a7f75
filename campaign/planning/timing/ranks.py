"""By which number the list goes, from the cells of each row.

In: [schedule] order, the lists' columns, rows.  Out: numbers, the highest of which goes first.
Touches: nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from campaign.config.loader import Campaign
from campaign.config.settings import Schedule
from campaign.planning.timing.times import cell_at, place_of
from campaign.records import Entry, Source


class RankColumn:
    """Where each list has the number."""

    def __init__(self, schedule: Schedule | None) -> None:
        self._column = schedule.order if schedule else ""
        self._at: list[int] = []

    @property
    def is_named(self) -> bool:
        """Does the list go by a number?"""
        return bool(self._column)

    def add(self, source: Source, campaign: Campaign) -> None:
        """One more list; they come in the order of their numbers.

        Raises ConfigError for one without the column.
        """
        if self._column:
            self._at.append(place_of(self._column, source, campaign, ("schedule", "order")))

    def of(self, entries: Sequence[Entry]) -> list[float | None] | None:
        """None for a row without a number, which goes last; None where no column is named."""
        if not self._column:
            return None
        return [_number(entry, self._at[entry.source]) for entry in entries]


def _number(entry: Entry, index: int) -> float | None:
    if entry.reason:
        return None
    try:
        number = float(cell_at(entry.data, index))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
