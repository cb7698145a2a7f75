"""The writing side of the journal: the only connection that may change it.

In: a plan, then changes of state.  Out: a journal that survives any interruption.
Touches: the database, its lock file, its emergency file.

A journal has phases, each with an object of its own.  `Journal.open` gives one that is in order: it
can be asked for its last run, and doubt and retries are settled in it.  `plan` gives a `Planning`,
until that is finished.  `start` gives a `Writer`, until the journal is closed: while a run lasts
nothing else uses the connection.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from campaign.clock import Clock
from campaign.database.engines import hurry, is_safe_from_power_loss
from campaign.database.failures import told
from campaign.database.places import Place, locate
from campaign.database.sql import Connection, text
from campaign.database.transactions import atomic
from campaign.errors import JournalError
from campaign.journal import schema
from campaign.journal.archiving.files import archives_of
from campaign.journal.archiving.preparing import make_ready
from campaign.journal.holding.lock import AdvisoryLock, FileLock, Lock, Runner, RunNote
from campaign.journal.notes import is_finished, last_change, remember
from campaign.journal.opening import put_in_order, take_hold
from campaign.journal.planning.planning import Planning
from campaign.journal.planning.tables import add_sources, discard, refuse_begun
from campaign.journal.reading.results import message_ids, read_plan
from campaign.journal.recovery import (
    Doubt,
    bring_forward,
    doubts,
    not_taken,
    put_back,
    recovered,
    settled,
    write,
)
from campaign.journal.sharing.leases import retire_all
from campaign.journal.writing.beginning import begin_writer, emergency_room
from campaign.journal.writing.changes import ChangeWriter
from campaign.journal.writing.emergency import EmergencyFile
from campaign.journal.writing.events import SUFFIX
from campaign.journal.writing.totals import make_sure_of_totals, totals_of
from campaign.journal.writing.writer import Writer
from campaign.records import Change, PlanRecord, Source, State

PolicyOf = Callable[[int], str]  # in doubt, by the number of a source


class LastRun(NamedTuple):
    """How an earlier run went."""

    host: str
    boot_id: str
    pid: int
    started_s: float
    ended_s: float  # 0.0: it still runs, or was killed
    how: str  # "" likewise
    inode: str  # of the journal's file then; "" where it is not known
    last_change_s: float  # when any recipient last changed


class Journal:
    """See the module."""

    def __init__(self, place: Place, connection: Connection, lock: Lock, clock: Clock) -> None:
        self._place = place
        self._connection = connection
        self._lock = lock
        self._clock = clock
        self._changes = ChangeWriter(connection.dialect)
        self._planning: Planning | None = None
        self._writer: Writer | None = None
        self._emergency: EmergencyFile | None = None
        self._run = 0
        self._are_totals_counted: bool | None = None  # None: nobody has made sure of them
        self.recovered = 0  # outcomes taken in from the emergency file
        self.is_safe_from_power_loss = True

    @classmethod
    def open(
        cls, url: str, folder: Path, *, clock: Clock, create: bool, campaign: str = ""
    ) -> Journal:
        """Take the lock and the writable connection.

        With `create` a journal is made where none is, never over what is left of another.
        `campaign`: the name whose journal it must be; "" takes any.
        Raises JournalBusy, JournalError, ConfigError for the url.
        """
        place = locate(url, folder)
        connection, lock = take_hold(place, clock.now_s(), create=create)
        return cls.take_on(place, connection, lock, clock, campaign, create=create)

    @classmethod
    def take_on(
        cls,
        place: Place,
        connection: Connection,
        lock: Lock,
        clock: Clock,
        campaign: str,
        *,
        create: bool = False,
    ) -> Journal:
        """The same of one that is locked already; a fleet that left it without a word is over."""
        journal = cls(place, connection, lock, clock)
        try:
            with told(place):
                retire_all(connection, clock.now_s(), Runner.this_process(0.0).host)
                journal.recovered = put_in_order(
                    connection,
                    place,
                    journal._changes,
                    create=create,
                    campaign=campaign,
                    note=lock.note,
                )
                journal.is_safe_from_power_loss = is_safe_from_power_loss(connection)
                connection.rollback()
        except BaseException:
            journal.close()
            raise
        return journal

    # ---- the plan

    @property
    def is_planned(self) -> bool:
        """Whether a finished plan is there."""
        return is_finished(self._connection)

    def discard_plan(self) -> None:
        """Forget a plan by which nobody was written to yet.  Raises JournalError otherwise."""
        with told(self._place):
            refuse_begun(self._connection)
            if isinstance(self._lock, FileLock):  # of runs that have sent to nobody
                self._lock.note = None
                self._lock.sign(Runner.this_process(self._clock.now_s()))
            discard(self._connection)

    def note(self, name: str, value: str) -> None:
        """A note about the plan, in place of an earlier one; it goes when the plan goes."""
        with told(self._place):
            remember(self._connection, name, value)
            self._connection.commit()

    def adopt(self, hashes: Mapping[str, str], sources: Sequence[Source]) -> None:
        """An open campaign has other templates than it had: their hashes take over, and `sources`
        are further ones.  Its letters are made from what there is, whenever they were accepted."""
        with told(self._place), atomic(self._connection):
            self._connection.execute(
                text("UPDATE plan SET hashes = :hashes"), {"hashes": json.dumps(dict(hashes))}
            )
            add_sources(self._connection, sources)

    def plan(self, record: PlanRecord, *, are_ranked: bool = False) -> Planning:
        """Begin a plan; on a journal that has one, an amendment (its hashes then take over).

        `are_ranked`: rows come with ranks, and go by them.  It stands once it is finished; left
        unfinished, it is thrown away at the next opening.
        """
        with told(self._place):
            self._planning = Planning(
                self._connection, self._place, self._clock, record, are_ranked=are_ranked
            )
        return self._planning

    # ---- before a run

    def apply(self, changes: Iterable[Change]) -> None:
        """Write changes now, in one transaction.  Only before `start`."""
        assert self._writer is None, "the writer owns the connection"
        with told(self._place):
            write(self._connection, self._changes, changes)

    def recover_in_doubt(self, policy: str | PolicyOf, now_s: float) -> list[Doubt]:
        """Settle what an interrupted run left in `sending`, by the policy "resend" or "hold", of
        all or of each source.

        Returns those concerned, as they were.  Only before `start`.
        """
        with told(self._place):
            if self._make_sure_of_totals() and not totals_of(self._connection)[State.SENDING]:
                return []  # most often, and nobody need be looked for in the whole list
            found = [each for each in doubts(self._connection) if each.state is State.SENDING]
            of = (lambda source: policy) if isinstance(policy, str) else policy
            self.apply(recovered(doubt, of(doubt.source), now_s) for doubt in found)
        return found

    def resolve(self, accepted: Mapping[str, str], now_s: float) -> list[Doubt]:
        """Settle recipients in doubt whose Message-ID the relay is known to have accepted.

        `accepted`: Message-ID in angle brackets -> the evidence, e.g. the line of its log.
        Returns those settled.  Only before `recover_in_doubt` and `start`.
        """
        with told(self._place):
            id_of = message_ids(read_plan(self._connection))
            found = [
                (doubt, evidence)
                for doubt in doubts(self._connection)
                if (evidence := accepted.get(doubt.own_id or id_of(doubt.letter_key))) is not None
            ]
            self.apply(settled(doubt, evidence, now_s) for doubt, evidence in found)
        return [doubt for doubt, _ in found]

    def settle_as_not_taken(self, evidence: Mapping[int, str], now_s: float) -> list[Doubt]:
        """Settle recipients in doubt of whom a log proves that no copy was accepted.

        `evidence`: by row.  Whoever is held is planned again; whoever was given up since stays so.
        Returns those settled.  Only before `start`.
        """
        with told(self._place):
            found = [doubt for doubt in doubts(self._connection) if doubt.row in evidence]
            self.apply(not_taken(doubt, evidence[doubt.row], now_s) for doubt in found)
        return found

    def put_back(
        self,
        states: Collection[State],
        now_s: float,
        *,
        code: str = "",
        spared: Collection[str] = (),
    ) -> int:
        """Make recipients in these states `planned` again; returns how many.  Only before `start`.

        `code`: only those whose last answer had it ("550", "4.7.28"); `spared`: none whose reply
        was of these classes.  Of the skipped only those of whom no letter could be made.
        """
        with told(self._place):
            return put_back(
                self._connection,
                self._changes,
                states,
                now_s,
                code=code,
                spared=spared,
            )

    def bring_forward(self, now_s: float, *, classes: Collection[str] = ()) -> int:
        """Make deferred recipients due now; returns how many.  Only before `start`.

        `classes`: only those deferred for one of them; whoever of these was never tried is planned.
        """
        with told(self._place):
            return bring_forward(self._connection, self._changes, now_s, classes=classes)

    def last_run(self) -> LastRun | None:
        """The run before this one; asked before `start`."""
        return last_run(self._connection)

    @property
    def inode(self) -> str:
        """Of the journal's file; a copy of it has another.  "" of a server's journal."""
        return str(self._place.path.stat().st_ino) if self._place.path else ""

    # ---- a run

    def start(
        self, loop: asyncio.AbstractEventLoop, on_failure: Callable[[JournalError], None]
    ) -> Writer:
        """Begin a run: from here to `close` only what is returned uses the connection.

        `on_failure` is called in the loop, once, at the first error; after it nothing more becomes
        durable here.
        """
        if self._planning and not self._planning.is_finished:
            raise JournalError("the plan is not finished")
        with told(self._place):
            self._run = self._begin_run()
            self._sign(is_ended=False)
            plan_id = read_plan(self._connection).plan_id
            self._connection.rollback()
        self._emergency = emergency_room(self._place.emergency, plan_id)
        self._writer = begin_writer(
            self._connection,
            self._place,
            self._changes,
            self._emergency,
            loop,
            on_failure,
            self._clock,
        )
        return self._writer

    def make_ready_to_rotate(self) -> str:
        """See `archiving.preparing`.  Only before `start`."""
        with told(self._place):
            return make_ready(self._connection, self._place)

    def hurry(self) -> None:
        """Somebody wants the end now: a server that does not answer is given up in a moment."""
        hurry(self._connection)

    def close(self, how: str = "closed") -> None:
        """Write what is queued, note how the run ended, let go of the journal."""
        failed = False
        if self._writer:
            self._writer.stop()
            failed = self._writer.failure is not None
        if self._emergency:
            self._emergency.close()
        if self._run and not failed:
            with told(self._place):
                self._end_run(how)
        if failed:  # nothing that is read after a failure is trusted
            with suppress(JournalError):
                self._lock.sign(self._runner, RunNote(self._run, 0, is_ended=True))
        elif self._run or self._lock.note:  # closing takes the log in
            with suppress(JournalError), told(self._place):
                self._sign(is_ended=True)
        if isinstance(self._lock, AdvisoryLock):
            self._lock.release()
        self._connection.close()
        self._connection.engine.dispose()
        if isinstance(self._lock, FileLock):
            self._lock.release()

    def forget(self) -> None:
        """Close the journal and remove it with all that is beside it.  For rehearsals only."""
        self._connection.close()
        self._connection.engine.dispose()
        if self._place.path is None or not isinstance(self._lock, FileLock):
            raise JournalError("only a journal in a file can be forgotten")
        for suffix in ("", "-wal", "-shm", SUFFIX):
            self._place.beside(suffix).unlink(missing_ok=True)
        for archive in archives_of(self._place):
            Path(archive.shown).unlink()
        self._place.emergency.unlink(missing_ok=True)
        self._lock.clear()
        self._lock.release()

    # ---- inside

    @property
    def _runner(self) -> Runner:
        return Runner.this_process(self._clock.now_s())

    def _sign(self, *, is_ended: bool) -> None:
        """How the run stands, or the one before where there is none."""
        if not isinstance(self._lock, FileLock):
            return
        run = self._run or (self._lock.note.run if self._lock.note else 0)
        last = last_change(self._connection)
        self._connection.rollback()
        self._lock.sign(self._runner, RunNote(run, last, is_ended))

    def _make_sure_of_totals(self) -> bool:
        """Once in the life of a journal, which keeps them from then on; whether they were counted
        rather than taken as they were."""
        if self._are_totals_counted is None:
            self._are_totals_counted = make_sure_of_totals(self._connection)
            self._connection.commit()
        return self._are_totals_counted

    def _begin_run(self) -> int:
        runner = self._runner
        self._make_sure_of_totals()  # what a run counts on is what is there
        inserted = self._connection.execute(
            schema.runs.insert().values(
                host=runner.host,
                boot_id=runner.boot_id,
                pid=runner.pid,
                started_s=runner.since_s,
                inode=self.inode,
            )
        )
        self._connection.commit()
        assert inserted.inserted_primary_key is not None
        return int(inserted.inserted_primary_key[0])

    def _end_run(self, how: str) -> None:
        self._connection.execute(
            text("UPDATE runs SET ended_s = :now, how = :how WHERE run = :run"),
            {"now": self._clock.now_s(), "how": how, "run": self._run},
        )
        self._connection.commit()


def last_run(connection: Connection, *, but: int = 0) -> LastRun | None:
    """The latest that was begun, but for so many."""
    found = connection.execute(
        text(
            "SELECT host, boot_id, pid, started_s, ended_s, how, inode FROM runs ORDER BY run DESC"
            f" LIMIT 1 OFFSET {but}"
        )
    ).first()
    changed = connection.execute(
        text("SELECT at FROM history ORDER BY change DESC LIMIT 1")
    ).scalar()
    connection.rollback()
    return LastRun._make([*found, changed or 0.0]) if found else None
