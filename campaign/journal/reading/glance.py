"""A first look at a journal: by the driver alone where it is a SQLite file.

In: the url of [journal].  Out: a Glance.  Touches: the database, read-only.

To import SQLAlchemy would take longer than all the rest of a `campaign status`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from campaign.database.failures import told
from campaign.database.places import Place, locate
from campaign.database.sqlite_files import connect_for_reading
from campaign.journal.reading.questions import Glance, bring_forward, no_plan
from campaign.journal.states import FORMAT


def glance(url: str, folder: Path) -> Glance:
    """Raises JournalError where there is no journal or no plan in it."""
    place = locate(url, folder)
    if place.path is not None:
        return _FileGlance(place)
    from campaign.journal.reading.reader import Reader  # and SQLAlchemy with it

    return Reader.open(url, folder)


class _FileGlance(Glance):
    """Of a SQLite file."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        with told(place):
            self._connection = connect_for_reading(place)
        try:
            if not self._all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'plan'"):
                raise no_plan(place)
            if self._all("SELECT value FROM meta WHERE name = 'format'") != [(FORMAT,)]:
                bring_forward(place)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def _all(self, statement: str, **values: object) -> Sequence[Any]:
        with told(self._place):
            return self._connection.execute(statement, values).fetchall()
