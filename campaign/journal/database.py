"""Opening the database of a journal, safely or not at all.

In: the url of [journal].  Out: `Place`, SQLAlchemy engines, errors with a remedy.
Touches: the database, the mount table.

SQLAlchemy is imported where an engine is made: a glance at a SQLite file goes without.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from campaign.errors import ConfigError, JournalError

if TYPE_CHECKING:
    from sqlalchemy import Engine

# Write-ahead logging needs memory shared by all who open the file (sqlite.org/wal.html, 1).
NETWORK_FILESYSTEMS = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2"}
    | {"gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs"}
)
MOUNTS = Path("/proc/self/mountinfo")
BUSY_MS = 10_000  # how long a backup or a report may hold us up
CACHE_KIB = 2_048  # memory for pages; more did not make planning or sending faster (measured)
PAGE_BYTES = 4_096  # as SQLite has it where nobody says otherwise
CHECKPOINT_PAGES = 4_000  # 16 MB of log before pages move into the database


class Place(NamedTuple):
    """Where a journal is."""

    url: str  # of PostgreSQL, as SQLAlchemy takes it
    dialect: str  # "sqlite" or "postgresql"
    path: Path | None  # of the SQLite file, absolute
    emergency: Path  # where outcomes go when the journal fails

    @property
    def shown(self) -> str:
        """For messages: the path, or the url without its password."""
        if self.path:
            return str(self.path)
        from sqlalchemy.engine import make_url

        return make_url(self.url).render_as_string()

    def beside(self, suffix: str) -> Path:
        """A file that belongs to the SQLite file."""
        assert self.path is not None
        return self.path.with_name(self.path.name + suffix)


def locate(url: str, folder: Path) -> Place:
    """Read the url: sqlite:///beside/the/campaign, sqlite:////absolute, postgresql+psycopg://...

    Raises ConfigError for anything else.
    """
    scheme, _, rest = url.partition("://")
    dialect = scheme.partition("+")[0]
    if dialect == "postgresql":
        return Place(url, dialect, None, (folder / "state/journal.emergency").absolute())
    name = rest.partition("?")[0].removeprefix("/")
    if dialect != "sqlite" or name in {"", ":memory:"}:
        raise ConfigError(f"[journal] url '{url}' cannot hold a journal", remedy=_FORMS)
    path = (folder / name).absolute()
    return Place(f"sqlite:///{path}", dialect, path, path.with_name(f"{path.name}.emergency"))


_FORMS = "write sqlite:///state/journal.sqlite or postgresql+psycopg://user@host/name"


def filesystem_of(path: Path, mounts: str) -> str:
    """The type of the filesystem that holds a path, from the text of /proc/self/mountinfo.

    "" where it cannot be known.  Fields as in proc(5): the mount point is the fifth, the type the
    first after the lone hyphen; blanks are written as octal escapes.
    """
    found, found_length = "", -1
    wanted = str(path.resolve()).rstrip("/") + "/"
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point = left.split(" ")[4].encode().decode("unicode_escape").rstrip("/") + "/"
        if wanted.startswith(point) and len(point) >= found_length:
            found, found_length = right.split(" ")[0], len(point)
    return found


def refuse_network_filesystem(path: Path, mounts: Path = MOUNTS) -> None:
    """Raises JournalError where several machines could write the same file."""
    if not mounts.exists():  # not Linux
        return
    kind = filesystem_of(path.parent, mounts.read_text())
    if kind in NETWORK_FILESYSTEMS:
        raise JournalError(
            f"the journal {path} is on a network filesystem ({kind}), where a commit is not safe",
            remedy="put it on a local disk, or use a postgresql+psycopg:// journal",
        )


def open_for_writing(place: Place) -> Engine:
    """An engine whose every transaction is durable when it commits."""
    if place.path is None:
        return _engine(place.url, paramstyle="format")
    from sqlalchemy import event

    engine = _engine("sqlite://", creator=lambda: _connect_for_writing(place))

    @event.listens_for(engine, "begin")
    def _(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _connect_for_writing(place: Place) -> sqlite3.Connection:
    """By path: in a url, SQLAlchemy would take "?" and "%" of a folder's name for its own."""
    assert place.path is not None
    if not place.path.exists():  # SQLite would make it readable for everybody
        os.close(os.open(place.path, os.O_CREAT | os.O_RDWR, 0o600))
    # Transactions are begun by us, never behind our back.
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


def open_for_reading(place: Place) -> Engine:
    """An engine that cannot write, usable while a run writes."""
    if place.path is None:
        return _engine(
            place.url,
            paramstyle="format",
            connect_args={"options": "-c default_transaction_read_only=on"},
        )
    return _engine("sqlite://", creator=lambda: connect_for_reading(place))


def connect_for_reading(place: Place) -> sqlite3.Connection:
    """A SQLite file through its driver; each statement is a transaction of its own."""
    assert place.path is not None
    if not place.path.exists():
        raise JournalError(
            f"there is no journal at {place.path}", remedy="make one with `campaign plan`"
        )
    quoted = str(place.path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    connection = sqlite3.connect(
        f"file:{quoted}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _engine(url: str, **also: Any) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    try:
        return create_engine(url, poolclass=NullPool, **also)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigError(
            f"the journal's database driver is not installed: {error}",
            remedy="pip install 'campaign[postgresql]'",
        ) from error
    except ArgumentError as error:
        raise ConfigError(f"[journal] url '{url}' is not a database url", remedy=_FORMS) from error


@contextmanager
def told(place: Place) -> Iterator[None]:
    """Turns an error of the database into one sentence with a remedy (JournalError)."""
    try:
        yield
    except _database_errors() as error:
        raise explain(getattr(error, "orig", None) or error, place) from error


def _database_errors() -> tuple[type[Exception], ...]:
    """What SQLAlchemy raises, and the drivers where it is not in between; none is imported here."""
    named = (("sqlalchemy.exc", "DBAPIError"), ("sqlite3", "Error"), ("psycopg", "Error"))
    return tuple(getattr(sys.modules[name], kind) for name, kind in named if name in sys.modules)


# SQLite's own names of its results (sqlite.org/rescode.html), the longest match counts.
_REMEDIES = {
    "SQLITE_FULL": ("the disk is full", "make room, then `campaign resume`"),
    "SQLITE_IOERR": ("the disk reports an error", "look at the disk, then `campaign resume`"),
    "SQLITE_READONLY": ("it cannot be written", "look at the rights of file and folder"),
    "SQLITE_CANTOPEN": ("it cannot be opened", "look at its rights, its folder's, and `ulimit -n`"),
    "SQLITE_CORRUPT": ("it is damaged", "restore a backup, or save it with `sqlite3 .recover`"),
    "SQLITE_NOTADB": ("it is not a journal, or damaged", "restore a backup"),
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
    return JournalError(f"journal {place.shown}: {error}", remedy="then `campaign resume`")
