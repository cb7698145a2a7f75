"""The transactions of a run, one after another, on the one connection that may write.

In: changes, keys of people who must not be written to.  Out: nothing, or a JournalError.
Touches: the database.

A transaction has two halves.  Its statements touch SQLite's own memory only, and need the
interpreter for almost every step.  Its commit waits for the disk, and needs no interpreter.
A server is sent both in one, and waited for once, as a wait for each statement costs more CPU than
the statement: nearly always one statement is the whole transaction, and else they are a pipeline.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from campaign.database.failures import told
from campaign.database.places import Place
from campaign.database.sql import DBAPIConnection, DBAPICursor
from campaign.database.sqlite_files import BUSY_MS
from campaign.errors import JournalError
from campaign.journal.writing.arriving import ArrivalWriter, Arriving
from campaign.journal.writing.changes import ChangeWriter
from campaign.journal.writing.departing import Departure, DepartureWriter
from campaign.records import Change


class Transactions:
    """While a run lasts, from here to `end`, nobody else may use the connection.

    It then waits for another program that holds the file only where it is told to: to say so
    before each transaction and to take it back costs 0.7 µs a letter.
    """

    def __init__(self, connection: DBAPIConnection, place: Place, changes: ChangeWriter) -> None:
        self._connection = connection
        self._place = place
        self._changes = changes
        self._arrivals = ArrivalWriter(changes)
        self._departures = DepartureWriter(changes.dialect)
        self._watch = _Watch(place) if place.path else None
        self._under_way = ExitStack()  # of a server: statements that were sent
        self._wait(0)

    def end(self) -> None:
        """The connection is as it was."""
        if self._watch:
            self._watch.close()
        self._wait(BUSY_MS)

    def write_at_once(self, changes: Sequence[Change], arrivals: Sequence[Arriving] = ()) -> bool:
        """Begin and write; or do nothing where that would have to wait, and say so: for another
        program that holds the file, or for a server.  Raises JournalError."""
        if not self._place.path:
            return False
        with told(self._place):
            cursor = self._connection.cursor()
            if not _begins_at_once(cursor):
                return False
            self._take(cursor, arrivals)
            self._changes.write(cursor, changes)
        return True

    def write(
        self,
        changes: Sequence[Change],
        keys: Sequence[str],
        arrivals: Sequence[Arriving] = (),
        departures: Sequence[Departure] = (),
    ) -> None:
        """The same, however long it takes to begin."""
        with told(self._place):
            is_plain = not (keys or arrivals or departures)
            if not self._place.path and is_plain and self._write_whole(changes):
                return
            if self._place.path:
                cursor = self._connection.cursor()
                self._wait(BUSY_MS)
                try:
                    cursor.execute("BEGIN IMMEDIATE")
                finally:
                    self._wait(0)
            else:  # its driver begins by itself
                session: Any = self._connection
                self._under_way.enter_context(session.pipeline())
                cursor = self._connection.cursor()
            self._take(cursor, arrivals)
            self._changes.write(cursor, changes)
            if keys:
                self._changes.suppress(cursor, keys)
            for departure in departures:
                self._departures.write(cursor, departure)

    def _write_whole(self, changes: Sequence[Change]) -> bool:
        """To a server, in one statement; durable when this returns True."""
        session: Any = self._connection
        session.autocommit = True
        try:
            return self._changes.write_at_once(self._connection.cursor(), changes)
        finally:
            if not session.closed:  # what went wrong says more
                session.autocommit = False

    def commit(self) -> None:
        """What was written is durable when this returns.  Raises JournalError if it is not."""
        with told(self._place):
            self._connection.commit()
            self._under_way.close()
        if self._watch:
            self._watch.look()

    def undo(self) -> None:
        """Take back what was written and not committed; nothing, if there is nothing."""
        with told(self._place):
            try:
                self._under_way.close()
            finally:
                self._connection.rollback()

    def _take(self, cursor: DBAPICursor, arrivals: Sequence[Arriving]) -> None:
        for each in arrivals:
            self._arrivals.write(cursor, each)

    def _wait(self, at_most_ms: int) -> None:
        """How long a statement waits for another program."""
        if self._place.path:
            self._connection.cursor().execute(f"PRAGMA busy_timeout = {at_most_ms}")


def _begins_at_once(cursor: DBAPICursor) -> bool:
    """Begin, unless another program holds the file."""
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith("SQLITE_BUSY"):
            return False
        raise
    return True


_NAMES = "/proc/self/fd"  # links to the names of open files (proc(5))
_KNOWS_NAMES = hasattr(os, "O_PATH") and os.path.exists(_NAMES)


class _Watch:
    """Notices that the files under our feet were deleted or replaced.

    Where it can, the log is asked for its name, which is another one then, and not for its status:
    Linux (from 6.13) takes down the time of the next write to a file whose status was asked for,
    and each commit would have that to flush as well, a quarter more of its time.
    """

    def __init__(self, place: Place) -> None:
        assert place.path is not None
        self._path = str(place.path)
        self._seen = _identity(self._path)
        self._log = str(place.beside("-wal"))
        self._log_file = -1
        if _KNOWS_NAMES and os.path.exists(self._log):  # later no descriptor may be left
            # Closing any other kind would take SQLite's locks away (fcntl(2)).
            self._log_file = os.open(self._log, os.O_PATH)
        self._log_seen = self._log_now()

    def look(self) -> None:
        """Raises JournalError; called after each commit, before anybody hears of it."""
        if _identity(self._path) != self._seen:
            raise self._gone(self._path)
        log = self._log_now()
        if log is None or log != self._log_seen:
            raise self._gone(self._log)

    def close(self) -> None:
        """To be used no more."""
        if self._log_file >= 0:
            os.close(self._log_file)

    def _log_now(self) -> object:
        if self._log_file < 0:
            return _identity(self._log)
        return os.readlink(f"{_NAMES}/{self._log_file}")

    def _gone(self, path: str) -> JournalError:
        return JournalError(
            f"the journal's file {path} was deleted or replaced while running",
            remedy="put it back, then `campaign resume`",
        )


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
