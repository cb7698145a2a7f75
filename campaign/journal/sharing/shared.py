"""A journal that several workers write at once, as one of them sees it.

In: a place, who joins, what all must agree in.  Out: a `Writer`, and the session of leases.
Touches: the database, the worker's emergency file.
Fails with JournalBusy beside a run of one process, ConfigError for a journal in a file,
FleetMismatch for a worker that is not like the others, JournalError.

The lock is the same as that of a run of one process, taken for sharing.  Whoever gets it for
himself first is alone, puts the journal in order, and then shares it.  Nobody is taken for dead
only because his session is gone: after a restart of the server all sessions are, and the first
worker to come back must not settle what the others know.  They are taken for dead when they have
been silent for a lease.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from campaign.clock import Clock
from campaign.database.engines import (
    hurry,
    is_safe_from_power_loss,
    limit_waits,
    open_for_writing,
)
from campaign.database.failures import told
from campaign.database.places import Place, locate
from campaign.database.sql import Connection, SQLAlchemyError, text
from campaign.database.transactions import atomic
from campaign.errors import ConfigError, FleetMismatch, JournalBusy, JournalError, JournalGone
from campaign.journal import schema
from campaign.journal.holding.boot import boot_of_this_machine
from campaign.journal.holding.lock import AdvisoryLock, shares_lock, unshare_lock
from campaign.journal.reading.results import read_plan
from campaign.journal.sharing import leases, rates
from campaign.journal.sharing.leases import Joining, LeaseStanding, Member, TakenOver
from campaign.journal.sharing.rates import Grant, Wish
from campaign.journal.sharing.server import warnings
from campaign.journal.sharing.shards import lay_out
from campaign.journal.sharing.tables import is_shared, make_sharing_tables
from campaign.journal.store import Journal, LastRun, last_run
from campaign.journal.writing.beginning import begin_writer, emergency_room
from campaign.journal.writing.changes import ChangeWriter
from campaign.journal.writing.emergency import EmergencyFile, read_kept
from campaign.journal.writing.totals import make_sure_of_totals, totals_of
from campaign.journal.writing.writer import Writer
from campaign.records import PlanRecord, State

# Of a server that is busy, or has gone without a word.  Whether dots may be written is said by the
# lease; to give a session up costs more than to wait for it.
_ANSWER_S = 5.0
Groups = Mapping[str, Sequence[str]] | None  # as `lay_out` takes them


class ServerClock:
    """The time of the journal's server, asked for once: that of all workers, whatever their own
    clocks say.  It is carried on by a clock that nobody can set."""

    def __init__(self, clock: Clock, server_s: float) -> None:
        self._clock = clock
        self._ahead_s = server_s - clock.passed_s()

    def now_s(self) -> float:
        return self._ahead_s + self._clock.passed_s()

    def tick_s(self) -> float:
        return self._clock.tick_s()

    def passed_s(self) -> float:
        return self._clock.passed_s()


class SharedJournal:
    """From `open` to `join` the journal can still be put in order, where this worker is the first;
    from `join` to `close` it is a member."""

    def __init__(
        self, place: Place, connection: Connection, lock: AdvisoryLock | None, clock: Clock
    ) -> None:
        self._place = place
        self._connection = connection
        self._lock = lock  # held alone until others may join
        now = connection.execute(text("SELECT EXTRACT(EPOCH FROM clock_timestamp())")).scalar_one()
        self.clock = ServerClock(clock, float(now))
        self._steward: Connection | None = None
        self._turn = threading.Lock()
        self._plan: PlanRecord | None = None
        self._last: LastRun | None = None
        self._knows_last = False
        self._lost: JournalGone | None = None  # the steward's session is over
        self._changes = ChangeWriter(connection.dialect)
        self._writer: Writer | None = None
        self._emergency: EmergencyFile | None = None
        self.first: Journal | None = None  # to be put in order before anybody joins
        self.epoch = 0
        self.unsent: frozenset[int] = frozenset()  # see `Writer.unpermitted`; known once it closed
        self.is_safe_from_power_loss = True

    @classmethod
    def open(cls, url: str, folder: Path, *, clock: Clock, campaign: str = "") -> Self | None:
        """Take the lock, alone or beside other workers; None where somebody else has it alone.

        Raises ConfigError, JournalError.
        """
        place = locate(url, folder)
        if place.path is not None:
            raise ConfigError(
                f"the journal {place.shown} is a file of one machine, which workers cannot share",
                remedy='[journal] url = "postgresql+psycopg://USER@HOST/DATABASE"',
            )
        with told(place):
            connection = open_for_writing(place).connect()
            try:
                try:
                    lock: AdvisoryLock | None = AdvisoryLock(connection, place.shown)
                except JournalBusy:
                    lock = None
                    if not shares_lock(connection):
                        connection.close()
                        return None
                shared = cls(place, connection, lock, clock)
                shared.is_safe_from_power_loss = is_safe_from_power_loss(connection)
                if lock and not (is_shared(connection) and leases.members(connection)):
                    shared.first = Journal.take_on(place, connection, lock, shared.clock, campaign)
                connection.rollback()
            except BaseException:
                connection.close()
                raise
        return shared

    def plan_record(self) -> PlanRecord:
        """The plan that all workers send by, which stays while they do; asked for once, before
        `start`."""
        if self._plan is None:
            with told(self._place):
                self._plan = read_plan(self._connection)
                self._connection.rollback()
        return self._plan

    def last_run(self) -> LastRun | None:
        """The run before this one, of one process or of a fleet; first asked before `join`, which
        begins a run where this worker is the first."""
        if not self._knows_last:
            with told(self._place):
                self._last = last_run(self._connection, but=0 if self.first else 1)
            self._knows_last = True
        return self._last

    def join(self, joining: Joining, terms: Mapping[str, str], groups: Groups) -> int:
        """Become a member; its epoch.

        `terms`: what all members must agree in, by the words it is called by.
        Raises FleetMismatch, JournalError.
        """
        with told(self._place):
            if self.first is not None:
                self._begin(joining, terms, groups)
            else:
                self._refuse_mismatch(terms)
            self.epoch = leases.join(self._connection, joining)
            leases.use_epoch(self._connection, self.epoch, joining.lease_s)
            if self._lock:
                self._lock.share()
            self._steward = open_for_writing(self._place).connect()
            leases.use_epoch(self._steward, self.epoch, joining.lease_s)
            limit_waits(self._steward, max(joining.lease_s, _ANSWER_S))
        return self.epoch

    def warnings(self) -> list[str]:
        """What whoever runs the server should know; asked before `start`."""
        with told(self._place):
            return warnings(self._connection)

    def start(
        self, loop: asyncio.AbstractEventLoop, on_failure: Callable[[JournalError], None]
    ) -> Writer:
        """As that of a journal of one process; the emergency file is the worker's own."""
        plan_id = self.plan_record().plan_id
        self._emergency = emergency_room(self.emergency_of(self.epoch), plan_id)
        self._writer = begin_writer(
            self._connection,
            self._place,
            self._changes,
            self._emergency,
            loop,
            on_failure,
            self.clock,
        )
        return self._writer

    def emergency_of(self, epoch: int) -> Path:
        """Where a member of this folder keeps outcomes that the journal did not take."""
        return self._place.emergency.with_name(f"{self._place.emergency.name}.{epoch}")

    def hurry(self) -> None:
        """Somebody wants the end now: a server that does not answer is given up in a moment."""
        hurry(self._connection)
        if self._steward:
            hurry(self._steward)

    def close(self, how: str = "left") -> bool:
        """Write what is queued and leave; whether it could: see `leases.leave`."""
        has_left = False
        failed = False
        if self._writer:
            self._writer.stop()
            failed = self._writer.failure is not None
            self.unsent = frozenset(self._writer.unpermitted)
        if self._emergency:
            self._emergency.close()
        if self.epoch and not failed and self._steward:
            with suppress(JournalError), self._taken_turns():
                now_s = self.clock.now_s()
                has_left = leases.leave(self._steward, self.epoch, now_s, how)
        with suppress(SQLAlchemyError):
            unshare_lock(self._connection)
        for connection in (self._steward, self._connection):
            if connection is not None:
                _let_go(connection)
        return has_left

    # ---- while it is a member; each in a thread, one at a time

    def beat(self) -> LeaseStanding:
        """See `leases.beat`."""
        with self._taken_turns():
            return leases.beat(self._session, self.epoch)

    def counts(self) -> dict[State, int]:
        """How many stand where, of all workers."""
        with self._taken_turns():
            return totals_of(self._session)

    def claim(self, most: int) -> tuple[leases.Shard, ...]:
        """See `leases.claim`."""
        with self._taken_turns():
            return leases.claim(self._session, self.epoch, most)

    def finish(self, shards: Sequence[int]) -> tuple[leases.Shard, ...]:
        """See `leases.finish`."""
        with self._taken_turns():
            return leases.finish(self._session, self.epoch, shards)

    def give_back(self, shards: Sequence[int]) -> tuple[leases.Shard, ...]:
        """See `leases.give_back`."""
        with self._taken_turns():
            return leases.give_back(self._session, self.epoch, shards)

    def grant(self, wishes: Sequence[Wish]) -> list[Grant]:
        """See `rates.grant`."""
        with self._taken_turns():
            return rates.grant(self._session, wishes)

    def tell_and_hear(self, news: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
        """See `rates.tell_and_hear`."""
        with self._taken_turns():
            return rates.tell_and_hear(self._session, self.epoch, news)

    def take_over(
        self, silent: Member, successor: Member, policy: str, unsent: frozenset[int]
    ) -> TakenOver | None:
        """See `leases.take_over`; what the silent one kept in this folder is taken in."""
        path = self.emergency_of(silent.epoch)
        with self._taken_turns():
            plan_id = read_plan(self._session).plan_id
            kept = read_kept(path, plan_id) if path.exists() else []
            taken = leases.take_over(
                self._session,
                self._changes,
                silent,
                successor,
                policy,
                self.clock.now_s(),
                kept,
                unsent,
            )
        if taken is not None:
            path.unlink(missing_ok=True)
        return taken

    # ---- inside

    @contextmanager
    def _taken_turns(self) -> Iterator[None]:
        """A question that was given up goes on in its thread: the next one waits for it.

        Once the session is lost nothing more is asked: SQLAlchemy would begin another one, which
        has no epoch.
        """
        with self._turn:
            if self._lost is not None:
                raise self._lost
            try:
                with told(self._place):
                    yield
            except JournalGone as gone:
                self._lost = gone
                raise

    @property
    def _session(self) -> Connection:
        assert self._steward is not None, "not a member yet"
        return self._steward

    def _begin(self, joining: Joining, terms: Mapping[str, str], groups: Groups) -> None:
        """The first worker: the run of the fleet, its tables, its shards."""
        with atomic(self._connection):
            make_sharing_tables(self._connection)
            for table in ("fleet_terms", "fleet_rates", "fleet_used", "fleet_rests"):
                self._connection.exec_driver_sql(f"DELETE FROM {table}")
            self._connection.execute(
                text(
                    "INSERT INTO fleet_terms SELECT * FROM unnest(CAST(:names AS TEXT[]),"
                    " CAST(:values AS TEXT[]))"
                ),
                {"names": list(terms.keys()), "values": list(terms.values())},
            )
            lay_out(self._connection, groups)
            make_sure_of_totals(self._connection)
            self._connection.execute(
                schema.runs.insert().values(
                    host=joining.host,
                    boot_id=boot_of_this_machine(),
                    pid=joining.pid,
                    started_s=joining.since_s,
                    inode="",
                )
            )

    def _refuse_mismatch(self, terms: Mapping[str, str]) -> None:
        """Raises FleetMismatch naming all that differs."""
        found = {
            str(name): str(value)
            for name, value in self._connection.execute(text("SELECT name, value FROM fleet_terms"))
        }
        self._connection.rollback()
        differs = [
            name
            for name in sorted(found.keys() | terms.keys())
            if found.get(name) != terms.get(name)
        ]
        if differs:
            said = ", ".join(
                _difference(name, found.get(name), terms.get(name)) for name in differs
            )
            raise FleetMismatch(
                f"this worker is not like the fleet that it would join: {said}",
                remedy="give all workers the same version of campaign and the same campaign folder",
            )


def _difference(name: str, theirs: str | None, ours: str | None) -> str:
    if theirs and ours and len(theirs) < 40 and len(ours) < 40:
        return f"{name} is {ours} here and {theirs} there"
    return f"{name} differs"


def _let_go(connection: Connection) -> None:
    """Close it as it is: the server takes back what was not committed, if it is there at all."""
    if not connection.closed:
        connection.invalidate()
    connection.close()
    connection.engine.dispose()
