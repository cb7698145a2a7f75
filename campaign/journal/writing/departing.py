"""Letters that are in an archive leave the journal.

In: rows, each with its last change as the archive has it; what they add to the sums of archives.
Out: nothing.  Touches: the database, inside the caller's transaction.

The triggers of the journal let no row go that is not settled for good, or that has changed since it
was copied; so whatever is wrong here ends the transaction, and the letters stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from campaign.database.sql import DBAPICursor, Dialect
from campaign.journal.archiving.letters import PARTS, Sum

KEPT_PAGES = 2_000  # 8 MB stay free in the file: what comes next has room at once
_GIVEN_BACK = 100  # pages at most in one transaction; its letters left fewer


class ArchiveShare(NamedTuple):
    """What leaves for one archive, of one source and state."""

    file: str
    source: int
    state: str
    sum: Sum


class Departure(NamedTuple):
    """Letters that leave together; they are durable where they go to."""

    rows: Sequence[tuple[int, int]]  # with the last change of each
    shares: Sequence[ArchiveShare]


class DepartureWriter:
    """The statements of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        sign = "%s" if dialect.paramstyle == "format" else "?"
        self._is_file = dialect.name == "sqlite"
        self._named = f'INSERT INTO rotating ("row", change) VALUES ({sign}, {sign})'
        self._deleted = [f'DELETE FROM {table} WHERE "row" = {sign}' for table in PARTS]
        self._known = (
            "SELECT letters, changes, digest FROM rotated"
            f" WHERE file = {sign} AND source = {sign} AND state = {sign}"
        )
        signs = ", ".join([sign] * 6)
        self._added = (
            "INSERT INTO rotated (file, source, state, letters, changes, digest)"
            f" VALUES ({signs}) ON CONFLICT (file, source, state) DO UPDATE SET"
            " letters = excluded.letters, changes = excluded.changes, digest = excluded.digest"
        )

    def write(self, cursor: DBAPICursor, departure: Departure) -> None:
        """Let them go, and add them to what has left."""
        cursor.executemany(self._named, departure.rows)
        rows = [(row,) for row, _ in departure.rows]
        for statement in self._deleted:
            cursor.executemany(statement, rows)
        cursor.execute("DELETE FROM rotating")
        for file, source, state, added in departure.shares:
            cursor.execute(self._known, (file, source, state))
            for letters, changes, digest in cursor.fetchall():
                added |= Sum(int(letters), int(changes), int(digest, 16))
            counted = (added.letters, added.changes, added.hexadecimal)
            cursor.execute(self._added, (file, source, state, *counted))
        if self._is_file:
            self._give_back(cursor)

    def _give_back(self, cursor: DBAPICursor) -> None:
        """To the disk, of the pages that are free, what will not be used again soon."""
        cursor.execute("PRAGMA freelist_count")
        ((free,),) = cursor.fetchall()
        for _ in range(min(_GIVEN_BACK, free - KEPT_PAGES)):
            cursor.execute("PRAGMA incremental_vacuum(1)")  # of more the driver asks for one
