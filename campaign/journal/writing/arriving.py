"""Letters that an open campaign was asked for become recipients of its journal.

In: rows that were accepted, each with its number for good; how far they go.
Out: planned recipients, or deferred ones whose time comes later, or skipped ones who must not be
written to; a note of how far they go, in the same transaction.
Touches: the database, inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from campaign.database.sql import DBAPICursor
from campaign.journal.states import LATER
from campaign.journal.taken import TAKEN_NOTE, Taken
from campaign.journal.writing.changes import ChangeWriter
from campaign.journal.writing.totals import Totals, count, no_moves
from campaign.records import Change, State


class ArrivedRow(NamedTuple):
    """One that was accepted.

    due_s: Unix time before which it is not sent; 0.0: none
    expires_s: Unix time from which it is not sent any more
    reason: why it is not sent at all; "" if it is
    message_id: its own, of a finished message; "" is made from the row
    """

    row: int
    source: int
    address: str
    key: str
    domain: str
    data: str
    reason: str
    accepted_s: float
    due_s: float
    expires_s: float
    message_id: str

    @property
    def state(self) -> State:
        """Where it stands when it is in the journal."""
        if self.reason:
            return State.SKIPPED
        return State.DEFERRED if self.due_s else State.PLANNED


class Arriving(NamedTuple):
    """Letters that are taken together, and how far the journal comes with them."""

    rows: Sequence[ArrivedRow]
    taken: Taken


class ArrivalWriter:
    """The statements of one dialect."""

    def __init__(self, changes: ChangeWriter) -> None:
        dialect = changes.dialect
        sign = "%s" if dialect.paramstyle == "format" else "?"
        self._changes = changes
        self._totals = Totals(dialect)
        signs = ", ".join([sign] * 7)
        self._recipients = (
            "INSERT INTO recipients (row, source, line, address, key, domain, data)"
            f" VALUES ({signs})"
        )
        self._standings = f"INSERT INTO standings (row, state) VALUES ({sign}, 'planned')"
        self._repeats = f"INSERT INTO repeats (row) VALUES ({sign})"
        self._deadlines = f"INSERT INTO deadlines (row, expires_s) VALUES ({sign}, {sign})"
        self._own_ids = f"INSERT INTO own_ids (row, message_id) VALUES ({sign}, {sign})"
        self._forget = f"DELETE FROM meta WHERE name = {sign}"
        self._note = f"INSERT INTO meta (name, value) VALUES ({sign}, {sign})"

    def write(self, cursor: DBAPICursor, arriving: Arriving) -> None:
        """Make recipients of rows, which the journal does not have."""
        new = arriving.rows
        cursor.execute(self._forget, (TAKEN_NOTE,))
        cursor.execute(self._note, (TAKEN_NOTE, arriving.taken.written()))
        cursor.executemany(
            self._recipients,
            [(r.row, r.source, r.row, r.address, r.key, r.domain, r.data) for r in new],
        )
        numbers = [(each.row,) for each in new]
        cursor.executemany(self._standings, numbers)
        cursor.executemany(self._repeats, numbers)
        cursor.executemany(self._deadlines, [(each.row, each.expires_s) for each in new])
        if own := [(each.row, each.message_id) for each in new if each.message_id]:
            cursor.executemany(self._own_ids, own)
        moves = no_moves()
        count(moves, [State.PLANNED] * len(new), 1)
        self._totals.enter(cursor, moves)
        if changes := [_change(each) for each in new if each.state is not State.PLANNED]:
            self._changes.write(cursor, changes)


def _change(row: ArrivedRow) -> Change:
    reason = row.reason or LATER
    return Change(
        row.row, row.state, row.accepted_s, 0, 0, 0, row.due_s, reason, before=State.PLANNED
    )
