"""Changes of state, as one statement for many of them.

In: `Change`s.  Out: lines of `history` (and, by its trigger, rows of `standings`).
Touches: the database, inside the caller's transaction.

Many changes go in one INSERT, which takes a fifth less time than one for each (measured).  Those
to `sending`, half of all, have one of their own that leaves out what they never say.  Core makes
the statements, the driver's own cursor runs them: through a SQLAlchemy connection each commit costs
100 µs more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from sqlalchemy import insert
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from campaign.journal.schema import history, suppressing
from campaign.journal.totals import Totals, arrive, no_moves
from campaign.records import CHANGE_FIELDS, Change, State

# Lines in one statement.  Few sizes, since each is prepared once and kept by the driver (it keeps
# 128); any number up to 128 is at most two of them.
SIZES = (*range(1, 16), *range(16, 129, 16))
LARGEST = SIZES[-1]

_FIELDS = tuple(field.rstrip("_") for field in CHANGE_FIELDS)
_FIELDS_OF_SENDING = ("row", "state", "at", "attempts", "sendings", "resends", "relay")
# sqlite3 is slow with anything that is not exactly int, float or str.
_PLAIN = {state: str(state) for state in State}


class ChangeWriter:
    """The statements of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._sendings = _Insertion(_FIELDS_OF_SENDING, dialect)
        self._others = _Insertion(_FIELDS, dialect)
        self._totals = Totals(dialect)
        self._suppressing = suppressing(dialect)

    def write(self, cursor: DBAPICursor, changes: Iterable[Change]) -> None:
        """Write changes, those of one recipient in their order.

        Raises the driver's error for a change the table of states forbids, or a row that is not
        there.
        """
        changes = list(changes)
        moves = no_moves()
        for part in _parts(changes):
            self._totals.leave(cursor, part, moves)
            sendings, others = _values(part)
            self._sendings.execute(cursor, sendings)
            self._others.execute(cursor, others)
            arrive(moves, [change.state for change in part])
        self._totals.enter(cursor, moves)

    def suppress(self, cursor: DBAPICursor, keys: Iterable[str]) -> None:
        """Take in people who must not be written to, known or not."""
        cursor.executemany(self._suppressing, [(key,) for key in keys])


class _Insertion:
    """INSERTs of many lines that say the same fields."""

    def __init__(self, fields: Sequence[str], dialect: Dialect) -> None:
        self._width = len(fields)
        self._statements = _statements(fields, dialect)

    def execute(self, cursor: DBAPICursor, values: list[object]) -> None:
        """As few statements as there are sizes for; `values` holds line after line."""
        start = 0
        while left := (len(values) - start) // self._width:
            size = min(left, LARGEST) if left < 16 else min(left, LARGEST) // 16 * 16
            end = start + size * self._width
            cursor.execute(self._statements[size], values[start:end])
            start = end


def _values(changes: Sequence[Change]) -> tuple[list[object], list[object]]:
    """Those of changes to `sending` and those of the others, line after line."""
    sending = State.SENDING
    sendings: list[object] = []
    others: list[object] = []
    for c in changes:
        state = _PLAIN[c.state]
        if c.state is sending:
            sendings += (c.row, state, c.at, c.attempts, c.sendings, c.resends, c.relay)
        else:
            others += (
                c.row, state, c.at, c.attempts, c.sendings, c.resends, c.due, c.reason,
                str(c.class_), c.code, c.enhanced, c.reply, c.relay,
            )  # fmt: skip
    return sendings, others


def _parts(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """All at once, unless a recipient comes up twice: then cut before each second time."""
    if len({change.row for change in changes}) == len(changes):
        yield changes
        return
    seen: set[int] = set()
    part = 0

    def number(change: Change) -> int:
        nonlocal part
        if change.row in seen:
            part += 1
            seen.clear()
        seen.add(change.row)
        return part

    for _, group in groupby(changes, number):
        yield list(group)


def _statements(fields: Sequence[str], dialect: Dialect) -> dict[int, str]:
    """One statement for each size; Core makes the smallest, the rest repeat its row of values."""
    made = insert(history).inline().compile(dialect=dialect, column_keys=list(fields))
    head, _, row = str(made).partition(" VALUES ")
    assert tuple(made.positiontup or fields) == tuple(fields), "values come in the order of fields"
    return {size: f"{head} VALUES {', '.join([row] * size)}" for size in SIZES}
