"""The tables are made, and emptied of a plan that never stood or is not wanted.

In: the writable connection.  Out: tables in order.  Touches: the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from campaign.errors import JournalError
from campaign.journal import schema
from campaign.journal.notes import forget, is_finished, recall, remember
from campaign.journal.writing.totals import count_totals


def make_tables(connection: Connection) -> None:
    """Make the empty tables, under guard from the start."""
    schema.metadata.create_all(connection)
    for statement in (*schema.INDEXES, schema.LETTERS, *schema.guards(connection.dialect.name)):
        connection.exec_driver_sql(statement)
    remember(connection, "format", schema.FORMAT)


@contextmanager
def unguarded(connection: Connection) -> Iterator[None]:
    """The triggers are away, and come back in the same transaction: nobody else sees them gone."""
    dialect = connection.dialect.name
    for statement in schema.without_guards(dialect):
        connection.exec_driver_sql(statement)
    yield
    for statement in schema.guards(dialect):
        connection.exec_driver_sql(statement)


def throw_away_unfinished(connection: Connection) -> None:
    """Remove what a plan or an amendment that never finished left behind."""
    amended_from = recall(connection, "amended_from")
    if not is_finished(connection):
        connection.exec_driver_sql("DROP VIEW IF EXISTS letters")
        schema.metadata.drop_all(connection)
        make_tables(connection)
    elif amended_from:
        rows, source_count = amended_from.split()
        with unguarded(connection):
            for table in ("history", "standings", "snapshots", "repeats", "recipients"):
                connection.execute(text(f"DELETE FROM {table} WHERE row > :n"), {"n": int(rows)})
            sources = text("DELETE FROM sources WHERE source >= :n")
            connection.execute(sources, {"n": int(source_count)})
        count_totals(connection)
        forget(connection, "amended_from")
    connection.commit()


def discard(connection: Connection) -> None:
    """Remove a finished plan of which nobody has been sent anything."""
    sent = connection.execute(text("SELECT count(*) FROM history WHERE state = 'sending'"))
    if sent.scalar_one():
        raise JournalError(
            "this campaign has begun; its plan cannot be thrown away",
            remedy="`campaign plan --amend` takes in what is new",
        )
    forget(connection, "finished")
    throw_away_unfinished(connection)
