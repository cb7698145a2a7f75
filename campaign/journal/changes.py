"""Changes of state, as one statement for many of them.

In: `Change`s.  Out: updated rows of `letters` (and, by its trigger, lines of `history`).
Touches: the database, inside the caller's transaction.

Many changes go in one UPDATE ... FROM (VALUES ...), not in one UPDATE each: Python's sqlite3 gives
up the interpreter lock for every statement, and a journal thread that has to win it back from a
busy event loop 50 times a commit needs 77 ms for it; in one statement 14 ms (measured).  Core
makes the statement, the driver's own cursor runs it: through a SQLAlchemy connection each commit
costs 100 µs more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Double,
    Integer,
    Text,
    case,
    column,
    literal_column,
    select,
    update,
    values,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from campaign.errors import JournalError
from campaign.journal.schema import CHANGE, letters
from campaign.records import Change

LARGEST = 512  # changes in one statement: 13 values each, SQLite takes 32,766
_SIZES = tuple(1 << power for power in range(10))
_TYPES = {"row": 0, "state": "", "at": 0.0, "attempts": 0, "sendings": 0, "resends": 0}
# Row 0 is no row, so padding changes nothing.  Not None: sqlite3 takes 1 µs to look up an adapter
# for each, and for anything else that is not exactly int, float or str.
_PADDING = (*_TYPES.values(), *Change._field_defaults.values())

assert _SIZES[-1] == LARGEST


class ChangeWriter:
    """The statements of one dialect, built once by SQLAlchemy Core."""

    def __init__(self, dialect: Dialect) -> None:
        self._statements = _statements(dialect)

    def write(self, cursor: DBAPICursor, changes: Iterable[Change]) -> None:
        """Write changes in their order.

        Raises the driver's error for a change the table of states forbids, JournalError for a row
        that does not exist.
        """
        rest = iter(changes)
        while part := list(islice(rest, LARGEST)):
            if len({change.row for change in part}) == len(part):
                self._write_distinct(cursor, part)
            else:
                for run in _distinct_runs(part):
                    self._write_distinct(cursor, run)

    def _write_distinct(self, cursor: DBAPICursor, changes: Sequence[Change]) -> None:
        size = 1 << (len(changes) - 1).bit_length()
        flat: list[object] = []
        for change in changes:
            flat += change
            flat[-12] = str(change.state)
        flat += _PADDING * (size - len(changes))
        cursor.execute(self._statements[size], flat)
        if cursor.rowcount != len(changes):
            rows = ", ".join(str(change.row) for change in changes[:10])
            raise JournalError(
                f"the journal has no row for {len(changes) - cursor.rowcount} of these changes: "
                f"rows {rows}",
                remedy="run `campaign audit`",
            )


def _distinct_runs(changes: Sequence[Change]) -> Iterable[list[Change]]:
    """Split where a recipient comes up a second time: one UPDATE changes a row only once."""
    run: list[Change] = []
    rows: set[int] = set()
    for change in changes:
        if change.row in rows:
            yield run
            run, rows = [], set()
        run.append(change)
        rows.add(change.row)
    yield run


def _statements(dialect: Dialect) -> dict[int, str]:
    """One statement for each size; Core makes the smallest, the rest repeat its row of values."""
    one = _statement(dialect)
    start = one.index("VALUES ") + len("VALUES ")
    end = one.index(")", start) + 1
    row = one[start:end]
    return {size: one[:start] + ", ".join([row] * size) + one[end:] for size in _SIZES}


def _statement(dialect: Dialect) -> str:
    """UPDATE letters from one row of values, in the order of the fields of `Change`."""
    kinds = {int: Integer, float: Double, str: Text}
    names = [field.rstrip("_") for field in Change._fields]
    columns: list[ColumnClause[Any]] = [
        column(name, kinds[type(value)]) for name, value in zip(names, _PADDING, strict=True)
    ]
    named = values(*columns).data([_PADDING]).cte("named", nesting=True)
    new = select(named).subquery("new")  # sqlite3 counts rows only if UPDATE is the first word
    at, state = new.c.at, new.c.state
    zero: ColumnElement[float] = literal_column("0")
    taken = {name: new.c[name] for name in ("state", "attempts", "sendings", "resends", *CHANGE)}
    first = case(
        (state == literal_column("'planned'"), zero),
        (letters.c.first_at == zero, case((state == literal_column("'sending'"), at), else_=zero)),
        else_=letters.c.first_at,
    )
    sent = case((state == literal_column("'sent'"), at), else_=letters.c.sent_at)
    statement = (
        update(letters)
        .values(**taken, step=letters.c.step + literal_column("1"))
        .values(updated_at=at, first_at=first, sent_at=sent)
        .where(letters.c.row == new.c.row)
    )
    return str(statement.compile(dialect=dialect))
