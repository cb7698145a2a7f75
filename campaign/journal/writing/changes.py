"""Changes of state, as one statement for many of them.

In: `Change`s.  Out: lines of `history` (and, by its trigger, rows of `standings`).
Touches: the database, inside the caller's transaction.

Many changes go in one INSERT, which takes a fifth less time than one for each (measured).  Those
to `sending` and to `sent`, nearly all, have one of their own that leaves out what they never say.
Core makes the statements for SQLite, `columns` those for a server; the driver's own cursor runs
them: through a SQLAlchemy connection each commit costs 100 µs more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from campaign.database.sql import DBAPICursor, Dialect, bindparam, insert, literal_column
from campaign.errors import JournalError
from campaign.journal.schema import history, suppressing
from campaign.journal.states import POSSIBLE
from campaign.journal.writing.columns import ColumnInsertion, WholeCommit
from campaign.journal.writing.totals import Totals, count, no_moves
from campaign.records import CHANGE_FIELDS, Change, State

# Lines in one statement.  Few sizes, since each is prepared once and kept by the driver (it keeps
# 128); any number up to 128 is at most two of them.
SIZES = (*range(1, 16), *range(16, 129, 16))
LARGEST = SIZES[-1]

_FIELDS = tuple(field.rstrip("_") for field in CHANGE_FIELDS)
_OF_SENDING = ("row", "at", "attempts", "sendings", "resends", "relay", "date_s")
_OF_SENT = (*_OF_SENDING[:-2], "class", "code", "enhanced", "reply", "relay")
_INSERTIONS: tuple[tuple[tuple[str, ...], State | None], ...] = (
    (_OF_SENDING, State.SENDING),
    (_OF_SENT, State.SENT),
    (_FIELDS, None),
)
# sqlite3 is slow with anything that is not exactly int, float or str.
_PLAIN = {state: str(state) for state in State}


class ChangeWriter:
    """The statements of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._totals = Totals(dialect)
        self._whole: WholeCommit | None = None
        self._insertions: Sequence[_Insertion | ColumnInsertion]  # as `_values` has the values
        if dialect.name == "postgresql":
            columns = [ColumnInsertion(*each) for each in _INSERTIONS]
            self._insertions = columns
            self._whole = WholeCommit(columns, self._totals.moved)
        else:
            self._insertions = [_Insertion(dialect, *each) for each in _INSERTIONS]
        self._suppressing = suppressing(dialect)

    def write(self, cursor: DBAPICursor, changes: Iterable[Change]) -> None:
        """Write changes, those of one recipient in their order.

        Raises JournalError for a change the table of states forbids, where the state before is
        told; otherwise the driver's error for it, or for a row that is not there.
        """
        changes = list(changes)
        _refuse_impossible(changes)
        moves = no_moves()
        for part in _parts(changes):
            self._totals.leave(cursor, part, moves)
            for insertion, values in zip(self._insertions, _values(part), strict=True):
                insertion.execute(cursor, values)
            count(moves, [change.state for change in part], 1)
        self._totals.enter(cursor, moves)

    def write_at_once(self, cursor: DBAPICursor, changes: Sequence[Change]) -> bool:
        """The same in one statement, which on a server is a transaction by itself; or do nothing
        where it takes several, and say so."""
        if self._whole is None or len({change.row for change in changes}) < len(changes):
            return False
        if any(change.before is None for change in changes):
            return False
        _refuse_impossible(changes)
        moves = no_moves()
        count(moves, [change.before for change in changes if change.before is not None], -1)
        count(moves, [change.state for change in changes], 1)
        self._whole.execute(cursor, _values(changes), moves)
        return True

    def suppress(self, cursor: DBAPICursor, keys: Iterable[str]) -> None:
        """Take in people who must not be written to, known or not."""
        cursor.executemany(self._suppressing, [(key,) for key in keys])


def _refuse_impossible(changes: Sequence[Change]) -> None:
    """Our own bug is named before the database refuses the whole commit for it."""
    for change in changes:
        before = change.before
        if before is not None and (before, change.state) not in POSSIBLE:
            raise JournalError(
                f"row {change.row} cannot go from {before} to {change.state}",
                remedy="report this",
            )


class _Insertion:
    """INSERTs of many lines that say the same fields; `state` where it is that of all."""

    def __init__(self, dialect: Dialect, fields: Sequence[str], state: State | None) -> None:
        self._width = len(fields)
        self._statements = _statements(fields, dialect, state)

    def execute(self, cursor: DBAPICursor, values: list[object]) -> None:
        """As few statements as there are sizes for; `values` holds line after line."""
        start = 0
        while left := (len(values) - start) // self._width:
            size = min(left, LARGEST) if left < 16 else min(left, LARGEST) // 16 * 16
            end = start + size * self._width
            cursor.execute(self._statements[size], values[start:end])
            start = end


def _values(changes: Sequence[Change]) -> tuple[list[object], list[object], list[object]]:
    """Those of changes to `sending`, to `sent` by a reply, and of the others, line after line."""
    sendings: list[object] = []
    sent: list[object] = []
    others: list[object] = []
    for c in changes:
        if c.state is State.SENDING:
            sendings += (c.row, c.at, c.attempts, c.sendings, c.resends, c.relay, c.date_s)
        elif c.state is State.SENT and not c.reason:
            sent += (
                c.row, c.at, c.attempts, c.sendings, c.resends, str(c.class_), c.code,
                c.enhanced, c.reply, c.relay,
            )  # fmt: skip
        else:
            others += (
                c.row, _PLAIN[c.state], c.at, c.attempts, c.sendings, c.resends, c.due, c.reason,
                str(c.class_), c.code, c.enhanced, c.reply, c.relay, c.date_s,
            )  # fmt: skip
    return sendings, sent, others


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


def _statements(fields: Sequence[str], dialect: Dialect, state: State | None) -> dict[int, str]:
    """One statement for each size; Core makes the smallest, the rest repeat its row of values."""
    said: dict[str, Any] = {field: bindparam(field) for field in fields}
    if state is not None:
        said["state"] = literal_column(f"'{state}'")
    made = insert(history).inline().values(said).compile(dialect=dialect)
    head, _, row = str(made).partition(" VALUES ")
    assert tuple(made.positiontup or fields) == tuple(fields), "values come in the order of fields"
    return {size: f"{head} VALUES {', '.join([row] * size)}" for size in SIZES}
