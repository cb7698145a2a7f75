"""Small stores of their own beside a journal, in either of the two databases, behind one face.

In: the url of a store, SQL with ? for values.  Out: rows.  Touches: the SQLite file, or PostgreSQL.
Fails with the error of the kind of store, in one sentence.

SQLite keeps a rollback journal: with several writers, write-ahead logging can lose a commit in the
versions before 3.51.3 (sqlite.org/wal.html, "the WAL-reset bug").  With synchronous=FULL and
journal_mode=TRUNCATE the end of the journal is synced too, so a commit that was answered stays.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from campaign.database.places import locate
from campaign.errors import CampaignError, ConfigError, JournalError

if TYPE_CHECKING:
    import psycopg

    from campaign.database.postgresql import Session

BUSY_S = 30.0  # how long another writer may keep us waiting
_SCHEMES = "write sqlite:///{file} or postgresql+psycopg://user@host/name"
Row = tuple[Any, ...]


class StoreKind(NamedTuple):
    """What a store is, for messages, and what keeps its writers apart on a server."""

    noun: str  # "suppression store"
    table: str  # of campaign.toml, where its url stands: "[suppression]"
    file_name: str
    error: type[CampaignError]
    lock: int  # any number, the same in all our processes


class Database(ABC):
    """One connection; calls from several threads wait for each other."""

    is_postgresql = False

    def __init__(self, kind: StoreKind, shown: str, key_file: Path) -> None:
        self.kind = kind
        self.shown = shown  # for messages
        self.key_file = key_file  # of erased people
        self._lock = threading.RLock()

    @abstractmethod
    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""

    @abstractmethod
    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement; how many rows it changed."""

    @abstractmethod
    def change_each(self, sql: str, rows: Sequence[Row]) -> int:
        """Run it for each row; how many rows were changed in all."""

    @abstractmethod
    def fill(self, table: str, rows: Iterable[Row], columns: int) -> None:
        """Put many rows into a table of our own session."""

    @abstractmethod
    def writing(self) -> Any:
        """A context: one transaction, alone among all writers, durable at its end."""

    @abstractmethod
    def close(self) -> None: ...


