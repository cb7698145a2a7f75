"""What an amendment takes from the list as it is now, and which rows of the plan it replaces.

In: `arrivals`, the rows of the list as it is now; the plan behind it.  Out: rows beyond the plan's
last; rows of the plan that are skipped, with the row that takes their place or as removed.
Touches: the database.

Nobody who is settled is touched, nor whose message somebody may have: a copy stays a copy.  Rows of
the plan change in the commit that finishes the amendment, so that one that is thrown away has
changed nobody.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from campaign.database.sql import Connection, CursorResult, text
from campaign.journal.planning.statements import (
    MENDED,
    MOVED,
    MOVED_IN_ORDER,
    PUT_INTO,
    REMOVED,
)

REMOVED_REASON = "removed: no longer on the list"


class Replaced(NamedTuple):
    """How many recipients who wait changed with the list."""

    corrected: int = 0  # planned with the cells that they have now
    removed: int = 0  # skipped


def move_arrivals(connection: Connection, base: int, duplicates: str, *, are_ranked: bool) -> None:
    """Take in the rows of a list whose person, or whose reject, the plan does not have yet.

    A person whom the plan has is taken in anew where the row that stands for them could not be
    rendered, was removed from the list, or waits with other cells.  With `duplicates` "allow" a
    person has several rows, and nobody can say which of them was corrected.
    """
    _run(connection, "CREATE INDEX arrivals_key ON arrivals (key)")
    moved = MOVED_IN_ORDER if are_ranked else MOVED
    _run(connection, moved, base=base, several=duplicates)


def replace_and_remove(connection: Connection, base: int, now_s: float) -> Replaced:
    """Say of rows up to `base` which row takes their place, and who is no longer on the list."""
    corrected = 0
    for row, by, state, state_now in _run(connection, MENDED, base=base).all():
        corrected += state != "skipped" and state_now != "skipped"
        if state == "skipped":  # a skipped row is skipped for another reason by way of planned
            _run(connection, PUT_INTO, of=row, state="planned", reason="put back", at=now_s)
        _run(connection, PUT_INTO, of=row, state="skipped", reason=f"mended: as row {by}", at=now_s)
    gone = _run(connection, REMOVED, base=base, now=now_s, reason=REMOVED_REASON).rowcount
    _run(connection, "DROP TABLE arrivals")
    return Replaced(corrected, gone)


def _run(
    connection: Connection, statement: str, **values: object
) -> CursorResult[*tuple[Any, ...]]:
    return connection.execute(text(statement), values)
