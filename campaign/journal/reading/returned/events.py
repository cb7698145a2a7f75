"""What came back, for whoever asks.

In: the url of [journal].  Out: events, counts, what they mean for each recipient.
Touches: the file or the table of events, read-only; a run may go on meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from campaign.database.failures import told
from campaign.database.places import Place, locate
from campaign.database.sqlite_files import connect_for_reading
from campaign.errors import JournalError
from campaign.journal.reading.glance import glance
from campaign.journal.writing.events import EVENT_FIELDS, SUFFIX
from campaign.outcomes import MACHINE, Event
from campaign.records import ReplyClass

_PAGE = 2_000
_ASKED_AT_ONCE = 500  # SQLite takes 999 values in old versions
_COLUMNS = ", ".join(f'"{name}"' for name in EVENT_FIELDS)


class CameBack(NamedTuple):
    """What came back of one recipient's message; Unix times, 0.0 where nothing did."""

    bounced_at: float = 0.0
    bounce_class: str = ""  # of the first bounce
    complained_at: float = 0.0
    unsubscribed_at: float = 0.0


def events(url: str, folder: Path, *, kind: str = "", row: int = 0) -> Iterator[Event]:
    """Every event, oldest first; of one kind, of one recipient.  Raises JournalError."""
    where = 'WHERE ("at" > ? OR ("at" = ? AND "digest" > ?))'
    chosen: list[Any] = []
    if kind:
        where += ' AND "kind" = ?'
        chosen.append(kind)
    if row:
        where += ' AND "row" = ?'
        chosen.append(row)
    asked = f'SELECT {_COLUMNS} FROM events {where} ORDER BY "at", "digest" LIMIT {_PAGE}'
    after: tuple[Any, ...] = (-1.0, -1.0, "")
    with _store(url, folder) as ask:
        while page := ask(asked, (*after, *chosen)):
            yield from map(Event._make, page)
            last = Event._make(page[-1])
            after = (last.at, last.at, last.digest)


def events_since(url: str, folder: Path, seq: int, limit: int) -> list[tuple[int, Event]]:
    """Those that were told behind a number, with their own numbers, in that order."""
    asked = f'SELECT "seq", {_COLUMNS} FROM events WHERE "seq" > ? ORDER BY "seq" LIMIT ?'
    with _store(url, folder) as ask:
        return [(int(found[0]), Event._make(found[1:])) for found in ask(asked, (seq, limit))]


def last_event(url: str, folder: Path) -> int:
    """The number of the last one; 0 without any."""
    with _store(url, folder) as ask:
        return int(ask('SELECT COALESCE(max("seq"), 0) FROM events', ())[0][0])


def count_events(url: str, folder: Path) -> dict[str, int]:
    """How many there are of each kind that there is."""
    with _store(url, folder) as ask:
        found = ask("SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind", ())
    return {str(kind): int(count) for kind, count in found}


def strangers(url: str, folder: Path, last: int, most: int) -> list[tuple[int, str]]:
    """Events about rows behind the last one of the plan: the row, and the kind."""
    asked = (
        'SELECT "row", kind FROM events WHERE "row" < 1 OR "row" > ? ORDER BY "seq"'
        f" LIMIT {int(most)}"
    )
    with _store(url, folder) as ask:
        return [(int(row), str(kind)) for row, kind in ask(asked, (last,))]


def plan_of_events(url: str, folder: Path) -> str:
    """The plan that a file of events belongs to; "" on a server, and where nothing came back."""
    place = locate(url, folder)
    if place.path is None or not place.beside(SUFFIX).exists():
        return ""
    with _store(url, folder) as ask:
        try:
            found = ask("SELECT plan_id FROM about", ())
        except JournalError:  # of none yet
            return ""
    return str(found[0][0]) if found else ""


def rows_told_of(url: str, folder: Path, kind: str) -> set[int]:
    """The rows of which this came back; an opening or a click of a machine is not one."""
    with _store(url, folder) as ask:
        found = ask(
            f"SELECT DISTINCT \"row\" FROM events WHERE kind = ? AND class <> '{MACHINE}'", (kind,)
        )
    return {int(row) for (row,) in found}


