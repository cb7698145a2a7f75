"""The queries of a worker that may claim from some shards only.

In: a dialect, shards.  Out: statements for the driver's own cursor.  Touches: nothing.

Shards are slices of the list (rows `first` to `last`) or sets of domains, never both at once.  The
numbers are ours and few, so they are written out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from campaign.database.sql import Dialect, text
from campaign.journal.reading.claims import COLUMNS, STANDING
from campaign.journal.sharing.leases import Shard
from campaign.journal.sharing.tables import LEFT


class SharedClaims:
    """Of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._made: dict[str, str] = {}

    def planned(self, numbers: Sequence[int] | None) -> str:
        """Behind a row, up to a row, how many at most; of these domains' shards, None: of all."""
        of_shards = "" if numbers is None else f" AND {_of_domains(numbers)}"
        return self._compiled(
            f"SELECT {COLUMNS} {STANDING} WHERE s.row > :a AND s.row <= :b{of_shards}"
            " AND s.state = 'planned' ORDER BY s.row LIMIT :c"
        )

    def deferred(self, shards: Mapping[int, Shard]) -> str:
        """As that of `claims`."""
        return self._compiled(
            f"SELECT {COLUMNS}, s.due {STANDING} WHERE s.state = 'deferred' AND s.due >= :a"
            " AND s.due <= :b AND (s.due > :c OR s.row > :d)"
            f" AND {_of(shards)} ORDER BY s.due, s.row LIMIT :e"
        )

    def domains(self, shards: Mapping[int, Shard]) -> str:
        """As that of `claims`."""
        return self._compiled(
            f"SELECT r.row, r.domain, r.source {STANDING} WHERE s.row > :a AND s.row <= :b"
            f" AND s.state = 'planned' AND {_of(shards)} ORDER BY s.row LIMIT :c"
        )

    def next_due(self, shards: Mapping[int, Shard]) -> str:
        """After a Unix time."""
        return self._compiled(
            f"SELECT min(s.due) {STANDING} WHERE s.state = 'deferred' AND s.due > :a"
            f" AND {_of(shards)}"
        )

    def left(self, shards: Mapping[int, Shard]) -> str:
        """Whether anybody in them is not settled."""
        return self._compiled(
            f"SELECT 1 {STANDING} WHERE s.state IN ({LEFT}) AND {_of(shards)} LIMIT 1"
        )

    def of_shards(self, query: str, shards: Mapping[int, Shard]) -> str:
        """A query of rows that are named, of these shards only."""
        head, order, tail = query.rpartition(" ORDER BY ")
        return f"{head} AND {_of(shards)}{order}{tail}"

    def _compiled(self, statement: str) -> str:
        if statement not in self._made:
            if len(self._made) > 64:  # of shards that are held no more
                self._made.clear()
            self._made[statement] = str(text(statement).compile(dialect=self._dialect))
        return self._made[statement]


def _of(shards: Mapping[int, Shard]) -> str:
    if all(shard.last for shard in shards.values()):
        spans = [f"s.row BETWEEN {shard.first} AND {shard.last}" for shard in shards.values()]
        return f"({' OR '.join(spans)})"
    return _of_domains(list(shards))


def _of_domains(numbers: Sequence[int]) -> str:
    listed = ", ".join(str(int(number)) for number in numbers)
    return f"r.domain IN (SELECT d.domain FROM fleet_domains d WHERE d.shard IN ({listed}))"
