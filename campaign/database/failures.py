"""Errors of a database as one sentence with a remedy.

In: what SQLAlchemy or a driver raises.  Out: JournalError.  Touches: nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from campaign.database.places import Place, secrets_of
from campaign.errors import EpochEnded, JournalError, JournalGone


@contextmanager
def told(place: Place) -> Iterator[None]:
    """Turns an error of the database into one sentence with a remedy (JournalError)."""
    try:
        yield
    except _database_errors() as error:
        raise explain(getattr(error, "orig", None) or error, place) from error


def _database_errors() -> tuple[type[Exception], ...]:
    """What SQLAlchemy raises, and the drivers where it is not in between; none is imported here."""
    named = (
        ("sqlalchemy.exc", "DBAPIError"),
        ("sqlalchemy.exc", _LATER),
        ("sqlite3", "Error"),
        ("psycopg", "Error"),
    )
    return tuple(getattr(sys.modules[name], kind) for name, kind in named if name in sys.modules)


# What SQLAlchemy says of each later question to a session that was lost in a transaction.
_LATER = "PendingRollbackError"


# SQLite's own names of its results (sqlite.org/rescode.html), the longest match counts.
_REMEDIES = {
    "SQLITE_FULL": ("the disk is full", "make room, then `campaign resume`"),
    "SQLITE_IOERR": ("the disk reports an error", "look at the disk, then `campaign resume`"),
    "SQLITE_READONLY": ("it cannot be written", "look at the rights of file and folder"),
    "SQLITE_CANTOPEN": ("it cannot be opened", "look at its rights, its folder's, and `ulimit -n`"),
    "SQLITE_CORRUPT": ("it is damaged", "restore a backup, or save it with `sqlite3 .recover`"),
    "SQLITE_NOTADB": ("it is not a journal, or it is damaged", "restore a backup"),
    "SQLITE_BUSY": ("another program has kept it locked", "end that program"),
    "SQLITE_LOCKED": ("another program has kept it locked", "end that program"),
    "SQLITE_CONSTRAINT": ("it refused a change", "run `campaign audit`, and report this"),
}


def explain(error: BaseException, place: Place) -> JournalError:
    """What the database's driver said, what it means, what to do."""
    name = getattr(error, "sqlite_errorname", "")
    for start, (meaning, remedy) in _REMEDIES.items():
        if name.startswith(start):
            return JournalError(f"journal {place.shown}: {meaning}: {error}", remedy=remedy)
    said = str(error).replace(place.url, place.shown)
    for secret in secrets_of(place.url):
        said = said.replace(secret, "***")
    if getattr(error, "sqlstate", None) == EPOCH_ENDED:
        return EpochEnded(f"journal {place.shown}: {said}", remedy="it joins again by itself")
    kind = JournalGone if is_gone(error) else JournalError
    return kind(f"journal {place.shown}: {said}", remedy="then `campaign resume`")


EPOCH_ENDED = "CE001"  # the SQLSTATE that a shared journal gives a worker that was taken for dead
# A session that ended or never began (postgresql.org/docs/current/errcodes-appendix.html): the
# server shuts down, crashed, starts, ended one that was idle; 08: of the connection itself.
_GONE_STATES = ("57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "08")


def is_gone(error: BaseException) -> bool:
    """Whether the session of PostgreSQL is over, so that a new one may do."""
    if type(error).__name__ == _LATER:
        return True
    if not type(error).__module__.startswith("psycopg"):
        return False
    state = getattr(error, "sqlstate", None)
    if state is None:  # said by the driver itself
        return type(error).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")
    return str(state).startswith(_GONE_STATES)
