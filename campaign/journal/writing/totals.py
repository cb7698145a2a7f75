"""How many recipients stand where, kept up to date so that nobody has to count a million rows.

In: the changes of a commit.  Out: one row of sums, in the same transaction.
Touches: the database, inside the caller's transaction.

`status --watch` asks every second; counting would take 0.2 s each time, keeping the sums costs a
run 0.5 µs a change.  Who left for an archive stays in the sums: they are of all recipients that
there ever were.  The audit counts for itself.  So does a run when it begins, as long as that
is quick: a resumed run of a hundred million must not wait for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from campaign.records import Change, State

if TYPE_CHECKING:
    from campaign.database.sql import Connection, DBAPICursor, Dialect

_STATES = tuple(State)
_PLACE = {state: place for place, state in enumerate(_STATES)}
_MOST = 500  # rows asked for in one statement
_QUICKLY_COUNTED = 500_000  # rows
_EACH = ", ".join(_STATES)
# Of a new plan nearly all are planned, and a row that is need not be held against each state.
_COUNT = {state: f"count(*) FILTER (WHERE state = '{state}')" for state in _STATES}
_COUNT[State.PLANNED] = "(SELECT count(*) FROM standings) - count(*)"
_LEFT = "(SELECT COALESCE(CAST(sum(letters) AS BIGINT), 0) FROM rotated WHERE state = '{}')"
_EACH_COUNTED = ", ".join(f"{counted} + {_LEFT.format(state)}" for state, counted in _COUNT.items())
_COUNTED = f"{_EACH_COUNTED} FROM standings WHERE state <> 'planned'"


class Totals:
    """Keeps the sums of one journal."""

    def __init__(self, dialect: Dialect) -> None:
        self._sign = "%s" if dialect.paramstyle == "format" else "?"
        self._asked = "SELECT state, count(*) FROM standings WHERE row IN "
        moves = ", ".join(f"{state} = {state} + {self._sign}" for state in _STATES)
        self.moved = f"UPDATE totals SET {moves}"

    def leave(self, cursor: DBAPICursor, changes: Sequence[Change], moves: list[int]) -> None:
        """Take the rows out of the states they stand in, before they change.

        A run knows them, for the journal took them from it: to ask costs it 1.3 µs a letter.
        """
        count(moves, [change.before for change in changes if change.before is not None], -1)
        asked = [change.row for change in changes if change.before is None]
        for start in range(0, len(asked), _MOST):
            rows = asked[start : start + _MOST]
            signs = ", ".join([self._sign] * len(rows))
            cursor.execute(f"{self._asked}({signs}) GROUP BY state", rows)
            for state, left in cursor.fetchall():
                moves[_PLACE[State(state)]] -= left

    def enter(self, cursor: DBAPICursor, moves: list[int]) -> None:
        """Write down all moves of a commit."""
        cursor.execute(self.moved, moves)


def no_moves() -> list[int]:
    """As many zeros as there are states."""
    return [0] * len(_STATES)


def count(moves: list[int], states: Sequence[State], each: int) -> None:
    """Rows that leave these states (each -1) or come to them (1)."""
    for state, rows in Counter(states).items():
        moves[_PLACE[state]] += each * rows


def forget_totals(connection: Connection) -> None:
    """From here on they are counted when asked for, as while a plan is made."""
    connection.exec_driver_sql("DELETE FROM totals")


def count_totals(connection: Connection) -> None:
    """Count once; from here on they are kept."""
    forget_totals(connection)
    connection.exec_driver_sql(f"INSERT INTO totals (id, {_EACH}) SELECT 1, {_COUNTED}")


def make_sure_of_totals(connection: Connection) -> bool:
    """Before a run: count anew, so that sums which another program has broken are mended; whether
    that was done.

    Beyond so many rows the sums are taken as they are, if they are of as many rows as there are:
    rows are numbered without a gap, and the last one never leaves.
    """
    rows = connection.exec_driver_sql("SELECT max(row) FROM standings").scalar() or 0
    kept = connection.exec_driver_sql(f"SELECT {' + '.join(_STATES)} FROM totals").scalar()
    is_counted: bool = rows <= _QUICKLY_COUNTED or kept != rows
    if is_counted:
        count_totals(connection)
    return is_counted


def read_totals(ask: Callable[[str], Sequence[Sequence[int]]]) -> dict[State, int]:
    """How many stand where; every state is there, if with 0.  `ask` gives the rows of a query."""
    found = ask(f"SELECT {_EACH} FROM totals") or ask(f"SELECT {_COUNTED}")
    return dict(zip(_STATES, found[0], strict=True))


def totals_of(connection: Connection) -> dict[State, int]:
    """The same through a connection."""
    return read_totals(lambda asked: connection.exec_driver_sql(asked).all())
