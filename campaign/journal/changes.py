"""Changes of state, as one statement for many of them.

In: `Change`s.  Out: lines of `history` (and, by its trigger, rows of `standings`).
Touches: the database, inside the caller's transaction.

Many changes go in one INSERT, which takes a fifth less time than one for each (measured).  Core
makes the statements, the driver's own cursor runs them: through a SQLAlchemy connection each commit
costs 100 µs more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from sqlalchemy import insert
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from campaign.journal.schema import history, suppressing
from campaign.journal.totals import Totals, arrive, no_moves
from campaign.records import Change, State

# Lines in one statement.  Few sizes, since each is prepared once and kept by the driver (it keeps
# 128); any number up to 128 is at most two of them.
SIZES = (*range(1, 16), *range(16, 129, 16))
LARGEST = SIZES[-1]

_FIELDS = tuple(field.rstrip("_") for field in Change._fields)
_STATE, _CLASS = _FIELDS.index("state"), _FIELDS.index("class")
# sqlite3 is slow with anything that is not exactly int, float or str.
_PLAIN = {state: str(state) for state in State}


class ChangeWriter:
    """The statements of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._statements = _statements(_FIELDS, dialect)
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
            values: list[object] = []
            for change in part:
                values += change
            states = [_PLAIN[change.state] for change in part]
            values[_STATE :: len(_FIELDS)] = states
            values[_CLASS :: len(_FIELDS)] = [str(change.class_) for change in part]
            _execute(cursor, self._statements, values)
            arrive(moves, states)
        self._totals.enter(cursor, moves)

    def suppress(self, cursor: DBAPICursor, keys: Iterable[str]) -> None:
        """Take in people who must not be written to, known or not."""
        cursor.executemany(self._suppressing, [(key,) for key in keys])


def _execute(cursor: DBAPICursor, statements: dict[int, str], values: list[object]) -> None:
    fields, start = len(_FIELDS), 0
    while left := (len(values) - start) // fields:
        size = min(left, LARGEST) if left < 16 else min(left, LARGEST) // 16 * 16
        end = start + size * fields
        cursor.execute(statements[size], values[start:end])
        start = end


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
