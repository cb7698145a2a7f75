"""Asking members of a fleet to leave, from any process.

In: the url of [journal], a worker's name.  Out: who was asked, who is still there.
Touches: a mark in each member's row.  Fails with JournalError.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from campaign.database.engines import open_for_reading, open_for_writing
from campaign.database.failures import told
from campaign.database.places import locate
from campaign.database.sql import text
from campaign.journal.sharing.tables import is_shared


def ask_to_leave(url: str, folder: Path, worker: str) -> dict[int, str]:
    """Epoch and name of the members of this name, of all where it is ""."""
    place = locate(url, folder)
    if place.path is not None:
        return {}
    with told(place), open_for_writing(place).connect() as connection:
        if not is_shared(connection):
            return {}
        found = connection.execute(
            text(
                "UPDATE fleet_members SET is_drained = true WHERE ended_s = 0"
                " AND (:worker = '' OR worker = :worker) RETURNING epoch, worker"
            ),
            {"worker": worker},
        ).all()
        connection.commit()
    return {int(epoch): str(name) for epoch, name in found}


def still_there(url: str, folder: Path, epochs: Collection[int]) -> list[int]:
    """Those of the epochs that have not ended."""
    place = locate(url, folder)
    with told(place), open_for_reading(place).connect() as connection:
        found = connection.execute(
            text("SELECT epoch FROM fleet_members WHERE ended_s = 0 AND epoch = ANY(:epochs)"),
            {"epochs": list(epochs)},
        )
        return [int(epoch) for epoch in found.scalars()]
