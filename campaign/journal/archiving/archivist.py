"""Puts letters of an open campaign into archives that were settled long ago.

In: the url of [journal], a moment.  Out: `Departure`s for the journal's writer.
Touches: the journal, read-only; archives.  Fails with JournalError.

A letter is in its archive, durable and read back, before the journal is asked to let it go, so at
every instant it is in one of the two at least.  What changes a letter meanwhile cannot be there:
only an order of a person changes who is settled, and orders need the journal's lock, which the run
has.  All the same its last change goes along, and the journal keeps who has another one.

Nobody leaves who is not settled, is held or in doubt; nor the last letter and the last change there
are, by which numbers go on; nor what whoever follows the journal has not seen yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from campaign.database.places import Place, locate
from campaign.journal.archiving.archive import Archive
from campaign.journal.archiving.files import (
    archive_name,
    archive_place,
    archives_of,
    month_of,
)
from campaign.journal.archiving.letters import WholeLetter, sums_of, whole_letters
from campaign.journal.reading.reader import Reader
from campaign.journal.states import ARCHIVABLE
from campaign.journal.writing.departing import ArchiveShare, Departure

BATCH = 250  # letters that leave in one transaction of the journal
_LINES = 2_000  # of history, looked at in one question
_ASKED_AT_ONCE = 500
_MAY_GO = " OR ".join(f"s.state = '{state}'" for state in ARCHIVABLE)


class Archivist:
    """Of one run; one thread uses it.  `begin`, then `next` and `done` by turns to the end."""

    def __init__(self, place: Place, reader: Reader) -> None:
        self._place = place
        self._reader = reader
        self._plan = reader.plan_record()
        self._open: dict[str, Archive] = {}
        self._latest: list[Archive] = []  # with letters of the latest batch
        self._let_go: set[Archive] = set()  # with pending letters that the journal has let go
        self._looked_at = 0  # the last change

    @classmethod
    def open(cls, url: str, folder: Path) -> Self:
        """Raises JournalError."""
        reader = Reader.open(url, folder)
        try:
            return cls(locate(url, folder), reader)
        except BaseException:
            reader.close()
            raise

    def close(self) -> None:
        self._close_archives()
        self._reader.close()

    def begin(self) -> None:
        """From the oldest change; what a kill has left in archives and in the journal goes out of
        the archives."""
        self._looked_at = 0
        self._close_archives()
        for place in archives_of(self._place):
            with closing(self._archive(place)) as archive:
                if pending := archive.pending():
                    archive.settle(kept=self._there(pending))

    def next(self, before_s: float, seen: int) -> Departure | None:
        """Some that were settled before then, by a change up to `seen`; None: there are no more.

        They are in their archives when it returns."""
        rows = self._some(before_s, seen)
        if not rows:
            for archive in self._let_go:
                archive.settle(kept=())
            self._close_archives()
            return None
        letters = whole_letters(self._reader.ask, [*rows])
        by_file: dict[str, list[WholeLetter]] = {}
        for letter in letters:
            name = archive_name(self._place, month_of(rows[letter.row]))
            by_file.setdefault(name, []).append(letter)
        shares = []
        for name, some in by_file.items():
            if name not in self._open:
                self._open[name] = self._archive(archive_place(self._place, name))
            archive = self._open[name]
            archive.put(some, are_others_gone=archive in self._let_go)
            self._let_go.discard(archive)
            self._latest.append(archive)
            shares += [ArchiveShare(name, *kind, sum_) for kind, sum_ in sums_of(some).items()]
        return Departure([(each.row, each.last_change) for each in letters], shares)

    def done(self) -> None:
        """The journal has let the latest batch go; its archives are told with their next one."""
        self._let_go.update(self._latest)
        self._latest = []

    # ---- inside

    def _some(self, before_s: float, seen: int) -> dict[int, float]:
        """Up to BATCH rows that may leave, each with when it was settled."""
        rows: dict[int, float] = {}
        last_row = self._reader.taken().last
        last_change = min(seen + 1, self._reader.latest_change()[0])  # that one stays
        while len(rows) < BATCH:
            found = self._lines()
            for change, row, at_s, may_go in found:
                if at_s >= before_s or change >= last_change or len(rows) == BATCH:
                    return rows
                self._looked_at = change
                if may_go and row != last_row:
                    rows[row] = at_s
            if not found:
                return rows
        return rows

    def _lines(self) -> Sequence[Any]:
        return self._reader.ask(
            'SELECT h.change, h."row", h.at, CASE WHEN s.change = h.change AND s.doubts = 0'
            f" AND ({_MAY_GO}) THEN 1 ELSE 0 END"
            ' FROM history h JOIN standings s ON s."row" = h."row"'
            " WHERE h.change > :after ORDER BY h.change LIMIT :lines",
            after=self._looked_at,
            lines=_LINES,
        )

    def _there(self, rows: Sequence[int]) -> set[int]:
        """Those of the rows that the journal has."""
        there: set[int] = set()
        for start in range(0, len(rows), _ASKED_AT_ONCE):
            listed = ", ".join(str(row) for row in rows[start : start + _ASKED_AT_ONCE])
            found = self._reader.ask(f'SELECT "row" FROM recipients WHERE "row" IN ({listed})')
            there.update(int(row) for (row,) in found)
        return there

    def _archive(self, place: Place) -> Archive:
        return Archive(place, self._plan, self._reader.sources())

    def _close_archives(self) -> None:
        for archive in self._open.values():
            archive.close()
        self._open, self._latest, self._let_go = {}, [], set()
