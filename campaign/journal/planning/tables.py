"""The tables are made, and emptied of a plan that never stood or is not wanted.

In: the writable connection.  Out: tables in order.  Touches: the database.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from campaign.database.sql import Connection, insert, text
from campaign.errors import JournalError
from campaign.journal import schema
from campaign.journal.notes import forget, is_finished, recall, remember
from campaign.journal.sharing.tables import drop_sharing_tables
from campaign.journal.states import FORMAT
from campaign.journal.writing.totals import count_totals
from campaign.records import Source


def write_source(connection: Connection, number: int, source: Source) -> None:
    """How a file was read, or which template a letter is from."""
    fields = source._asdict() | {"columns": json.dumps(source.columns, ensure_ascii=False)}
    connection.execute(insert(schema.sources).values(source=number, **fields))


def add_sources(connection: Connection, further: Sequence[Source]) -> None:
    """After those that there are."""
    first = int(connection.execute(text("SELECT count(*) FROM sources")).scalar_one())
    for number, source in enumerate(further, first):
        write_source(connection, number, source)


def make_tables(connection: Connection) -> None:
    """Make the empty tables, under guard from the start."""
    schema.metadata.create_all(connection, checkfirst=False)  # there are none
    if connection.dialect.name == "postgresql":
        schema.events_metadata.create_all(connection)
        connection.exec_driver_sql(schema.EVENT_INDEX)
    for statement in (*schema.INDEXES, schema.LETTERS, *schema.guards(connection.dialect.name)):
        connection.exec_driver_sql(statement)
    remember(connection, "format", FORMAT)


def throw_away_unfinished(connection: Connection) -> None:
    """Remove what a plan or an amendment that never finished left behind."""
    amended_from = recall(connection, "amended_from")
    if not is_finished(connection):
        connection.exec_driver_sql("DROP VIEW IF EXISTS letters")
        drop_sharing_tables(connection)
        schema.metadata.drop_all(connection)
        make_tables(connection)
    elif amended_from:
        added = {"n": int(amended_from)}
        for table in ("history", "standings", "snapshots", "repeats", "recipients"):
            connection.execute(text(f"DELETE FROM {table} WHERE row > :n"), added)
        sources = text("DELETE FROM sources WHERE source >= :n")
        connection.execute(sources, {"n": int(recall(connection, "amended_sources"))})
        count_totals(connection)
        forget(connection, "amended_from")
        forget(connection, "amended_sources")
    connection.commit()


def discard(connection: Connection) -> None:
    """Remove a finished plan of which nobody has been sent anything."""
    refuse_begun(connection)
    forget(connection, "finished")
    throw_away_unfinished(connection)


def refuse_begun(connection: Connection) -> None:
    """Raises JournalError where somebody may have been sent something."""
    sent = connection.execute(text("SELECT count(*) FROM history WHERE state = 'sending'"))
    if sent.scalar_one():
        raise JournalError(
            "this campaign has begun; its plan cannot be thrown away",
            remedy="`campaign plan --amend` takes in what is new",
        )
    connection.rollback()
