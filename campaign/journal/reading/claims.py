"""Recipients that may be sent now.

In: rows of the two queries below.  Out: `Claim`s.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

from sqlalchemy import text
from sqlalchemy.engine import Dialect

from campaign.journal.schema import REPEAT
from campaign.records import Claim, State


def _of_few(value: str, table: str) -> str:
    """Most plans have no such rows: whether there are any is asked once a query, not once a row."""
    found = f"COALESCE((SELECT {value} FROM {table} n WHERE n.row = s.row), '')"
    return f"CASE WHEN EXISTS (SELECT 1 FROM {table}) THEN {found} ELSE '' END"


_CLAIM = (
    "SELECT r.row, r.source, r.address, r.key, r.domain, r.data, s.attempts, s.sendings,"
    f" s.resends, s.first_at, s.date_s, {_of_few('n.snapshot', 'snapshots')},"
    f" {_of_few(REPEAT, 'repeats')} FROM standings s"
    " JOIN recipients r ON r.row = s.row"
)
_PLANNED = text(f"{_CLAIM} WHERE s.row > :a AND s.state = 'planned' ORDER BY s.row LIMIT :b")
_OPEN = text(
    f"{_CLAIM} WHERE s.row > :a AND s.state IN ('planned', 'deferred') ORDER BY s.row LIMIT :b"
)
_DEFERRED = text(f"{_CLAIM} WHERE s.state = 'deferred' AND s.due <= :a ORDER BY s.due LIMIT :b")


class ClaimQueries(NamedTuple):
    """For the driver's own cursor, with the row behind which claims begin, or the Unix time before
    which they are due; and how many at most."""

    planned: str
    deferred: str
    open: str  # both, in the order of rows

    @classmethod
    def of(cls, dialect: Dialect) -> Self:
        """Written once: for each page anew it would take as long as to read a third of it."""
        written = (str(each.compile(dialect=dialect)) for each in (_PLANNED, _DEFERRED, _OPEN))
        return cls(*written)


def claims_of(rows: Iterable[tuple[Any, ...]], state: State) -> list[Claim]:
    """What the query brought, each with the state that it asks for."""
    return [
        Claim(
            row, source, address, key, domain, data, attempts, sendings, resends, first_at,
            state, snapshot, repeat, date_s,
        )
        for (
            row, source, address, key, domain, data, attempts, sendings, resends, first_at,
            date_s, snapshot, repeat,
        ) in rows
    ]  # fmt: skip
