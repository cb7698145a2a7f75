"""The domains of a plan, counted once: every run shows them.

In: rows as they come, or all of them.  Out: the table `domains`.  Touches: the database.

To sort a list by domain takes the database 0.25 µs a row, at the end, when a run waits for it.
Counting as rows come takes a tenth of that; but it takes memory too, so it is for lists that have
some thousand domains, as nearly all have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from campaign.database.sql import Connection, insert, text
from campaign.journal.schema import LISTED_DOMAINS, domains
from campaign.records import Entry

_MOST = 50_000  # domains counted here, 10 MB; a list with more is counted by the database

_SKIPPED = (
    "SELECT r.domain, count(*) AS n FROM standings s JOIN recipients r ON r.row = s.row"
    " WHERE s.state = 'skipped' GROUP BY r.domain"
)
_ALL = (
    "SELECT r.domain, count(*) AS n FROM recipients r JOIN standings s ON s.row = r.row"
    " WHERE s.state <> 'skipped' GROUP BY r.domain ORDER BY n DESC, r.domain LIMIT :most"
)


class DomainCount:
    """Counts the rows of one plan; not at all where it `is_partial`, as an amendment is."""

    def __init__(self, *, is_partial: bool) -> None:
        self._counts: Counter[str] | None = None if is_partial else Counter()

    def add(self, entries: Sequence[Entry]) -> None:
        """Rows of the plan, whoever will be skipped among them."""
        if self._counts is None:
            return
        self._counts.update([entry.domain for entry in entries])
        if len(self._counts) > _MOST:
            self._counts = None

    def write(self, connection: Connection) -> None:
        """The largest domains into their table, without those who are skipped."""
        connection.execute(text("DELETE FROM domains"))
        listed = [
            {"place": place, "domain": domain, "recipients": count}
            for place, (domain, count) in enumerate(self._largest(connection), 1)
        ]
        if listed:
            connection.execute(insert(domains), listed)

    def _largest(self, connection: Connection) -> Sequence[Any]:
        """Pairs of domain and count, most first."""
        if self._counts is None:
            return connection.execute(text(_ALL), {"most": LISTED_DOMAINS}).all()
        skipped = Counter({row.domain: row.n for row in connection.execute(text(_SKIPPED))})
        left = self._counts - skipped  # without those of whom nobody is left
        return sorted(left.items(), key=lambda pair: (-pair[1], pair[0]))[:LISTED_DOMAINS]