class SmallStore:
    """What every small store is around its database: `with` it closes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()


def open_beside(journal_url: str, folder: Path, suffix: str, kind: StoreKind) -> Database:
    """A store of one journal: in the database of its server, or a file beside its own.

    Raises ConfigError, and the error of the kind.
    """
    place = locate(journal_url, folder)
    if place.path is None:
        return open_store(place.url, folder, kind)
    file = place.beside(suffix)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():  # SQLite would make it readable for everybody
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise kind.error(
            f"{file} cannot be made: {error.strerror}", remedy="look at its folder's rights"
        ) from None
    return open_store(f"sqlite:///{file}", folder, kind)


def open_store(url: str, folder: Path, kind: StoreKind) -> Database:
    """Relative paths start at `folder`.  Raises ConfigError, and the error of the kind."""
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] == "postgresql":
        return _Postgresql(url, folder, kind)
    name = rest.removeprefix("/")
    if scheme != "sqlite" or name in {"", ":memory:"}:
        raise ConfigError(
            f"{kind.table} url '{url}' cannot hold a store",
            remedy=_SCHEMES.format(file=kind.file_name),
        )
    return _Sqlite((folder / name).absolute(), kind)


class _Sqlite(Database):
    def __init__(self, path: Path, kind: StoreKind) -> None:
        super().__init__(kind, str(path), path.with_name(f"{path.name}.key"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise kind.error(f"{path.parent} cannot be made: {error.strerror}") from None
        with self._said():
            self._connection = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode=TRUNCATE", "synchronous=FULL", "cache_size=-16000"):
                self._connection.execute(f"PRAGMA {pragma}")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._lock, self._said():
            return self._connection.execute(sql, values).fetchall()

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        with self._lock, self._said():
            return self._connection.execute(sql, values).rowcount

    def change_each(self, sql: str, rows: Sequence[Row]) -> int:
        with self._lock, self._said():
            return self._connection.executemany(sql, rows).rowcount

    def fill(self, table: str, rows: Iterable[Row], columns: int) -> None:
        signs = ", ".join("?" * columns)
        with self._lock, self._said():
            self._connection.execute("BEGIN")  # of temporary tables only: nobody is locked out
            try:
                self._connection.executemany(f"INSERT INTO {table} VALUES ({signs})", rows)
            finally:
                self._connection.execute("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._lock:
            with self._said():
                self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                with self._said():
                    self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self.kind.error(
                f"the {self.kind.noun} {self.shown} cannot be used: {error}",
                remedy=_remedy(error, self.kind),
            ) from error


def _remedy(error: sqlite3.Error, kind: StoreKind) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return {
        sqlite3.SQLITE_BUSY: "another process keeps it locked: see which one, and try again",
        sqlite3.SQLITE_FULL: "make room on its disk",
        sqlite3.SQLITE_READONLY: "let this user write the file and its folder",
        sqlite3.SQLITE_CANTOPEN: "let this user write the file and its folder",
        sqlite3.SQLITE_NOTADB: f"the url of {kind.table} names another file; correct it",
        sqlite3.SQLITE_CORRUPT: "restore it from a backup",
    }.get(code, "")


class _Postgresql(Database):
    is_postgresql = True

    def __init__(self, url: str, folder: Path, kind: StoreKind) -> None:
        place = locate(url, folder)
        super().__init__(kind, place.shown, folder / "suppression.key")
        try:
            import psycopg

            from campaign.database.postgresql import connect
        except ImportError:
            raise kind.error(
                "a store in PostgreSQL needs psycopg",
                remedy="pip install 'campaign[postgresql]'",
            ) from None
        self._error: type[psycopg.Error] = psycopg.Error
        self._connect = partial(connect, place, is_read_only=False)
        self._is_writing = self._is_closed = False
        with self._said():
            self._connection = self._new_session()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._lock, self._said():
            return self._run(sql, values).fetchall()

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        with self._lock, self._said():
            return self._run(sql, values).rowcount

    def change_each(self, sql: str, rows: Sequence[Row]) -> int:
        with self._lock, self._said(), self._session().cursor() as cursor:
            cursor.executemany(_percent(sql), rows)
            return cursor.rowcount

    def fill(self, table: str, rows: Iterable[Row], columns: int) -> None:
        copying = f"COPY {table} FROM STDIN".encode()
        with (
            self._lock,
            self._said(),
            self._session().cursor() as cursor,
            cursor.copy(copying) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._lock, self._said(), self._session().transaction():
            outer, self._is_writing = self._is_writing, True
            try:
                self._run("SELECT pg_advisory_xact_lock(?)", (self.kind.lock,))
                yield
            finally:
                self._is_writing = outer

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._connection.close()

    def _run(self, sql: str, values: Sequence[Any] = ()) -> psycopg.Cursor[Row]:
        return self._session().execute(_percent(sql), values)

    def _session(self) -> Session:
        """The session; a new one in place of one that was lost, for the server may be there again.

        Never within a transaction, of which a new session knows nothing.
        """
        if self._connection.closed and not (self._is_writing or self._is_closed):
            self._connection = self._new_session()
        return self._connection

    def _new_session(self) -> Session:
        try:
            session = self._connect()
        except JournalError as error:  # its commits would not be durable
            raise self.kind.error(
                error.what.replace("journal", self.kind.noun, 1), remedy=error.remedy
            ) from None
        session.autocommit = True
        session.patience_s = BUSY_S
        return session

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise self.kind.error(
                f"the {self.kind.noun} {self.shown} cannot be used: {str(error).strip()}"
            ) from error


def _percent(sql: str) -> bytes:
    """With the signs that psycopg knows; no statement of ours holds either sign otherwise."""
    return sql.replace("?", "%s").encode()
