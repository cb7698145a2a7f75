"""A reader for whoever sends: who may be sent to now, and who must not be.

In: questions.  Out: claims, jobs.  Touches: the database, read-only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Any

from campaign.database.failures import told
from campaign.database.sql import bindparam, text
from campaign.journal.notes import recall
from campaign.journal.reading.claims import ClaimQueries, claims_of, query_of
from campaign.journal.reading.reader import Reader
from campaign.records import Claim, Job, State

Due = tuple[float, int]  # a place among the deferred: when due, and the row
FIRST_DUE: Due = (0.0, 0)


class ClaimReader(Reader):
    """A Reader that claims."""

    def has_own_left(self) -> bool:
        """Whether anybody is left whom this reader's owner has to settle: here, anybody at all."""
        return not self.is_finished()

    def rewind(self) -> None:
        """Planned recipients will be claimed from the beginning again."""

    def claim_planned(self, after_row: int, limit: int) -> list[Claim]:
        """Planned recipients beyond a row, in order.  Nothing is marked: the caller goes on from
        the last row it got, and never asks for those before it again."""
        return claims_of(self._claims(self._queries.planned, after_row, limit), State.PLANNED)

    def claim_due(
        self, until_s: float, limit: int, after: Due = FIRST_DUE
    ) -> tuple[list[Claim], Due]:
        """Deferred recipients that are due by a Unix time, longest waiting first, and the place
        behind the last of them, from which the caller goes on."""
        found = self._claims(self._queries.deferred, after[0], until_s, *after, limit)
        last = (float(found[-1][-1]), int(found[-1][0])) if found else after
        return claims_of([row[:-1] for row in found], State.DEFERRED), last

    def due_of(
        self, sources: Collection[int], until_s: float, limit: int, after: Due
    ) -> tuple[list[int], Due]:
        """The rows of these sources among the next `limit` that are due by a Unix time, and the
        place behind the last of them all, from which the caller goes on."""
        found = self._claims(self._queries.due_sources, after[0], until_s, *after, limit)
        last = (float(found[-1][0]), int(found[-1][1])) if found else after
        return [int(row) for _, row, source in found if source in sources], last

    def planned_of(self, sources: Sequence[int]) -> list[int]:
        """The rows of these sources that are planned, in order."""
        if not sources:
            return []
        numbers = ", ".join([str(int(source)) for source in sources])
        found = self._claims(
            "SELECT s.row FROM standings s JOIN recipients r ON r.row = s.row"
            f" WHERE s.state = 'planned' AND r.source IN ({numbers}) ORDER BY s.row"
        )
        return [int(row) for (row,) in found]

    def claim_rows(self, rows: Sequence[int], state: State) -> list[Claim]:
        """Those of these rows that are in a state now, in order."""
        return claims_of(self._claims(query_of(rows, state)), state) if rows else []

    def planned_domains(
        self, after_row: int, until_row: int, limit: int
    ) -> list[tuple[int, str, int]]:
        """Row, domain and source of those planned behind one row and up to another, in order."""
        found = self._claims(self._queries.domains, after_row, until_row, limit)
        return [(int(row), str(domain), int(source)) for row, domain, source in found]

    def planned_jobs(self, after_row: int, size: int) -> Iterator[list[Job]]:
        """Planned recipients beyond a row for the render workers, `size` at once.

        Without snapshots: what is looked at now may have other attachments than the plan.
        """
        while claims := self.claim_planned(after_row, size):
            after_row = claims[-1].row
            yield [Job(c.row, c.source, c.address, c.key, c.data, repeat=c.repeat) for c in claims]

    def open_jobs(self, after_row: int, size: int) -> Iterator[list[Job]]:
        """As `planned_jobs`, with those who are deferred: everybody who may still get a letter."""
        while found := claims_of(self._claims(self._queries.open, after_row, size), State.PLANNED):
            after_row = found[-1].row
            yield [Job(c.row, c.source, c.address, c.key, c.data, repeat=c.repeat) for c in found]

    def has_suppressed(self) -> bool:
        """Whether anybody at all must not be written to."""
        return bool(self._all("SELECT 1 FROM suppressed LIMIT 1"))

    def suppression_lists(self) -> str:
        """What `add_suppressed` was told of the lists it read."""
        with told(self._place):
            return recall(self._connection, "suppression_lists")

    def suppressed(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that must not be written to."""
        with told(self._place):
            return set(self._connection.execute(_SUPPRESSED, {"keys": list(keys)}).scalars())

    # ---- inside

    @cached_property
    def _queries(self) -> ClaimQueries:
        return ClaimQueries.of(self._connection.dialect)

    def _claims(self, query: str, *values: float) -> list[tuple[Any, ...]]:
        """By the driver's own cursor: once per recipient, SQLAlchemy's rows cost 2 µs more."""
        with told(self._place):
            cursor = self._connection.connection.cursor()
            cursor.execute(query, values)
            return list(cursor.fetchall())


_SUPPRESSED = text("SELECT key FROM suppressed WHERE key IN :keys").bindparams(
    bindparam("keys", expanding=True)
)
