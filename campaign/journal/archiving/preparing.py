"""A journal is made ready for letters to leave it: once, before a run.

In: the writable connection, which is in no transaction.  Out: what a person is told; "" nothing.
Touches: the database.

A letter's lines of history are found by an index that only journals have from which letters leave:
it costs each change some 2 µs of 25 (measured), which a list of a million need not pay.  A SQLite
file gives pages back to the disk only where it keeps count of them, which it begins to do when it
is written anew (sqlite.org/pragma.html#pragma_auto_vacuum).  Without room for that, nothing is
lost: what is free in the file is used by letters to come.
"""

from __future__ import annotations

import shutil
from typing import Any

from campaign.database.places import Place
from campaign.database.sql import Connection
from campaign.database.transactions import atomic
from campaign.journal.schema import ROTATION_INDEX

_INCREMENTAL = 2
_ROOM = 2.2  # of its size: VACUUM writes a copy, and the log takes one more


def make_ready(connection: Connection, place: Place) -> str:
    """Nothing is done where it was done before."""
    with atomic(connection):
        connection.exec_driver_sql(ROTATION_INDEX)
    if place.path is None:
        return ""
    driver: Any = connection.connection.dbapi_connection
    ((found,),) = driver.execute("PRAGMA auto_vacuum").fetchall()
    if found == _INCREMENTAL:
        return ""
    if shutil.disk_usage(place.path.parent).free < _ROOM * place.path.stat().st_size:
        return (
            f"{place.path.name} keeps its size when letters leave it for archives: there is no room"
            " to write it anew"
        )
    driver.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    driver.execute("VACUUM")
    return ""
