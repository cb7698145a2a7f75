"""Claims of the shards that a worker holds.

In: its epoch, its shards.  Out: claims.  Touches: the database, read-only.

How far the planned rows of each shard were read is kept here: shards come and go, and a shard that
came late is read from its beginning.  What is deferred is asked for by the leases as the database
has them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

from campaign.database.places import Place
from campaign.database.sql import Connection
from campaign.journal.reading.claiming import FIRST_DUE, ClaimReader, Due
from campaign.journal.reading.claims import claims_of, query_of
from campaign.journal.sharing.claims import SharedClaims
from campaign.journal.sharing.leases import Shard
from campaign.records import Claim, State

_AHEAD = 200  # rows of slices in one question; what is read here is nobody else's any more


class SharedReader(ClaimReader):
    """Reads as `Reader` does, but claims only rows of its own shards; all else is of the whole."""

    def __init__(self, place: Place, connection: Connection) -> None:
        super().__init__(place, connection)
        # Set by the event loop, adopted where claims are asked for, in a thread.
        self._wanted: tuple[Shard, ...] = ()
        self._is_rewound = False
        self._shards: dict[int, Shard] = {}
        self._held: set[Shard] = set()
        self._read_to: dict[int, float] = {}  # planned rows of a shard up to here; inf: all

    def hold(self, shards: Iterable[Shard]) -> None:
        """These are claimed from, from the next question on."""
        self._wanted = tuple(shards)

    @property
    def unread(self) -> list[int]:
        """Shards whose planned rows have not all been read."""
        return [
            shard.number for shard in self._wanted if self._read_to.get(shard.number) != math.inf
        ]

    def rewind(self) -> None:
        self._is_rewound = True

    def has_own_left(self) -> bool:
        self._adopt()
        if not self._shards:
            return False
        return bool(self._claims(self._shared.left(self._shards)))

    def claim_planned(self, after_row: int, limit: int) -> list[Claim]:
        """The next ones of its shards, wherever those stand; `after_row` says nothing here."""
        self._adopt()
        if any(shard.last for shard in self._shards.values()):
            return self._claim_of_slices(min(limit, _AHEAD))
        while waiting := sorted({to for to in self._read_to.values() if to < math.inf}):
            numbers = [number for number, to in self._read_to.items() if to == waiting[0]]
            until = waiting[1] if len(waiting) > 1 else math.inf
            found = self._planned(numbers, int(waiting[0]), until, limit)
            reached = float(found[-1].row) if len(found) == limit else until
            self._read_to.update(dict.fromkeys(numbers, reached))
            if found:
                return found
        return []

    def _claim_of_slices(self, limit: int) -> list[Claim]:
        """Slices that lie one after the other are read at once."""
        while run := self._adjacent():
            after = int(self._read_to[run[0].number])
            found = self._planned(None, after, run[-1].last, limit)
            reached = found[-1].row if len(found) == limit else run[-1].last
            for shard in run:
                if shard.first <= reached:
                    is_read = shard.last <= reached
                    self._read_to[shard.number] = math.inf if is_read else float(reached)
            if found:
                return found
        return []

    def _adjacent(self) -> list[Shard]:
        """The first slice that is not read to its end, and those that follow it without a gap."""
        run: list[Shard] = []
        for shard in sorted(self._shards.values(), key=attrgetter("first")):
            read_to = self._read_to[shard.number]
            if not run:
                run = [shard] if read_to < math.inf else []
            elif shard.first == run[-1].last + 1 and read_to < shard.first:
                run.append(shard)
            else:
                break
        return run

    def claim_due(
        self, until_s: float, limit: int, after: Due = FIRST_DUE
    ) -> tuple[list[Claim], Due]:
        self._adopt()
        if not self._shards:
            return [], after
        query = self._shared.deferred(self._shards)
        found = self._claims(query, after[0], until_s, *after, limit)
        last = (float(found[-1][-1]), int(found[-1][0])) if found else after
        return claims_of([row[:-1] for row in found], State.DEFERRED), last

    def claim_rows(self, rows: Sequence[int], state: State) -> list[Claim]:
        self._adopt()
        if not rows or not self._shards:
            return []
        query = self._shared.of_shards(query_of(rows, state), self._shards)
        return claims_of(self._claims(query), state)

    def planned_domains(
        self, after_row: int, until_row: int, limit: int
    ) -> list[tuple[int, str, int]]:
        """Of its shards, whether or not they were read that far: rows that are claimed twice are
        left out by whoever claims them."""
        self._adopt()
        if not self._shards:
            return []
        query = self._shared.domains(self._shards)
        found = self._claims(query, after_row, until_row, limit)
        return [(int(row), str(domain), int(source)) for row, domain, source in found]

    def next_due(self, after_s: float = -1.0) -> float | None:
        self._adopt()
        if not self._shards:
            return None
        query = self._shared.next_due(self._shards)
        found: Any = self._claims(query, after_s)[0][0]
        return None if found is None else float(found)

    @cached_property
    def _shared(self) -> SharedClaims:
        return SharedClaims(self._connection.dialect)

    def _adopt(self) -> None:
        """What is held by now; a shard that is new is read from its beginning."""
        wanted, is_rewound = self._wanted, self._is_rewound
        self._is_rewound = False
        if not is_rewound and set(wanted) == self._held:
            return
        self._held = set(wanted)
        self._shards = {shard.number: shard for shard in wanted}
        known = {} if is_rewound else self._read_to
        self._read_to = {
            number: known.get(number, max(0.0, shard.first - 1.0))
            for number, shard in self._shards.items()
        }

    def _planned(
        self, numbers: Sequence[int] | None, after: int, until: float, limit: int
    ) -> list[Claim]:
        """Of these shards of domains; None: of all rows between."""
        query = self._shared.planned(numbers)
        most = int(until) if until < math.inf else 2**62
        return claims_of(self._claims(query, after, most, limit), State.PLANNED)
