"""Engines of SQLAlchemy for a store.

In: a `Place`.  Out: engines for writing and for reading.  Touches: the database.
Fails with ConfigError where the url or its driver will not do, JournalError where the server
would not keep what it acknowledges.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from campaign.database.places import URL_FORMS, Place
from campaign.database.sqlite_files import (
    connect_for_reading,
    connect_for_writing,
    connect_to_single_file,
)
from campaign.errors import ConfigError
from campaign.extras import pip_line

if TYPE_CHECKING:
    from campaign.database.postgresql import Session


def open_for_writing(place: Place) -> Engine:
    """An engine whose every transaction is durable when it commits."""
    if place.path is None:
        return _postgresql(place, is_read_only=False)
    return _beginning_at_once(_engine("sqlite://", creator=lambda: connect_for_writing(place)))


def open_single_file(place: Place) -> Engine:
    """The same for a SQLite file without a log beside it."""
    return _beginning_at_once(_engine("sqlite://", creator=lambda: connect_to_single_file(place)))


def open_for_reading(place: Place, *, mode: str = "ro") -> Engine:
    """An engine that cannot write, usable while a run writes.

    `mode`: as of `connect_for_reading`."""
    if place.path is None:
        return _postgresql(place, is_read_only=True)
    # By path: in a url, SQLAlchemy would take "?" and "%" of a folder's name for its own.
    return _engine("sqlite://", creator=lambda: connect_for_reading(place, mode=mode))


def _beginning_at_once(engine: Engine) -> Engine:
    """Of SQLite: what writes is known to be alone from its beginning, and not when it ends."""

    @event.listens_for(engine, "begin")
    def _(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def limit_waits(connection: Connection, patience_s: float | None) -> None:
    """How long a server may take for each answer; a file answers by itself."""
    if session := _session(connection):
        session.patience_s = patience_s


def hurry(connection: Connection) -> None:
    """End what is waited for in a moment, also in another thread."""
    if session := _session(connection):
        session.hurry()


def is_safe_from_power_loss(connection: Connection) -> bool:
    """Whether the database flushes its disk at all; a server may have been told not to."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.exec_driver_sql("SHOW fsync").scalar_one() == "on")


def _session(connection: Connection) -> Session | None:
    driver = connection.connection.dbapi_connection
    return cast("Session", driver) if connection.dialect.name == "postgresql" else None


@lru_cache(maxsize=16)
def _postgresql(place: Place, *, is_read_only: bool) -> Engine:
    """Kept, though it keeps no session: a new engine asks its first session five questions about
    the server, and each costs a round trip."""
    try:
        from campaign.database.postgresql import connect
    except ModuleNotFoundError as error:
        raise _no_driver(error) from error
    return _engine(
        place.url,
        paramstyle="format",
        use_native_hstore=False,  # no column is one: three more questions
        creator=lambda: connect(place, is_read_only=is_read_only),
    )


def _engine(url: str, **also: Any) -> Engine:
    try:
        # A session is closed when it is given back, which takes back what was not committed.  Told
        # to roll back first, the pool logs a traceback wherever the server has gone meanwhile.
        return create_engine(url, poolclass=NullPool, pool_reset_on_return=None, **also)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise _no_driver(error) from error
    except (ArgumentError, ValueError) as error:
        raise ConfigError("[journal] url is not a database url", remedy=URL_FORMS) from error


def _no_driver(error: Exception) -> ConfigError:
    return ConfigError(
        f"the journal's database driver is not installed: {error}",
        remedy=pip_line("postgresql"),
    )
