"""Letters that an application was promised, before a run takes them into the journal.

In: letters, each with its number for good.  Out: letters in that order, answers given before.
Touches: the file `.intake` beside the journal; of a journal on a server, tables of its own there.
Fails with JournalError.

Why this is not the journal itself: the journal has one connection that may write, and a run holds
it (rule 8).  Letters are accepted by other processes, several at once, and while no run is going.
So what is accepted becomes durable here, under the unique index of Idempotency-Keys, in a database
that several may write to, with a rollback journal in place of a write-ahead log (see
`database.stores`).  The run copies each letter into the journal with the transaction that makes its
recipient; the number it got here is its row there, and numbers are given without a gap, in the
order in which they became durable.  The journal notes in that transaction how far it came in each
lane (`journal.taken`), so it says exactly what was taken, whoever is killed at whatever instant:
nothing twice, and nothing left out.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple, Self

from campaign.database.places import locate
from campaign.database.stores import Database, Row, SmallStore, StoreKind, open_beside
from campaign.errors import JournalError
from campaign.journal.taken import TAKEN_NOTE, Taken

SUFFIX = ".intake"
_KIND = StoreKind("intake", "[journal]", "state/journal.sqlite", JournalError, 0x1_27A4E)
FIRST, BULK = 0, 1  # lanes: letters that go before others, and the others
_FORMAT = "2"  # 1 had no lanes: what was accepted then is bulk
_ASKED_AT_ONCE = 300  # keys in one query; SQLite takes 999 values in old versions
_TABLES = (
    """CREATE TABLE IF NOT EXISTS arrivals (number {big} PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    scope TEXT NOT NULL, idempotency_key TEXT NOT NULL, digest TEXT NOT NULL,
    template TEXT NOT NULL, address TEXT NOT NULL, person TEXT NOT NULL, domain TEXT NOT NULL,
    data TEXT NOT NULL, reason TEXT NOT NULL, message_id TEXT NOT NULL,
    accepted_s {real} NOT NULL, due_s {real} NOT NULL, expires_s {real} NOT NULL,
    lane INTEGER NOT NULL DEFAULT 1)""",
    """CREATE UNIQUE INDEX IF NOT EXISTS arrivals_key ON arrivals (scope, idempotency_key)
    WHERE idempotency_key <> ''""",
    """CREATE TABLE IF NOT EXISTS arrival_notes (name TEXT PRIMARY KEY, value TEXT NOT NULL)""",
)
_LANE = "ALTER TABLE arrivals ADD COLUMN lane INTEGER NOT NULL DEFAULT 1"
_LANES = "CREATE INDEX IF NOT EXISTS arrivals_lane ON arrivals (lane, number)"
_COLUMNS = (
    "id", "scope", "idempotency_key", "digest", "template", "address", "person", "domain", "data",
    "reason", "message_id", "accepted_s", "due_s", "expires_s", "lane",
)  # fmt: skip
_INSERT = (
    f"INSERT INTO arrivals (number, {', '.join(_COLUMNS)})"
    f" VALUES ({', '.join('?' * (len(_COLUMNS) + 1))}) ON CONFLICT DO NOTHING RETURNING number"
)
_SELECT = f"SELECT number, {', '.join(_COLUMNS)} FROM arrivals"


class NewArrival(NamedTuple):
    """A letter to be accepted.

    id: random, for whoever asks what became of it
    scope: credential and route that the key belongs to
    idempotency_key: "" has none
    digest: of all that was asked for; the same key with another one is a conflict
    template: its name, "" of a finished message
    person: the key of the recipient; equal ones are the same person
    data: as `Entry.data`
    reason: why it is not sent after all: "suppressed: ..."
    message_id: of a finished message, its own; "" is made from the number
    due_s: Unix time before which it is not sent; 0.0: none
    expires_s: Unix time from which it is not sent any more
    lane: FIRST or BULK, for good: what its template says later changes nothing
    """

    id: str
    scope: str
    idempotency_key: str
    digest: str
    template: str
    address: str
    person: str
    domain: str
    data: str
    reason: str
    message_id: str
    accepted_s: float
    due_s: float
    expires_s: float
    lane: int


class Arrival(NamedTuple):
    """One that is accepted; `number` is its row in the journal."""

    number: int
    letter: NewArrival

    @property
    def letter_key(self) -> str:
        """As `Job.letter_key` of its row: each letter to a person is another one."""
        return f"{self.letter.person}#{self.number}"


class Arrivals(SmallStore):
    """`with Arrivals.open(url, folder) as arrivals:`; calls from several threads wait for each
    other."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        big, real = (
            ("BIGINT", "DOUBLE PRECISION") if database.is_postgresql else ("INTEGER", "REAL")
        )
        try:
            is_current = self._note("format") == _FORMAT
        except JournalError:  # there are no tables yet
            is_current = False
        if not is_current:
            with database.writing():
                self._bring_up(big, real)
        self.identity = self._note("identity")

    def _bring_up(self, big: str, real: str) -> None:
        """Make the tables, or bring those of an earlier format to this one; nothing where another
        process has just done so."""
        for table in _TABLES:
            self._database.change(table.format(big=big, real=real))
        has_letters = bool(self._note("identity"))
        if has_letters and not self._note("format"):
            self._database.change(_LANE)
        self._database.change(_LANES)
        if not has_letters:
            self._remember("identity", secrets.token_hex(8))
            self._remember("last", "0")
        self._remember("format", _FORMAT)

    @classmethod
    def open(cls, url: str, folder: Path) -> Self:
        """Of the journal with this url; what is not there is made.  Raises JournalError."""
        return cls(open_beside(url, folder, SUFFIX, _KIND))

    @staticmethod
    def are_there(url: str, folder: Path) -> bool:
        """Whether anything can have been accepted beside this journal."""
        place = locate(url, folder)
        return place.path is None or place.beside(SUFFIX).exists()

    # -- accepting -----------------------------------------------------------------------------

    def known(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Arrival]:
        """Letters accepted before, by scope and key."""
        found: dict[tuple[str, str], Arrival] = {}
        asked = [pair for pair in keys if pair[1]]
        for start in range(0, len(asked), _ASKED_AT_ONCE):
            part = asked[start : start + _ASKED_AT_ONCE]
            pairs = " OR ".join(["(scope = ? AND idempotency_key = ?)"] * len(part))
            values = [value for pair in part for value in pair]
            for row in self._database.rows(
                f"{_SELECT} WHERE idempotency_key <> '' AND ({pairs})", values
            ):
                arrival = _arrival(row)
                found[arrival.letter.scope, arrival.letter.idempotency_key] = arrival
        return found

    def add(self, groups: Sequence[Sequence[NewArrival]]) -> list[list[Arrival]]:
        """Accept letters, group by group, in one transaction: durable when it returns.

        Of a letter whose key is known already, the one that has it comes back.
        """
        added: list[list[Arrival]] = []
        with self._database.writing():
            last = int(self._note("last"))
            for group in groups:
                arrivals = []
                for letter in group:
                    if self._database.rows(_INSERT, (last + 1, *letter)):
                        last += 1
                        arrivals.append(Arrival(last, letter))
                    else:
                        pair = (letter.scope, letter.idempotency_key)
                        arrivals.append(self.known([pair])[pair])
                added.append(arrivals)
            self._remember("last", str(last))
        return added

    # -- asking --------------------------------------------------------------------------------

    def find(self, id_: str) -> Arrival | None:
        """A letter by its id; None also where it was forgotten since."""
        rows = self._database.rows(f"{_SELECT} WHERE id = ?", (id_,))
        return _arrival(rows[0]) if rows else None

    @property
    def last(self) -> int:
        """The number of the last letter that was ever accepted."""
        return int(self._note("last"))

    @property
    def taken(self) -> Taken:
        """What the journal is known to have; it may have more."""
        return Taken.read(self._note(TAKEN_NOTE))

    # -- taking --------------------------------------------------------------------------------

    def between(self, after: int, until: int, lane: int, most: int) -> list[Arrival]:
        """Letters of a lane behind a number and up to another, in the order in which they were
        accepted."""
        rows = self._database.rows(
            f"{_SELECT} WHERE lane = ? AND number > ? AND number <= ? ORDER BY number"
            f" LIMIT {int(most)}",
            (lane, after, until),
        )
        return [_arrival(row) for row in rows]

    def note_taken(self, taken: Taken) -> None:
        """The journal has these; what they said need not be kept here."""
        with self._database.writing():
            before = self.taken
            self._remember(TAKEN_NOTE, taken.written())
            for lane, after, until in (
                (FIRST, before.first, taken.first),
                (BULK, before.bulk, taken.bulk),
            ):
                self._database.change(
                    "UPDATE arrivals SET data = '' WHERE lane = ? AND number > ? AND number <= ?",
                    (lane, after, until),
                )

    def accepted_before(self, at_s: float, after: int, until: int, most: int) -> list[int]:
        """Numbers behind one and up to another, as far as their letters were accepted before."""
        found = self._database.rows(
            "SELECT number, accepted_s FROM arrivals WHERE number > ? AND number <= ?"
            f" ORDER BY number LIMIT {int(most)}",
            (after, until),
        )
        return [int(number) for number, _ in takewhile(lambda row: row[1] < at_s, found)]

    def forget(self, numbers: Sequence[int]) -> None:
        """Letters that nobody will be told of any more, with their keys."""
        with self._database.writing():
            for start in range(0, len(numbers), _ASKED_AT_ONCE):
                part = numbers[start : start + _ASKED_AT_ONCE]
                signs = ", ".join("?" * len(part))
                self._database.change(f"DELETE FROM arrivals WHERE number IN ({signs})", part)

    # -- inside --------------------------------------------------------------------------------

    def _note(self, name: str) -> str:
        rows = self._database.rows("SELECT value FROM arrival_notes WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def _remember(self, name: str, value: str) -> None:
        self._database.change(
            "INSERT INTO arrival_notes (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )


def _arrival(row: Row) -> Arrival:
    values: tuple[Any, ...] = row
    return Arrival(int(values[0]), NewArrival(*values[1:]))
