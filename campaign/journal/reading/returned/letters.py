"""Letters of a plan found again by what comes back of them.

In: a reader of a journal; Message-IDs, rows, keys.  Out: `SentLetter`.
Touches: the database, read-only.

A Message-ID is a keyed hash and cannot be turned back, so all of a plan are made once, and kept as
eight bytes each: 4 of the hash, 4 of the row.  A million take 8 MB, and some seconds when the first
is asked for.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from campaign.journal.archiving.files import BATCHES
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.results import message_ids
from campaign.journal.schema import OWN_ID, REPEAT, REPEATS
from campaign.journal.taken import Taken
from campaign.records import PlanRecord

_PAGE = 20_000
_ROW = 0xFFFF_FFFF
_MADE = re.compile("[0-9a-f]{8}")  # as a Message-ID of ours begins
Found = TypeVar("Found")


class SentLetter(NamedTuple):
    """A letter of the plan, and what a server said of it.

    sent_at: Unix time at which it was accepted; 0.0 where it was not
    """

    row: int
    address: str
    key: str
    domain: str
    state: str
    sent_at: float
    message_id: str


class LetterBook:
    """Those of one journal; a plan that grows meanwhile is read anew."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.plan: PlanRecord = reader.plan_record()
        self._message_id = message_ids(self.plan)
        self._index = array("Q")
        self._indexed = Taken()
        self._batches = ""  # of an archive
        self._books: dict[Reader, LetterBook] = {}  # of archives

    def letter(self, row: int) -> SentLetter | None:
        """Of a row of the plan that had an address."""
        found = self._reader.ask(
            f"SELECT r.row, r.address, r.key, r.domain, l.state, l.sent_at,"
            f" {OWN_ID.format('r')}, {REPEAT}"
            f" FROM recipients r JOIN letters l ON l.row = r.row {REPEATS}"
            " WHERE r.row = :row AND r.reason = ''",
            row=row,
        )
        if not found:
            return self._in_archives(lambda book: book.letter(row))
        row, address, key, domain, state, sent_at, own_id, repeat = found[0]
        id_ = own_id or self._message_id(key + repeat)
        return SentLetter(row, address, key, domain, state, float(sent_at), id_)

    def by_message_id(self, spec: str) -> SentLetter | None:
        """`spec`: as it stands between the angle brackets."""
        if found := self._by_message_id(spec):
            return found
        return self._in_archives(lambda book: book.by_message_id(spec))

    def _by_message_id(self, spec: str) -> SentLetter | None:
        own = self._reader.ask("SELECT row FROM own_ids WHERE message_id = :id", id=f"<{spec}>")
        if own:
            return self.letter(own[0][0])
        tag, _, domain = spec.partition("@")
        if domain.lower() != self.plan.message_id_domain.lower() or not _MADE.match(tag):
            return None
        self._read_on()
        wanted = int(tag[:8], 16) << 32
        at = bisect_left(self._index, wanted)
        while at < len(self._index) and self._index[at] >> 32 == wanted >> 32:
            letter = self.letter(self._index[at] & _ROW)
            if letter and letter.message_id == f"<{tag}@{self.plan.message_id_domain}>":
                return letter
            at += 1
        return None

    def by_key(self, key: str) -> list[SentLetter]:
        """Those to one person."""
        found = self._reader.ask(
            "SELECT row FROM recipients WHERE key = :key AND reason = '' ORDER BY row LIMIT 50",
            key=key,
        )
        letters = [letter for (row,) in found if (letter := self.letter(row))]
        return letters or self._in_archives(lambda book: book.by_key(key)) or []

    def _in_archives(self, look: Callable[[LetterBook], Found | None]) -> Found | None:
        """What the latest archive has that has anything."""
        for archive in self._reader.archives():
            if archive not in self._books:
                self._books[archive] = LetterBook(archive)
            if found := look(self._books[archive]):
                return found
        return None

    def _read_on(self) -> None:
        taken, batches = self._reader.taken(), self._reader.note(BATCHES)
        if (taken, batches) == (self._indexed, self._batches):
            return
        # An amendment was taken back; or letters came into this archive, in whatever order.
        if taken.letters < self._indexed.letters or batches != self._batches:
            self._index, self._indexed, self._batches = array("Q"), Taken(), batches
        after = self._indexed.whole  # of an open campaign, rows behind it may come between others
        added = [each for each in self._index if each & _ROW <= after]
        while page := self._reader.ask(
            f"SELECT r.row, r.key, {REPEAT} FROM recipients r {REPEATS}"
            " WHERE r.row > :after AND r.reason = '' ORDER BY r.row LIMIT :page",
            after=after,
            page=_PAGE,
        ):
            for row, key, repeat in page:
                added.append(int(self._message_id(key + repeat)[1:9], 16) << 32 | row)
            after = page[-1][0]
        added.sort()
        self._index, self._indexed = array("Q", added), taken
