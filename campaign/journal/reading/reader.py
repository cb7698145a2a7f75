"""The reading side of the journal: it can change nothing, and a run may go on beside it.

In: questions.  Out: claims, counts, results, history.  Touches: the database, read-only.

Everything long is read in pages, each a transaction of its own: a reader that held one open would
keep SQLite from moving its log into the database, and the log would grow with the run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from campaign.database.engines import hurry, limit_waits, open_for_reading
from campaign.database.failures import told
from campaign.database.places import Place, locate
from campaign.database.sql import Connection, DBAPIError, bindparam, inspect, text
from campaign.journal.archiving.files import archives_of, open_archive
from campaign.journal.notes import recall, rendered
from campaign.journal.reading.questions import Glance, bring_forward, no_plan
from campaign.journal.reading.results import history, pages, read_plan, results
from campaign.journal.reading.sendings import sendings_since
from campaign.journal.recovery import Doubt, classes_to_put_back, doubts
from campaign.journal.sharing.holders import Holder, holders
from campaign.journal.states import FORMAT, UNMADE
from campaign.outcomes import ListRow, Result
from campaign.records import Change, PlanRecord, Source, State


class Skipped(NamedTuple):
    """A row that is not sent, and why."""

    row: int
    file: str
    line: int
    address: str
    reason: str


class Unusable(NamedTuple):
    """A skipped row as the list had it."""

    row: int
    source: int
    line: int
    data: str
    reason: str


class Reader(Glance):
    """See the module; what is asked most stands in Glance.  Every method may raise JournalError."""

    def __init__(self, place: Place, connection: Connection) -> None:
        super().__init__(place)
        self._connection = connection
        self._archives: dict[str, Self] = {}

    @property
    def answers_at_once(self) -> bool:
        """From a file of this machine; a server has to be waited for."""
        return self._place.path is not None

    @classmethod
    def open(cls, url: str, folder: Path) -> Self:
        """Raises JournalError where there is no journal or no plan in it."""
        place = locate(url, folder)
        with told(place):
            connection = open_for_reading(place).connect()
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            is_there = inspect(connection).has_table("plan")
            is_of_today = is_there and recall(connection, "format") == FORMAT
        if not is_there or not is_of_today:
            connection.close()
            if not is_there:
                raise no_plan(place)
            bring_forward(place)
            return cls.open(url, folder)
        return cls(place, connection)

    def limit_waits(self, patience_s: float) -> None:
        """How long a server may take for each answer from here on."""
        limit_waits(self._connection, patience_s)

    def hurry(self) -> None:
        """As `Journal.hurry`."""
        hurry(self._connection)

    def archives(self) -> list[Self]:
        """Of an open campaign, where its letters are that have left the journal: the archives that
        there are now, the latest first.  What is also in the journal is not theirs yet."""
        found = []
        for place in reversed(archives_of(self._place)):
            if place.shown not in self._archives:
                self._archives[place.shown] = type(self)(place, open_archive(place))
            found.append(self._archives[place.shown])
        return found

    @property
    def file_name(self) -> str:
        """Of an archive: that of its file."""
        return self._place.path.name if self._place.path else ""

    def close(self) -> None:
        for archive in self._archives.values():
            archive.close()
        with suppress(DBAPIError):  # of a session that is over there is nothing to put back
            self._connection.close()
        self._connection.engine.dispose()

    # ---- the plan

    def plan_record(self) -> PlanRecord:
        """Raises JournalError where nothing was planned."""
        with told(self._place):
            return read_plan(self._connection)

    def sources(self) -> list[Source]:
        found = self._all(
            "SELECT name, columns, encoding, confidence, delimiter, sha256 FROM sources"
            " ORDER BY source"
        )
        return [Source(row[0], tuple(json.loads(row[1])), *row[2:]) for row in found]

    def run_spans(self) -> list[tuple[float, float]]:
        """From when to when (Unix time) each run ran; of one that was killed, to its last sign."""
        return [
            (float(start), float(end or seen or start))
            for start, end, seen in self._all(
                "SELECT o.started_s, o.ended_s, CASE WHEN o.ended_s > 0 THEN 0 ELSE"
                " (SELECT max(h.at) FROM history h WHERE h.at >= o.started_s AND h.at < COALESCE("
                " (SELECT min(n.started_s) FROM runs n WHERE n.run > o.run), h.at + 1)) END"
                " FROM runs o ORDER BY o.run"
            )
        ]

    def total(self) -> int:
        """Rows of the list, rejects included; of an open campaign all letters there ever were."""
        here = int(self._all("SELECT count(*) FROM recipients")[0][0])
        return here + int(self._all("SELECT COALESCE(sum(letters), 0) FROM rotated")[0][0])

    def how_it_stands(self, row: int) -> tuple[str, str, int, int, str, float, float] | None:
        """Of one row: state, reason, attempts, code and text of the last reply, when it was sent
        and when it changed last (Unix time; 0.0: never)."""
        found = self._all(
            "SELECT state, reason, attempts, code, reply, sent_at, updated_at FROM letters"
            " WHERE row = :row",
            row=row,
        )
        if found:
            return tuple(found[0])
        stands = (archive.how_it_stands(row) for archive in self.archives())
        return next((each for each in stands if each is not None), None)

    def note(self, name: str) -> str:
        """What was noted about the plan; "" where nothing was."""
        with told(self._place):
            return recall(self._connection, name)

    def mean_size_bytes(self) -> int:
        """Of a message, as rendered when planning; 0 where nothing was."""
        with told(self._place):
            count, size_bytes = rendered(self._connection)
        return size_bytes // max(1, count)

    def unranked(self) -> int | None:
        """Rows without a number of the column by which the list goes; None: by no column."""
        with told(self._place):
            noted = recall(self._connection, "unranked")
        return int(noted) if noted else None

    def course(self) -> list[tuple[float, int]]:
        """What was foreseen when it was planned: Unix times, and how many would have gone."""
        with told(self._place):
            noted = recall(self._connection, "course")
        return [(float(at_s), int(gone)) for at_s, gone in json.loads(noted or "[]")]

    def skips(self) -> dict[str, int]:
        """How many were skipped by kind of reason (what stands before the colon), most first."""
        kinds: Counter[str] = Counter()
        for skipped in self.skipped():
            kinds[skipped.reason.partition(":")[0]] += 1
        return dict(kinds.most_common())

    def skipped(self) -> Iterator[Skipped]:
        """Every row that was skipped, in order; then those in archives."""
        yield from map(
            Skipped._make,
            self.ask_pages(
                "SELECT r.row, s.name, r.line, r.address, l.reason FROM letters l"
                " JOIN recipients r ON r.row = l.row JOIN sources s ON s.source = r.source"
                " WHERE l.row > :after AND l.state = 'skipped' ORDER BY l.row LIMIT :page"
            ),
        )
        for archive in self.archives():
            yield from archive.skipped()

    def unusable(self) -> Iterator[Unusable]:
        """Every skipped row with its cells, in order."""
        yield from map(
            Unusable._make,
            self.ask_pages(
                "SELECT r.row, r.source, r.line, r.data, l.reason FROM letters l"
                " JOIN recipients r ON r.row = l.row"
                " WHERE l.row > :after AND l.state = 'skipped' ORDER BY l.row LIMIT :page"
            ),
        )

    def domains(self, limit: int) -> list[tuple[str, int]]:
        """The domains of those whom the plan did not skip, with how many each has, most first; of
        a long list no more than the first LISTED_DOMAINS."""
        found = self._all(
            "SELECT domain, recipients FROM domains ORDER BY place LIMIT :limit", limit=limit
        )
        return [(domain, count) for domain, count in found]

    def workers(self) -> list[Holder]:
        return [] if self._place.path else holders(self._all, living=True)

    # ---- what became of it

    def open_count(self, after_row: int) -> int:
        """How many rows beyond one are planned or deferred."""
        asked = (
            "SELECT count(*) FROM standings WHERE row > :after AND state IN ('planned', 'deferred')"
        )
        return int(self._all(asked, after=after_row)[0][0])

    def unmade(self) -> int:
        """How many rows are skipped because no letter could be made from them."""
        if not self.counts()[State.SKIPPED]:
            return 0  # without a look at the whole list
        asked = (
            "SELECT count(*) FROM letters WHERE state = 'skipped'"
            f" AND substr(reason, 1, {len(UNMADE)}) = '{UNMADE}'"
        )
        return int(self._all(asked)[0][0])

    def sendings_since(
        self,
        since_s: float,
        *,
        relay: str = "",
        source: str | None = "",
        domains: Sequence[str] = (),
    ) -> list[tuple[float, int]]:
        """How many letters were handed over since a Unix time, in slots of five minutes.

        Through one relay, from one address of ours (None: from any), to one of the domains, where
        these are given; what went from an address that is not known counts for each.  Slots are
        named by their last moment, oldest first: what is counted against a quota may look younger
        than it is, never older.
        """
        with told(self._place):
            return sendings_since(
                self._connection, since_s, relay=relay, source=source, domains=domains
            )

    def in_doubt(self) -> list[Doubt]:
        """Everybody whose last copy may or may not have been accepted."""
        with told(self._place):
            return list(doubts(self._connection))

    def classes_to_put_back(self, states: Collection[State], code: str = "") -> dict[str, int]:
        """How many `Journal.put_back` would take of each class of reply, or of none ("")."""
        with told(self._place):
            return classes_to_put_back(self._connection, states, code)

    def results(
        self, state: State | None = None, *, with_archives: bool = True
    ) -> Iterator[Result]:
        """One line per recipient in row order; with `state` only those in it."""
        record = self.plan_record()
        others = self.archives if with_archives else tuple
        with told(self._place):
            yield from results(
                self._connection,
                record,
                state,
                lambda: [each._connection for each in others()],
            )

    def list_rows(self, rows: Sequence[int]) -> dict[int, ListRow]:
        """These recipients as the list has them."""
        sources = self.sources()
        with told(self._place):
            found = self._connection.execute(_LIST_ROWS, {"rows": list(rows)}).all()
        listed: dict[int, ListRow] = {}
        if left := set(rows) - {row for row, *_ in found}:
            for archive in self.archives():
                listed |= archive.list_rows([*left])
        for row, source, line, data in found:
            cells = [cell for cell in json.loads(data) if isinstance(cell, str)]
            columns = sources[source].columns
            listed[row] = ListRow(
                sources[source].name, line, dict(zip(columns, cells, strict=False))
            )
        return listed

    def addresses_of(self, rows: Sequence[int]) -> dict[int, str]:
        """Row -> address."""
        with told(self._place):
            found = self._connection.execute(_ADDRESSES, {"rows": list(rows)}).all()
        known = {int(row): str(address) for row, address in found}
        left = [row for row in rows if row not in known]
        for archive in self.archives() if left else ():
            known |= archive.addresses_of(left)
        return known

    def row_of(self, key: str) -> int | None:
        """The first row of a person that the journal has, by the normalised key of the address;
        where it has none, that of the latest archive that has one."""
        found = self._all(
            "SELECT min(row) FROM recipients WHERE key = :key AND reason = ''", key=key
        )
        if found[0][0] is not None:
            return int(found[0][0])
        rows = (archive.row_of(key) for archive in self.archives())
        return next((row for row in rows if row is not None), None)

    def row_at(self, file: str, line: int) -> int | None:
        """The row that stands in this line of a list; of several plans the latest."""
        found = self._all(
            "SELECT max(r.row) FROM recipients r JOIN sources s ON s.source = r.source"
            " WHERE s.name = :file AND r.line = :line",
            file=file,
            line=line,
        )
        return None if found[0][0] is None else int(found[0][0])

    def history(self, row: int) -> list[Change]:
        """Every change a recipient has seen, oldest first."""
        with told(self._place):
            found = history(self._connection, row)
        if found:
            return found
        return next((seen for each in self.archives() if (seen := each.history(row))), [])

    def ask(self, statement: str, **values: object) -> Sequence[Any]:
        """The rows of a question of the modules beside this one."""
        return self._all(statement, **values)

    def ask_pages(self, statement: str, **values: object) -> Iterator[Any]:
        """The same of many rows, as `pages` reads them."""
        with told(self._place):
            yield from pages(self._connection, text(statement), **values)

    # ---- inside

    def _all(self, statement: str, **values: object) -> Sequence[Any]:
        with told(self._place):
            return self._connection.execute(text(statement), values).all()


_LIST_ROWS = text("SELECT row, source, line, data FROM recipients WHERE row IN :rows").bindparams(
    bindparam("rows", expanding=True)
)
_ADDRESSES = text("SELECT row, address FROM recipients WHERE row IN :rows").bindparams(
    bindparam("rows", expanding=True)
)
