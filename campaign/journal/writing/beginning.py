"""The writer of a run, begun over a connection that nothing else uses from then on.

In: the connection, where outcomes are kept in an emergency.  Out: a `Writer` that runs, and that
file.  Touches: the emergency file.  Fails with JournalError where outcomes would have no room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from campaign.clock import Clock
from campaign.database.engines import limit_waits
from campaign.database.places import Place
from campaign.database.sql import Connection
from campaign.errors import JournalError
from campaign.journal.writing.changes import ChangeWriter
from campaign.journal.writing.emergency import EmergencyFile
from campaign.journal.writing.transactions import Transactions
from campaign.journal.writing.writer import Writer

ANSWER_S = 60.0  # of a server, to one statement of a run; commits take milliseconds


def emergency_room(path: Path, plan_id: str) -> EmergencyFile:
    """The file, with its room on the disk set aside.  Raises JournalError."""
    file = EmergencyFile(path, plan_id)
    try:
        file.reserve()
    except OSError as error:
        raise JournalError(
            f"no room for outcomes in an emergency: {error}",
            file=str(path),
            remedy="make room on the disk (1 MB)",
        ) from error
    return file


def begin_writer(
    connection: Connection,
    place: Place,
    changes: ChangeWriter,
    emergency: EmergencyFile,
    loop: asyncio.AbstractEventLoop,
    on_failure: Callable[[JournalError], None],
    clock: Clock,
) -> Writer:
    """A writer whose thread runs; `on_failure` is called in the loop, once."""
    limit_waits(connection, ANSWER_S)
    driver = connection.connection.dbapi_connection
    assert driver is not None
    transactions = Transactions(driver, place, changes)
    writer = Writer(transactions, emergency, loop, on_failure, clock)
    writer.start()
    return writer
