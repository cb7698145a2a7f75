"""What each format of the journal changed, and how an older journal is carried forward.

In: a journal of any format since 3.  Out: the same journal in today's.
Touches: the database, in one transaction.  Fails with JournalError: a later format, or a run that
holds the journal.

A new format is a step here, a test that keeps a journal of the format before it, and a line in
the table of `docs/resume.md`.  Steps stay for ever: an unfinished campaign may be old.
"""

from __future__ import annotations

from campaign.database.engines import open_for_writing
from campaign.database.failures import told
from campaign.database.migrations import carry_forward
from campaign.database.places import Place
from campaign.database.sql import Connection
from campaign.database.transactions import atomic
from campaign.journal import schema
from campaign.journal.holding.lock import lock_of
from campaign.journal.notes import is_finished, recall, remember
from campaign.journal.states import FORMAT
from campaign.journal.writing.totals import count_totals


def bring_forward(connection: Connection, place: Place) -> None:
    """Carry an older journal forward.  Raises JournalError for one that is too new or too old."""
    found = recall(connection, "format")
    if found == FORMAT:
        return
    with atomic(connection):
        if carry_forward(connection, found, FORMAT, _STEPS, shown=place.shown):
            remember(connection, "format", FORMAT)


def bring_forward_for_a_reader(place: Place) -> None:
    """The same for whoever only reads: taken hold of for this moment.  Raises JournalBusy where
    a run, which must be one of the earlier version, holds the journal."""
    with told(place):
        connection = open_for_writing(place).connect()
        lock = lock_of(place, connection)
        try:
            bring_forward(connection, place)
        finally:
            connection.rollback()
            connection.close()
            connection.engine.dispose()
            lock.release()


def _to_4(connection: Connection) -> None:
    """Doubt and Date are kept for each recipient, a run knows its file, sums cannot be negative,
    and a server's journal has events."""
    dialect = connection.dialect.name
    for statement in (
        "DROP VIEW letters",
        *schema.without_guards(dialect),
        "ALTER TABLE standings ADD COLUMN doubts INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE standings ADD COLUMN date_s DOUBLE PRECISION NOT NULL DEFAULT 0",
        "ALTER TABLE history ADD COLUMN date_s DOUBLE PRECISION NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN inode TEXT NOT NULL DEFAULT ''",
        # The Date was the plan's, and a letter that is sent again has to be the same.
        "UPDATE history SET date_s = (SELECT date_s FROM plan) WHERE state = 'sending'",
        "UPDATE standings SET date_s = (SELECT date_s FROM plan) WHERE sendings > 0",
        # Doubt was settled only by a log, which left the recipient sent and said so.
        "UPDATE standings SET doubts = d.n FROM (SELECT row, count(*) AS n FROM history"
        " WHERE class = 'in-doubt' GROUP BY row) d WHERE standings.row = d.row AND NOT EXISTS"
        " (SELECT 1 FROM history h WHERE h.change = standings.change AND h.state = 'sent'"
        " AND h.reason <> '')",
        "DROP TABLE totals",
    ):
        connection.exec_driver_sql(statement)
    # `rotated` is there before anything is counted, and `_to_5` finds it.
    for table in (schema.totals, schema.deadlines, schema.own_ids, *_OF_5):
        table.create(connection)
    if dialect == "postgresql":
        schema.events_metadata.create_all(connection)
        connection.exec_driver_sql(schema.EVENT_INDEX)
    amended_from = recall(connection, "amended_from")
    if amended_from:  # an amendment that was not finished, to be thrown away
        rows, sources = amended_from.split()
        remember(connection, "amended_from", rows)
        remember(connection, "amended_sources", sources)
    elif is_finished(connection):
        count_totals(connection)
    for statement in (schema.LETTERS, *schema.guards(dialect)):
        connection.exec_driver_sql(statement)


def _to_5(connection: Connection) -> None:
    """Letters of an open campaign may leave for an archive, and what left is added up."""
    dialect = connection.dialect.name
    for statement in schema.without_guards(dialect):
        connection.exec_driver_sql(statement)
    for table in _OF_5:
        table.create(connection, checkfirst=True)
    for statement in schema.guards(dialect):
        connection.exec_driver_sql(statement)


_OF_5 = (schema.rotating, schema.rotated)
_STEPS = {"3": ("4", _to_4), "4": ("5", _to_5)}
