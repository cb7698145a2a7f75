"""What came back, made durable: events beside the journal, known by their digests.

In: events.  Out: how many of them were new.
Touches: a file of their own beside a SQLite journal, a table of a PostgreSQL journal.
Fails with JournalError: no plan, or a file of another plan.

A run owns the one connection that may write to a SQLite journal, and mail comes back while it
runs.  So events have a file of their own (`journal.sqlite.events`), which needs nobody's lock but
SQLite's.  It keeps a rollback journal and not a log (WAL): several processes may write to it, one
after the other, and the bug of SQLite's log with several writers does not concern it.  Nothing has
to be moved from one file to the other later; readers look into both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from campaign.database.failures import told
from campaign.database.places import Place, locate
from campaign.database.sqlite_files import BUSY_MS
from campaign.errors import JournalError
from campaign.journal.reading.glance import glance
from campaign.journal.reading.questions import no_plan
from campaign.outcomes import Event

EVENT_FIELDS = tuple(name.rstrip("_") for name in Event._fields)
SUFFIX = ".events"
_COLUMNS = ", ".join(f'"{name}"' for name in EVENT_FIELDS)
_MADE = (
    "CREATE TABLE IF NOT EXISTS about (plan_id TEXT NOT NULL)",
    # "seq" is the order in which they were told, which `at` is not.
    'CREATE TABLE IF NOT EXISTS events ("seq" INTEGER PRIMARY KEY AUTOINCREMENT,'
    ' "digest" TEXT NOT NULL UNIQUE, "row" INTEGER NOT NULL,'
    ' "at" REAL NOT NULL, "kind" TEXT NOT NULL, "class" TEXT NOT NULL, "evidence" TEXT NOT NULL,'
    ' "source" TEXT NOT NULL, "message_id" TEXT NOT NULL)',
    "CREATE INDEX IF NOT EXISTS events_row ON events (row)",
)


def add_events(url: str, folder: Path, events: Iterable[Event]) -> int:
    """Make events durable, all or none; those whose digest is known already change nothing.

    Returns how many were new.  A run may hold the journal meanwhile.
    """
    place = locate(url, folder)
    with closing(glance(url, folder)) as seen:
        if not seen.is_planned():
            raise no_plan(place)
        plan_id = seen.plan_id()
    with told(place):
        if place.path is None:
            return _add_to_server(place, events)
        return _add_to_file(place, plan_id, events)


def _add_to_file(place: Place, plan_id: str, events: Iterable[Event]) -> int:
    file = place.beside(SUFFIX)
    file.touch(mode=0o600)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA synchronous = EXTRA")  # the folder is flushed too
        connection.execute("BEGIN IMMEDIATE")
        for statement in _MADE:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        found = connection.execute("SELECT plan_id FROM about").fetchone()
        if found is None:
            connection.execute("INSERT INTO about VALUES (?)", (plan_id,))
        elif found[0] != plan_id:
            raise JournalError(
                "these events belong to another plan than the journal's",
                file=str(file),
                remedy="put the journal they belong to back, or move the file away",
            )
        before = connection.total_changes
        connection.executemany(_insertion("?"), events)
        added = connection.total_changes - before
        connection.execute("COMMIT")
    return added


def _add_to_server(place: Place, events: Iterable[Event]) -> int:
    from campaign.database.engines import open_for_writing  # SQLAlchemy, which readers spare

    engine = open_for_writing(place)
    try:
        with engine.begin() as connection:
            cursor = connection.connection.cursor()
            cursor.executemany(_insertion("%s"), list(events))
            return cursor.rowcount
    finally:
        engine.dispose()


def _insertion(sign: str) -> str:
    signs = ", ".join([sign] * len(EVENT_FIELDS))
    return f"INSERT INTO events ({_COLUMNS}) VALUES ({signs}) ON CONFLICT (digest) DO NOTHING"
