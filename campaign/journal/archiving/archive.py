"""One archive, for whoever puts letters into it.

In: letters.  Out: nothing; they are durable there when `put` returns.
Touches: the file of the archive.  Fails with JournalError.

It has the tables of a journal, so whoever reads journals reads it, and keeps a rollback journal in
place of a log: it is one file that can be moved, and read where nobody may write.  What was put in
is `pending` until the journal has let go of it.  A kill between the two leaves letters in both: the
journal's are those that count, and the archive's are taken out before the next are put in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from campaign.database.engines import open_single_file
from campaign.database.failures import told
from campaign.database.places import Place
from campaign.database.sql import insert, text
from campaign.database.transactions import atomic
from campaign.errors import JournalError
from campaign.journal import schema
from campaign.journal.archiving.files import ARCHIVE_OF, BATCHES, refuse_other_format
from campaign.journal.archiving.letters import PARTS, WholeLetter, whole_letters
from campaign.journal.notes import recall, remember
from campaign.journal.planning.tables import write_source
from campaign.journal.states import FORMAT
from campaign.records import PlanRecord, Source

_NEW = ".new"
_PENDING = "CREATE TABLE pending (row INTEGER PRIMARY KEY)"
_INDEXES = (schema.ROTATION_INDEX, "CREATE INDEX recipients_key ON recipients (key)")


class Archive:
    """Opened to be written to; made where it is not there."""

    def __init__(self, place: Place, plan: PlanRecord, sources: Sequence[Source]) -> None:
        self._place = place
        with told(place):
            if place.path and not place.path.exists():
                _make(place, plan)
            self._connection = open_single_file(place).connect()
        try:
            with told(place):
                self._refuse_other(plan)
                self._adopt(sources)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._connection.close()
        self._connection.engine.dispose()

    def put(self, letters: Sequence[WholeLetter], *, are_others_gone: bool) -> None:
        """Make them durable, and read them back.  Raises JournalError, also where one is there.

        `are_others_gone`: the journal has let go of those that were pending."""
        with told(self._place):
            with atomic(self._connection):
                cursor = self._connection.connection.cursor()
                for at, (table, columns) in enumerate(PARTS.items()):
                    lines = [line for letter in letters for line in letter.parts[at]]
                    if lines:
                        cursor.executemany(_insertion(table, columns), lines)
                if are_others_gone:
                    cursor.execute("DELETE FROM pending")
                cursor.executemany(
                    "INSERT INTO pending VALUES (?)", [(letter.row,) for letter in letters]
                )
                self._count_batch()
            there = self.letters([letter.row for letter in letters])
            if [each.digest for each in there] != [each.digest for each in sorted(letters)]:
                raise JournalError(
                    f"the archive {self._place.path} does not give back what was put into it",
                    remedy="look at the disk; the letters are in the journal as before",
                )

    def letters(self, rows: Sequence[int]) -> list[WholeLetter]:
        """Those of the rows that are in it."""

        def ask(statement: str) -> Sequence[Sequence[Any]]:
            return self._connection.exec_driver_sql(statement).all()

        with told(self._place):
            found = whole_letters(ask, rows)
            self._connection.rollback()
        return found

    def pending(self) -> list[int]:
        """Rows of which it is not known yet whether the journal has let go of them."""
        with told(self._place):
            found = list(self._connection.execute(text("SELECT row FROM pending")).scalars())
            self._connection.rollback()
        return found

    def settle(self, *, kept: Iterable[int]) -> None:
        """Nothing is pending any more: what the journal has kept is taken out again."""
        rows = [(row,) for row in kept]
        with told(self._place), atomic(self._connection):
            cursor = self._connection.connection.cursor()
            for table in PARTS:
                cursor.executemany(f'DELETE FROM {table} WHERE "row" = ?', rows)
            cursor.execute("DELETE FROM pending")
            if rows:
                self._count_batch()

    # ---- inside

    def _count_batch(self) -> None:
        before = int(recall(self._connection, BATCHES) or 0)
        remember(self._connection, BATCHES, str(before + 1))

    def _refuse_other(self, plan: PlanRecord) -> None:
        refuse_other_format(self._connection, self._place)
        found = recall(self._connection, ARCHIVE_OF)
        self._connection.rollback()
        if found != plan.plan_id:
            raise JournalError(
                f"{self._place.path} is the archive of another journal",
                remedy="move it away: the journal makes one of its own",
            )

    def _adopt(self, sources: Sequence[Source]) -> None:
        """Templates may have come since it was made."""
        (known,) = self._connection.execute(text("SELECT count(*) FROM sources")).one()
        if known >= len(sources):
            self._connection.rollback()
            return
        with atomic(self._connection):
            for number, source in enumerate(sources):
                if number >= known:
                    write_source(self._connection, number, source)


def _make(place: Place, plan: PlanRecord) -> None:
    """Under another name until it is whole: whoever looks for archives finds no half of one."""
    assert place.path is not None
    new = place._replace(path=place.beside(_NEW))
    for path in (place.beside(_NEW), place.beside(f"{_NEW}-journal")):
        path.unlink(missing_ok=True)  # a kill left it
    connection = open_single_file(new).connect()
    try:
        with atomic(connection):
            schema.metadata.create_all(connection)
            for statement in (*schema.INDEXES, schema.LETTERS, *_INDEXES, _PENDING):
                connection.exec_driver_sql(statement)
            fields = plan._asdict() | {"hashes": json.dumps(dict(plan.hashes))}
            connection.execute(insert(schema.plan).values(**fields))
            for name, value in (
                ("format", FORMAT),
                (ARCHIVE_OF, plan.plan_id),
                ("duplicates", "allow"),
                ("finished", "yes"),
            ):
                remember(connection, name, value)
    finally:
        connection.close()
        connection.engine.dispose()
    os.rename(place.beside(_NEW), place.path)  # and each `put` flushes the folder


def _insertion(table: str, columns: Sequence[str]) -> str:
    named = ", ".join(f'"{column}"' for column in columns)
    return f"INSERT INTO {table} ({named}) VALUES ({', '.join('?' * len(columns))})"
