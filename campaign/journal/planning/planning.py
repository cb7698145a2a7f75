"""The plan: a list goes into the journal in bulk and is frozen there.

In: sources, entries, suppressed keys, row by row in file order.  Out: one row per recipient, each
`planned` or `skipped` with its reason.  Touches: the database.

Duplicates and suppression are found by the database, set by set, once everything is loaded: SQLite
sorts on disk, so memory does not grow with the list.  A plan counts once `finish` committed;
what is left of an unfinished one is thrown away when the journal is opened again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any, Concatenate, ParamSpec, TypeVar

from campaign.clock import Clock
from campaign.database.failures import told
from campaign.database.places import Place
from campaign.database.sql import Connection, CursorResult, Insert, insert, text
from campaign.errors import DataError, JournalError
from campaign.journal import schema
from campaign.journal.notes import forget, is_finished, remember, rendered
from campaign.journal.planning.amending import Replaced, move_arrivals, replace_and_remove
from campaign.journal.planning.domains import write_domains
from campaign.journal.planning.statements import (
    DUPLICATES,
    LEAVE_OTHERS,
    LEAVE_THESE,
    MEANT,
    NOT_MEANT,
    NOTE_REPEATS,
    PART_OF,
    PHOTOGRAPH,
    PUT_IN_ORDER,
    PUT_INTO,
    RANK_GROUPS,
    SAME_AS,
    UNRANKED,
)
from campaign.journal.planning.tables import write_source
from campaign.journal.writing.totals import count_totals, forget_totals
from campaign.records import Entry, PlanRecord, Source

_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")

BULK_ROWS = 20_000  # rows in one transaction while loading
_TOGETHER = 250  # rows in one statement: a row costs SQLite's driver 2 µs, one by one 4 µs
_SHOWN = 10  # pairs of duplicates named in an error


def _while_planning(
    method: Callable[Concatenate[Planning, _Given], _Got],
) -> Callable[Concatenate[Planning, _Given], _Got]:
    """Errors of the database are told in a sentence, and what stands is not changed."""

    @wraps(method)
    def wrapped(self: Planning, /, *given: _Given.args, **also: _Given.kwargs) -> _Got:
        if self.is_finished:
            raise JournalError("this plan is finished")
        with told(self._place):
            return method(self, *given, **also)

    return wrapped


class Planning:
    """One plan or amendment on its way in.

    An amendment is loaded into a temporary table first, and only what is new moves on.  So is a
    list that goes by rank: its rows get their numbers, which are the order in which they go, once
    all of them are known.
    """

    def __init__(
        self,
        connection: Connection,
        place: Place,
        clock: Clock,
        record: PlanRecord,
        *,
        are_ranked: bool = False,
    ) -> None:
        self._place = place
        self.is_finished = False
        self.replaced = Replaced()
        self._connection = connection
        self._clock = clock
        self._record = record
        self._amends = is_finished(connection)
        self._are_ranked = are_ranked
        self._table = "arrivals" if self._amends or are_ranked else "recipients"
        self._base = _count(connection, "recipients") if self._amends else 0
        self._row = 0
        self._sources_base = _count(connection, "sources")
        self._sources = self._sources_base
        self._pending = 0
        self._is_marked = True  # nothing is there to be marked yet
        inserted = str(insert(schema.recipients).compile(dialect=connection.dialect))
        self._insert = inserted.replace("recipients", self._table, 1)
        into, values, row = self._insert.partition("VALUES ")
        sign = "%s" if connection.dialect.paramstyle == "format" else "?"
        self._insert_rank = f"INSERT INTO ranks (row, value) VALUES ({sign}, {sign})"
        self._insert_together = f"{into}{values}{', '.join([row] * _TOGETHER)}"
        with told(place):
            self._sync("NORMAL")
            self._begin()

    @_while_planning
    def add_source(self, source: Source) -> int:
        """Keep how a file was read.  Returns its number; entries count from 0 in each plan."""
        number = self._sources
        self._sources += 1
        write_source(self._connection, number, source)
        return number

    @_while_planning
    def add_entries(
        self, entries: Sequence[Entry], ranks: Sequence[float | None] | None = None
    ) -> None:
        """Rows in file order.  The first row of the plan is 1; rejects count as rows.

        `ranks`: of each, the highest of which goes first; None goes last.
        """
        if not entries:
            return
        row, base = self._row, self._sources_base
        if base:
            entries = [entry._replace(source=entry.source + base) for entry in entries]
        numbered = [(number, *entry) for number, entry in enumerate(entries, row + 1)]
        rest = len(entries) % _TOGETHER
        if not self._connection.in_transaction():
            self._connection.begin()
        cursor = self._connection.connection.cursor()
        for start in range(0, len(entries) - rest, _TOGETHER):
            values = chain.from_iterable(numbered[start : start + _TOGETHER])
            cursor.execute(self._insert_together, tuple(values))
        if rest:
            cursor.executemany(self._insert, numbered[-rest:])
        if ranks is not None:
            ranked = [(at, rank) for at, rank in enumerate(ranks, row + 1) if rank is not None]
            cursor.executemany(self._insert_rank, ranked)
        self._row = row + len(entries)
        self._is_marked = False
        self._pending += len(entries)
        if self._pending >= BULK_ROWS:
            self._commit()

    @_while_planning
    def add_suppressed(self, keys: Iterable[str], lists: str = "") -> None:
        """Normalised keys of people who must not be written to; known ones may come again.

        `lists`: what tells the state of the lists they are from, for `Reader.suppression_lists`.
        """
        adding = schema.suppressing(self._connection.dialect)
        rest = ((key,) for key in keys)
        while part := list(islice(rest, BULK_ROWS)):
            self._connection.exec_driver_sql(adding, part)
            self._commit()
        remember(self._connection, "suppression_lists", lists)
        self._commit()

    @_while_planning
    def leave_out(self, people: Iterable[tuple[str, bool]], reason: str, *, others: bool) -> None:
        """Before `mark`: these people, or all `others`, get no letter.

        people: keys, each with whether it is meant; the last word on a key counts
        """
        self._run("CREATE TEMPORARY TABLE meant (key TEXT PRIMARY KEY)")
        for is_meant, told_of in groupby(people, key=itemgetter(1)):
            change = MEANT if is_meant else NOT_MEANT
            while part := [{"key": key} for key, _ in islice(told_of, BULK_ROWS)]:
                self._connection.execute(text(change), part)
                self._commit()
        self._run(LEAVE_OTHERS.format(table=self._table) if others else LEAVE_THESE, reason=reason)
        self._run("DROP TABLE meant")
        self._commit()

    @_while_planning
    def mark(self, duplicates: str) -> None:
        """Give every row its state: planned, or skipped if rejected, suppressed or a duplicate.

        `duplicates`: "first" is planned and the others skipped, "allow", or "error", which raises
        DataError naming the first pairs.
        """
        remember(self._connection, "duplicates", duplicates)
        # Behind the key what decides whether a row counts: duplicates need the index alone.
        self._run(
            "CREATE INDEX IF NOT EXISTS recipients_key ON recipients (key, reason, group_key)"
        )
        self._join_groups()
        if self._are_ranked:
            self._rank()
        if self._amends:
            move_arrivals(self._connection, self._base, duplicates, are_ranked=self._are_ranked)
        if duplicates == "error":
            self._refuse_duplicates()
        self._give_birth()
        self._skip("SELECT row, reason FROM recipients WHERE reason <> '' AND row > :base")
        self._skip(  # CROSS: most plans suppress nobody, and need not be gone through for it
            "SELECT r.row AS row, 'suppressed' AS reason FROM suppressed s"
            " CROSS JOIN recipients r WHERE r.key = s.key AND r.reason = ''"
        )
        self._skip(
            "SELECT r.row AS row, p.reason AS reason FROM leaving p"
            " CROSS JOIN recipients r WHERE r.key = p.key AND r.reason = ''"
        )
        self._skip(
            f"SELECT r.row AS row, {PART_OF} || g.head AS reason FROM (SELECT group_key,"
            " min(row) AS head FROM recipients WHERE group_key <> '' AND row > :base"
            " GROUP BY group_key HAVING count(*) > 1) g JOIN recipients r"
            " ON r.group_key = g.group_key AND r.group_key <> '' AND r.row > g.head"
        )
        if duplicates == "first":
            self._skip(f"SELECT d.row AS row, {SAME_AS} || d.first AS reason FROM ({DUPLICATES}) d")
        if duplicates == "allow" or self._amends:
            self._run(NOTE_REPEATS, base=self._base)
        self._is_marked = True
        self._commit()

    @_while_planning
    def skip_rows(self, reasons: Iterable[tuple[int, str]]) -> None:
        """Planned rows that cannot be sent after all, e.g. (7, "render: ...")."""
        now = self._clock.now_s()
        rows = [
            {"of": row, "state": "skipped", "reason": reason, "at": now} for row, reason in reasons
        ]
        if rows:
            self._connection.execute(text(PUT_INTO), rows)
            self._commit()

    @_while_planning
    def keep_snapshots(self, snapshots: Iterable[tuple[int, str]]) -> None:
        """What the own attachments of rows were; counts when the plan is finished."""
        pairs = [{"row": row, "snapshot": snapshot} for row, snapshot in snapshots]
        if pairs:
            self._connection.execute(text(PHOTOGRAPH), pairs)
            self._commit()

    @_while_planning
    def note_rendered(self, count: int, size_bytes: int) -> None:
        """Messages that were made, and their bytes in all; amendments add to them."""
        before, bytes_before = rendered(self._connection)
        remember(self._connection, "rendered", f"{before + count} {bytes_before + size_bytes}")
        self._commit()

    @_while_planning
    def finish(self) -> None:
        """The plan stands from here on; `replaced` says what an amendment changed of it.

        Raises JournalError when its rows were never marked.
        """
        self._sync("FULL")
        standings, rows = (_count(self._connection, table) for table in ("standings", "recipients"))
        if not self._is_marked or standings != rows:
            raise JournalError("the plan was finished before its rows had a state")
        self._run(
            "INSERT INTO snapshots (row, snapshot) SELECT row, snapshot FROM photographed"
            " WHERE 1 = 1 ON CONFLICT (row) DO UPDATE SET snapshot = excluded.snapshot"
        )
        self._run("DROP TABLE photographed")
        self._run("DROP TABLE leaving")
        if self._amends:
            self.replaced = replace_and_remove(self._connection, self._base, self._clock.now_s())
            forget(self._connection, "amended_from")
            forget(self._connection, "amended_sources")
            self._run("UPDATE plan SET hashes = :hashes", hashes=json.dumps(self._record.hashes))
        else:
            remember(self._connection, "finished", "yes")
        write_domains(self._connection)
        count_totals(self._connection)
        self._connection.commit()
        self.is_finished = True

    def _begin(self) -> None:
        record = self._record
        if self._table == "arrivals":
            self._run("DROP TABLE IF EXISTS arrivals")
            self._run("CREATE TEMPORARY TABLE arrivals AS SELECT * FROM recipients WHERE 1 = 0")
        if self._are_ranked:
            self._run("DROP TABLE IF EXISTS ranks")
            self._run(
                "CREATE TEMPORARY TABLE ranks (row BIGINT PRIMARY KEY, value DOUBLE PRECISION)"
            )
        if self._amends:
            remember(self._connection, "amended_from", str(self._base))
            remember(self._connection, "amended_sources", str(self._sources_base))
        else:
            fields = record._asdict() | {"hashes": json.dumps(record.hashes)}
            self._run(insert(schema.plan).values(**fields))
        forget_totals(self._connection)
        self._run("CREATE TEMPORARY TABLE leaving (key TEXT PRIMARY KEY, reason TEXT)")
        self._run("CREATE TEMPORARY TABLE photographed (row BIGINT PRIMARY KEY, snapshot TEXT)")
        self._commit()

    def _rank(self) -> None:
        """Rows are numbered in the order in which they go; how many have no rank is noted."""
        self._run(RANK_GROUPS)
        remember(self._connection, "unranked", str(self._run(UNRANKED).scalar_one()))
        if not self._amends:
            self._run(PUT_IN_ORDER)
            self._run("DROP TABLE arrivals")
            self._table = "recipients"

    def _give_birth(self) -> None:
        """Everybody who has no state yet is planned, for now."""
        last = self._run("SELECT COALESCE(max(row), 0) FROM standings").scalar_one()
        self._run(
            "INSERT INTO standings (row, state)"
            " SELECT row, 'planned' FROM recipients WHERE row > :last ORDER BY row",
            last=last,
        )

    def _join_groups(self) -> None:
        """Put the rows of each group behind the cells of its first, as `Job.data` wants it."""
        line = "'[' || source || ',' || data || ']'"
        gathered = (  # in the order of rows: SQLite keeps that of the subquery
            f"string_agg({line}, ',' ORDER BY row)"
            if self._connection.dialect.name == "postgresql"
            else f"group_concat({line}, ',')"
        )
        self._run(
            f"UPDATE {self._table} SET data = substr(data, 1, length(data) - 1) || ',['"
            f" || g.gathered || ']]' FROM (SELECT min(row) AS head, {gathered} AS gathered FROM"
            f" (SELECT row, source, data, group_key FROM {self._table} WHERE group_key <> ''"
            " ORDER BY group_key, row) o GROUP BY group_key HAVING count(*) > 1) g"
            f" WHERE {self._table}.row = g.head"
        )

    def _refuse_duplicates(self) -> None:
        pairs = self._run(
            "SELECT f.name, first.line, s.name, r.line, r.address"
            f" FROM ({DUPLICATES}) d JOIN recipients r ON r.row = d.row"
            " JOIN recipients first ON first.row = d.first"
            " JOIN sources s ON s.source = r.source JOIN sources f ON f.source = first.source"
            f" ORDER BY r.row LIMIT {_SHOWN + 1}",
            base=self._base,
        ).all()
        if not pairs:
            return
        shown = "; ".join(
            f"{file}:{line} and {file_again}:{line_again} ({address})"
            for file, line, file_again, line_again, address in pairs[:_SHOWN]
        )
        more = "; and more" if len(pairs) > _SHOWN else ""
        raise DataError(
            f"the same person is on the list more than once: {shown}{more}",
            file=pairs[0][2],
            line=pairs[0][3],
            remedy='remove them, or write duplicates = "first"',
        )

    def _skip(self, found: str) -> None:
        """Skip rows by a query for (row, reason), where they are not settled yet."""
        self._run(
            "INSERT INTO history (row, state, at, attempts, sendings, resends, reason)"
            " SELECT f.row, 'skipped', :now, s.attempts, s.sendings, s.resends, f.reason"
            f" FROM ({found}) f JOIN standings s ON s.row = f.row"
            " WHERE s.state IN ('planned', 'deferred') ORDER BY f.row",
            now=self._clock.now_s(),
            **({"base": self._base} if ":base" in found else {}),
        )

    def _run(self, statement: str | Insert, **values: object) -> CursorResult[*tuple[Any, ...]]:
        made = text(statement) if isinstance(statement, str) else statement
        return self._connection.execute(made, values)

    def _commit(self) -> None:
        self._connection.commit()
        self._pending = 0

    def _sync(self, level: str) -> None:
        """How often SQLite waits for the disk.

        With NORMAL, only before pages leave its log: a loss of power may undo the last commits of
        a plan that is not finished, which counts for nothing.  The commit that finishes it waits
        for the whole log.
        """
        self._commit()
        if self._connection.dialect.name == "sqlite":
            self._connection.connection.cursor().execute(f"PRAGMA synchronous = {level}")


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
