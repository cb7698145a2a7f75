"""SQLite files, opened by their driver.

In: a `Place` with a path.  Out: connections of `sqlite3`.  Touches: the file.
Fails with JournalError where there is no file, or its disk cannot keep a log.

SQLAlchemy is not needed here: to import it would take longer than all the rest of a
`campaign status`.
"""

from __future__ import annotations

import os
import sqlite3

from campaign.database.places import Place
from campaign.errors import JournalError, NoPlanError

BUSY_MS = 10_000  # how long a backup or a report may hold us up
CACHE_KIB = 2_048  # memory for pages; more did not make planning or sending faster (measured)
PAGE_BYTES = 4_096  # as SQLite has it where nobody says otherwise
CHECKPOINT_PAGES = 4_000  # 16 MB of log before pages move into the database


def connect_for_writing(place: Place) -> sqlite3.Connection:
    """With a log that is flushed at every commit.  Transactions are begun by the caller."""
    assert place.path is not None
    if not place.path.exists():  # SQLite would make it readable for everybody
        os.close(os.open(place.path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(place.path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalError(
            f"{place.path} cannot use write-ahead logging (journal mode is {mode})",
            remedy="put the journal on a local disk",
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {2 * CHECKPOINT_PAGES * PAGE_BYTES}")
    return connection


def connect_to_single_file(place: Place) -> sqlite3.Connection:
    """To be written to by one process, with a rollback journal: between two transactions the file
    is whole by itself, can be moved, and can be read where nobody may write."""
    assert place.path is not None
    if not place.path.exists():
        os.close(os.open(place.path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(place.path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA synchronous = EXTRA")  # the folder is flushed too
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


def connect_for_reading(place: Place, *, mode: str = "ro") -> sqlite3.Connection:
    """A connection that changes nothing; each statement is a transaction of its own.

    `mode`: "rw" where the file may have to be put in order first, which SQLite does by itself.
    """
    assert place.path is not None
    if not place.path.exists():
        raise NoPlanError(
            f"there is no journal at {place.path}", remedy="make one with `campaign plan`"
        )
    quoted = str(place.path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = sqlite3.connect(
        f"file:{quoted}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA query_only = ON")
    return connection
