"""Which archives there are beside a journal: one SQLite file for each month.

In: the place of a journal.  Out: places of archives; connections that read them.
Touches: the folder of the journal.  Fails with JournalError.

They are files also where the journal is on a server: there they stand in the campaign's `state`,
beside the emergency file.  So one kind of archive has to be proven, it can be moved to where disks
are cheap, and a database that many ask does not grow by what nobody asks for.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from campaign.database.engines import open_for_reading
from campaign.database.failures import told
from campaign.database.places import Place
from campaign.database.sql import Connection
from campaign.errors import JournalError
from campaign.journal.notes import recall
from campaign.journal.states import FORMAT

ARCHIVE_OF = "archive_of"  # a note of an archive: the plan of the journal it belongs to
BATCHES = "batches"  # a note of an archive: how often letters came into it, or went out
_MONTH = re.compile(r"\d{4}-\d{2}")


def month_of(at_s: float) -> str:
    """That of a Unix time (UTC): "2026-11"."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m")


def archive_name(place: Place, month: str) -> str:
    """The file that letters settled in a month go to: "journal.sqlite.2026-11"."""
    return f"{_base(place).name}.{month}"


def archive_place(place: Place, name: str) -> Place:
    """Where the archive of this name is, or would be."""
    path = _base(place).with_name(name)
    return Place(f"sqlite:///{path}", "sqlite", path, path.with_name(f"{name}.emergency"))


def archives_of(place: Place) -> list[Place]:
    """The oldest first."""
    base = _base(place)
    found = [
        path
        for path in base.parent.glob(f"{_escaped(base.name)}.*")
        if _MONTH.fullmatch(path.name.removeprefix(f"{base.name}."))
    ]
    return [archive_place(place, path.name) for path in sorted(found)]


def open_archive(place: Place) -> Connection:
    """For reading, each statement a transaction of its own.  Raises JournalError."""
    with told(place):
        # Not "ro": what a kill has left to be rolled back is, where one may write.
        engine = open_for_reading(place, mode="rw")
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            refuse_other_format(connection, place)
        except BaseException:
            connection.close()
            raise
    return connection


def refuse_other_format(connection: Connection, place: Place) -> None:
    """Raises JournalError for an archive of another version of this program."""
    found = recall(connection, "format")
    if found != FORMAT:
        raise JournalError(
            f"the archive {place.shown} has format {found}, and this program knows {FORMAT}",
            remedy="use the version of campaign that made it, or a later one",
        )


def _base(place: Place) -> Path:
    return place.path or place.emergency.with_suffix("")


def _escaped(name: str) -> str:
    return re.sub(r"([\[*?])", r"[\1]", name)
