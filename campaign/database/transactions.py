"""All or nothing, for the connection that may write.

In: a connection.  Out: a committed transaction, or the error that prevented it.
Touches: the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from campaign.database.sql import Connection


@contextmanager
def atomic(connection: Connection) -> Iterator[None]:
    """One transaction, durable when the block ends; what a question before began is ended first.

    Of two errors the first is raised: a connection that broke cannot take anything back either.
    """
    connection.rollback()
    transaction = connection.begin()
    try:
        yield
    except BaseException:
        with suppress(Exception):
            transaction.rollback()
        raise
    transaction.commit()
