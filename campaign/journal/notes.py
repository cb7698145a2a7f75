"""The journal's notes about itself, by name.

In: a connection.  Out: texts.  Touches: the table `meta`.
"""

from __future__ import annotations

from campaign.database.sql import Connection, insert, text
from campaign.journal.schema import meta


def recall(connection: Connection, name: str) -> str:
    """A note of the journal about itself; "" where there is none."""
    found = connection.execute(text("SELECT value FROM meta WHERE name = :name"), {"name": name})
    return str(found.scalar() or "")


def remember(connection: Connection, name: str, value: str) -> None:
    """A note takes the place of an earlier one."""
    forget(connection, name)
    connection.execute(insert(meta).values(name=name, value=value))


def forget(connection: Connection, name: str) -> None:
    connection.execute(text("DELETE FROM meta WHERE name = :name"), {"name": name})


def is_finished(connection: Connection) -> bool:
    """Whether the journal holds a plan that stands."""
    return recall(connection, "finished") == "yes"


def rendered(connection: Connection) -> tuple[int, int]:
    """How many messages were made when planning, and their bytes in all."""
    count, size_bytes = (recall(connection, "rendered") or "0 0").split()
    return int(count), int(size_bytes)


def last_change(connection: Connection) -> int:
    """The number of the last change that stays; those of an unfinished amendment may not."""
    asked = "SELECT max(change) FROM history"
    if base := recall(connection, "amended_from"):
        asked = f"SELECT max(change) FROM standings WHERE row <= {int(base)}"
    return int(connection.execute(text(asked)).scalar() or 0)