def events_mark(url: str, folder: Path) -> Hashable:
    """Differs once something more has come back; costs next to nothing beside a file."""
    place = locate(url, folder)
    if place.path is None:
        with _store(url, folder) as ask:
            return int(ask("SELECT coalesce(max(seq), 0) FROM events", ())[0][0])
    try:
        status = place.beside(SUFFIX).stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def harm_since(url: str, folder: Path, since_s: float) -> tuple[set[int], set[int]]:
    """The rows that bounced for good since then, and those that complained."""
    asked = (
        'SELECT DISTINCT "row", kind FROM events WHERE "at" >= ? AND (kind = \'complained\''
        f" OR (kind = 'bounced' AND class = '{ReplyClass.RECIPIENT_GONE}'))"
    )
    bounced: set[int] = set()
    complained: set[int] = set()
    with _store(url, folder) as ask:
        for row, kind in ask(asked, (since_s,)):
            (bounced if kind == "bounced" else complained).add(int(row))
    return bounced, complained


def known_digests(url: str, folder: Path, digests: Sequence[str]) -> set[str]:
    """Those of the digests whose events are there."""
    known: set[str] = set()
    with _store(url, folder) as ask:
        for at in range(0, len(digests), _ASKED_AT_ONCE):
            part = digests[at : at + _ASKED_AT_ONCE]
            signs = ", ".join("?" * len(part))
            found = ask(f"SELECT digest FROM events WHERE digest IN ({signs})", part)
            known.update(str(digest) for (digest,) in found)
    return known


def came_back(url: str, folder: Path) -> dict[int, CameBack]:
    """By row, of those of whom anything came back that speaks against writing to them again."""
    asked = (
        'SELECT "row", kind, "at", "class" FROM events'
        " WHERE kind IN ('bounced', 'complained', 'unsubscribed')"
        ' ORDER BY "at" DESC, digest DESC'
    )
    told_of: dict[int, CameBack] = {}
    with _store(url, folder) as ask:
        for row, kind, at, class_ in ask(asked, ()):  # the first of each kind is read last
            before = told_of.get(row, CameBack())
            fields = {f"{kind}_at": float(at)}
            told_of[row] = before._replace(**fields)  # type: ignore[arg-type]
            if kind == "bounced":
                told_of[row] = told_of[row]._replace(bounce_class=class_)
    return told_of


class _Ask:
    """Runs statements with "?" on either database."""

    def __init__(self, place: Place, cursor: Any, sign: str) -> None:
        self._place = place
        self._cursor = cursor
        self._sign = sign

    def __call__(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with told(self._place):
            self._cursor.execute(statement.replace("?", self._sign), tuple(values))
            return list(self._cursor.fetchall())


@contextmanager
def _store(url: str, folder: Path) -> Iterator[_Ask]:
    """Where the events of a journal are; of none yet, an empty store."""
    place = locate(url, folder)
    with closing(glance(url, folder)):  # an older journal is carried forward, a missing one told of
        pass
    if place.path is None:
        from campaign.database.engines import open_for_reading

        engine = open_for_reading(place)
        with told(place), engine.connect() as connection:
            yield _Ask(place, connection.connection.cursor(), "%s")
        engine.dispose()
        return
    file = place._replace(path=place.beside(SUFFIX))
    if not place.beside(SUFFIX).exists() or not place.beside(SUFFIX).stat().st_size:
        with closing(sqlite3.connect(":memory:")) as nothing:
            nothing.execute(f'CREATE TABLE events ("seq", {_COLUMNS})')
            yield _Ask(file, nothing.cursor(), "?")
        return
    # Not "ro": whoever was killed while writing left something to be rolled back first.
    with told(file), closing(connect_for_reading(file, mode="rw")) as connection:
        yield _Ask(file, connection.cursor(), "?")
