"""Recipients that may be sent now.

In: rows of the queries below.  Out: `Claim`s.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

from campaign.database.sql import Dialect, text
from campaign.journal.schema import REPEAT
from campaign.records import Claim, State


def _of_few(value: str, table: str, otherwise: str = "''") -> str:
    """Most plans have no such rows: whether there are any is asked once a query, not once a row."""
    found = f"COALESCE((SELECT {value} FROM {table} n WHERE n.row = s.row), {otherwise})"
    return f"CASE WHEN EXISTS (SELECT 1 FROM {table}) THEN {found} ELSE {otherwise} END"


COLUMNS = (
    "r.row, r.source, r.address, r.key, r.domain, r.data, s.attempts, s.sendings,"
    f" s.resends, s.first_at, s.date_s, {_of_few('n.snapshot', 'snapshots')},"
    f" {_of_few(REPEAT, 'repeats')}, {_of_few('n.expires_s', 'deadlines', '0.0')}"
)
STANDING = "FROM standings s JOIN recipients r ON r.row = s.row"
_CLAIM = f"SELECT {COLUMNS} {STANDING}"
_PLANNED = text(f"{_CLAIM} WHERE s.row > :a AND s.state = 'planned' ORDER BY s.row LIMIT :b")
_OPEN = text(
    f"{_CLAIM} WHERE s.row > :a AND s.state IN ('planned', 'deferred') ORDER BY s.row LIMIT :b"
)
# Not as a pair (due, row) > (x, y): the index is on `due` alone, and the rows are its own order.
_DEFERRED = text(
    f"SELECT {COLUMNS}, s.due {STANDING} WHERE s.state = 'deferred' AND s.due >= :a"
    " AND s.due <= :b AND (s.due > :c OR s.row > :d) ORDER BY s.due, s.row LIMIT :e"
)


_DUE_SOURCES = text(
    f"SELECT s.due, s.row, r.source {STANDING} WHERE s.state = 'deferred' AND s.due >= :a"
    " AND s.due <= :b AND (s.due > :c OR s.row > :d) ORDER BY s.due, s.row LIMIT :e"
)
_DOMAINS = text(
    f"SELECT r.row, r.domain, r.source {STANDING} WHERE s.row > :a AND s.row <= :b"
    " AND s.state = 'planned' ORDER BY s.row LIMIT :c"
)


class ClaimQueries(NamedTuple):
    """For the driver's own cursor.

    planned: the row behind which claims begin, how many at most
    deferred: the due time to begin with, the time before which they are due, the due time and the
        row behind which they begin, how many at most
    due_sources: as `deferred`, only the due time, the row and its source
    open: as `planned`, of both
    domains: row, domain and source of planned rows: behind which row, up to which, how many at most
    """

    planned: str
    deferred: str
    due_sources: str
    open: str
    domains: str

    @classmethod
    def of(cls, dialect: Dialect) -> Self:
        """Written once: for each page anew it would take as long as to read a third of it."""
        queries = (_PLANNED, _DEFERRED, _DUE_SOURCES, _OPEN, _DOMAINS)
        return cls(*(str(each.compile(dialect=dialect)) for each in queries))


def query_of(rows: Iterable[int], state: State) -> str:
    """Claims of these rows, as far as they are in a state; deferred ones also if they are not due.

    Written out: the rows are numbers of ours, and both drivers limit how many can be bound.
    """
    numbers = ", ".join([str(int(row)) for row in rows])
    return f"{_CLAIM} WHERE s.row IN ({numbers}) AND s.state = '{state}' ORDER BY s.row"


def claims_of(rows: Iterable[tuple[Any, ...]], state: State) -> list[Claim]:
    """What the query brought, each with the state that it asks for."""
    return [
        Claim(
            row, source, address, key, domain, data, attempts, sendings, resends, first_at,
            state, snapshot, repeat, date_s, expires_s,
        )
        for (
            row, source, address, key, domain, data, attempts, sendings, resends, first_at,
            date_s, snapshot, repeat, expires_s,
        ) in rows
    ]  # fmt: skip
