"""Messages that no letter can be made of, with the reason, and how often others were tried.

In: keys, bodies, reasons.  Out: what is there.
Touches: a file beside a SQLite journal, tables of a PostgreSQL journal.  Fails with JournalError.

They are kept here, beside the letters, and not in a queue of the broker: durable before the message
is acknowledged, the same for every broker, and without asking for rights to make queues.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Self

from campaign.database.stores import Database, SmallStore, StoreKind, open_beside
from campaign.errors import JournalError

SUFFIX = ".queues"
_KIND = StoreKind(
    "store of dead letters", "[journal]", "journal.sqlite.queues", JournalError, 0xDEAD
)
_TABLES = (
    "CREATE TABLE IF NOT EXISTS queue_tries (queue TEXT NOT NULL, id TEXT NOT NULL,"
    " tries INTEGER NOT NULL, PRIMARY KEY (queue, id))",
    "CREATE TABLE IF NOT EXISTS queue_dead (queue TEXT NOT NULL, id TEXT NOT NULL,"
    " body TEXT NOT NULL, reason TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,"
    " PRIMARY KEY (queue, id))",
)


class DeadLetter(NamedTuple):
    """One message."""

    queue: str
    id: str
    body: str  # each byte as the character of its number
    reason: str
    at: float  # Unix time


class DeadLetters(SmallStore):
    """See the module; one thread uses it at a time."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        with database.writing():
            for table in _TABLES:
                database.change(table)

    @classmethod
    def open(cls, url: str, folder: Path) -> Self:
        """Beside the journal with this url."""
        return cls(open_beside(url, folder, SUFFIX, _KIND))

    def tried(self, queue: str, id_: str) -> int:
        """Count one more try of a message; durable before it is made.  How many there are now."""
        with self._database.writing():
            self._database.change(
                "INSERT INTO queue_tries (queue, id, tries) VALUES (?, ?, 1)"
                " ON CONFLICT (queue, id) DO UPDATE SET tries = queue_tries.tries + 1",
                (queue, id_),
            )
            found = self._database.rows(
                "SELECT tries FROM queue_tries WHERE queue = ? AND id = ?", (queue, id_)
            )
        return int(found[0][0])

    def done(self, queue: str, id_: str) -> None:
        """It became a letter."""
        self._database.change("DELETE FROM queue_tries WHERE queue = ? AND id = ?", (queue, id_))

    def bury(self, letter: DeadLetter) -> None:
        """Keep a message of which no letter can be made; once, however often it comes."""
        with self._database.writing():
            self._database.change(
                "INSERT INTO queue_dead (queue, id, body, reason, at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                tuple(letter),
            )
            self._database.change(
                "DELETE FROM queue_tries WHERE queue = ? AND id = ?", (letter.queue, letter.id)
            )

    def all(self) -> list[DeadLetter]:
        """Oldest first."""
        found = self._database.rows(
            "SELECT queue, id, body, reason, at FROM queue_dead ORDER BY at, id"
        )
        return [DeadLetter._make(each) for each in found]

    def chosen(self, ids: Collection[str]) -> list[DeadLetter]:
        """Those with these ids; without any, all."""
        return [each for each in self.all() if not ids or each.id in ids]

    def explain(self, letter: DeadLetter) -> None:
        """It was tried again, and has another reason now."""
        self._database.change(
            "UPDATE queue_dead SET reason = ? WHERE queue = ? AND id = ?",
            (letter.reason, letter.queue, letter.id),
        )

    def forget(self, letter: DeadLetter) -> None:
        """It became a letter, or nobody wants it any more."""
        self._database.change(
            "DELETE FROM queue_dead WHERE queue = ? AND id = ?", (letter.queue, letter.id)
        )


def dead_letters(url: str, folder: Path, ids: Collection[str] = ()) -> list[DeadLetter]:
    """Those beside a journal, as `chosen`."""
    with closing(DeadLetters.open(url, folder)) as store:
        return store.chosen(ids)
