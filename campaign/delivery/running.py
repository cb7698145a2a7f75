"""One run while it lasts: who feeds, who sends, why it stops.

In: a campaign, its open journal.  Out: `RunResult`.
Touches: the journal, render workers, the network, signals.

One event loop owns every socket, every rate and the journal's queue.  The run ends when the
journal says that nobody is left in a state that is not settled; it is asked, never inferred.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from contextlib import closing
from functools import partial

from campaign.config.loader import Campaign
from campaign.delivery.beginning.staleness import RunClock
from campaign.delivery.beside.arriving import ArrivalTaker
from campaign.delivery.beside.mailboxes import Mailboxes
from campaign.delivery.beside.ramping import Ramping
from campaign.delivery.beside.returning import Returning
from campaign.delivery.beside.rotating import Rotation
from campaign.delivery.ending import drained, result_of
from campaign.delivery.feeding.feed import Feed
from campaign.delivery.feeding.suppression import SuppressionLookup
from campaign.delivery.lasting import Feeding
from campaign.delivery.ledger import JournalLedger
from campaign.delivery.policies import policies_of
from campaign.delivery.run_records import Observer, RunOptions, RunResult
from campaign.delivery.sharing import FleetRun, OpenJournal, Share, only_while_live
from campaign.delivery.stopping import Stopping
from campaign.delivery.view import Viewer
from campaign.errors import JournalError, LeaseRanOut
from campaign.journal.archiving.archivist import Archivist
from campaign.journal.holding.pausing import PauseMark
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.schema import LISTED_DOMAINS
from campaign.journal.states import CAME_BACK, REFUSED
from campaign.journal.writing.arriving import Arriving
from campaign.journal.writing.beginning import ANSWER_S
from campaign.planning.inputs import envelope_senders, refuse_other_templates, render_spec
from campaign.planning.keys import signing_spec
from campaign.planning.timing.ramped import ramps_of
from campaign.planning.timing.turns import turns_of
from campaign.pool.builder import known_hosts, outlet_of, patience_of
from campaign.pool.limits import Limits
from campaign.pool.outlet import Outlet
from campaign.pool.ramps import Ramps, RampWindows
from campaign.pool.tasks import Tasks
from campaign.pool.terms import Terms
from campaign.records import Letter, PlanRecord, State, unsettled_of
from campaign.workers.pool import RenderPool
from campaign.workers.start import WorkerProcess, worker_count, workers_for


class Run:
    """The state of one run: who feeds, who sends, why to stop."""

    def __init__(
        self,
        campaign: Campaign,
        options: RunOptions,
        journal: OpenJournal,
        record: PlanRecord,
        clock: RunClock,
        observer: Observer,
        ahead: deque[WorkerProcess] | None,
        share: Share | None = None,
    ) -> None:
        """`share`: of the fleet that it is a worker of."""
        self._share = share
        self._campaign = campaign
        self._options = options
        self._journal = journal
        self._record = record
        self._clock = clock
        self._observer = observer
        self._ahead = ahead
        self._wanted = asyncio.Event()
        last = journal.last_run()
        self._is_continued = last is not None
        self._on_trial = last is not None and last.how in (CAME_BACK, REFUSED)
        self._tasks = Tasks()
        self._stopping = Stopping(
            observer.say,
            wake=self._wanted.set,
            hurry=self._hurry,
            on_broken_journal=self._journal_broke,
        )
        self._reader: ClaimReader | None = None
        self._is_set_up = False
        self._started_s = clock.tick_s()

    async def send(self, doubtful: list[str]) -> RunResult:
        """The whole run."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._stopping.crashed)
        if self._share is None:
            return await self._send(loop, doubtful)
        staying = loop.create_task(self._share.keep(self._stopping.stop_for))
        staying.add_done_callback(self._heed_crash)
        try:
            return await self._send(loop, doubtful)
        finally:
            staying.cancel()
            await self._share.finish()

    async def _send(self, loop: asyncio.AbstractEventLoop, doubtful: list[str]) -> RunResult:
        self._writer = self._journal.start(loop, self._stopping.stop_for)
        with closing(self._open_reader()) as reader:
            reader.limit_waits(ANSWER_S)
            self._reader = reader
            spec = render_spec(self._campaign, self._record, reader.sources())
            async with RenderPool(
                spec,
                workers=self._worker_count(reader),
                ahead=self._ahead,
                has_read=partial(refuse_other_templates, self._campaign, self._record),
                signing=signing_spec(self._campaign),
                may_be_unsigned=self._options.relay_override is not None,  # a rehearsal
                on_note=self._observer.say,
            ) as rendering:
                self._set_up(reader, rendering)
                self._stopping.catch_signals(loop)
                beside = self._beside()
                try:
                    finished = await self._fed(reader)
                    await self._wind_up()
                finally:
                    await beside.cancel()
                    self._suppression.close()
                    self._stopping.release_signals(loop)
            if self._rotation and finished:
                await self._rotation.catch_up()
            await self._writer.drain()
            await self._mailboxes.finish()
            await self._ramping.finish()
            if self._taker:
                await self._taker.finish()
            if self._rotation:
                self._rotation.finish()
            return self._result(reader.counts(), doubtful, finished, reader.unmade())

    def _beside(self) -> Tasks:
        """What goes on as long as there may be letters; a crash of it stops the run."""
        beside = Tasks()
        beside.spawn(self._viewer.keep_telling(self._observer, self._stopping))
        beside.spawn(self._stopping.heed_pause(PauseMark(*self._campaign.journal)))
        beside.spawn(self._mailboxes.keep_writing())
        beside.spawn(self._ramping.keep_taking())
        beside.spawn(self._returning.keep_looking())
        if self._taker:
            beside.spawn(self._taker.keep_taking())
        if self._rotation:
            beside.spawn(self._rotation.keep_rotating())
        return beside

    def _worker_count(self, reader: ClaimReader) -> int:
        """For those who are left; of a fleet, and of those who are still to come, nobody knows."""
        wanted = self._options.workers
        if self._share or self._campaign.settings.is_open:
            return worker_count(wanted)
        left = unsettled_of(reader.counts())
        return workers_for(left, wanted, limit=self._options.limit)

    def _open_reader(self) -> ClaimReader:
        return (
            self._share.open_reader() if self._share else ClaimReader.open(*self._campaign.journal)
        )

    def _serve(self) -> None:
        """Of a worker: let its fleet bring rows, and take them away."""
        if self._share is not None:
            run = FleetRun(
                self._feed,
                self._outlet,
                self._ledger.counts,
                self._ledger.open.keys(),
                say=self._observer.say,
                stop_for=self._stopping.stop_for,
                wake=self._wanted.set,
                is_refused=lambda: bool(self._stopping.how),
            )
            self._share.serve(run)

    def _set_up(self, reader: ClaimReader, rendering: RenderPool) -> None:
        settings = self._campaign.settings
        counts = reader.counts()
        self._mailboxes = mailboxes = self._mailboxes_of(reader, counts)
        self._suppression = SuppressionLookup(
            self._campaign, self._writer, reader, mailboxes, self._clock, self._stopping.stop_for
        )
        self._turns = turns_of(self._campaign, self._record, reader, self._clock.now_s())
        policies = policies_of(settings, reader.sources(), random.random)
        self._first_sources = policies.first_sources
        self._ledger = JournalLedger(
            only_while_live(self._writer.write, self._share, self._lease_ran_out)
            if self._share
            else self._writer.write,
            policies,
            self._clock,
            self._turns,
            counts=counts,
            on_outcome=self._heed,
            on_due=lambda due_s: self._feed.look_back(due_s),
            learn=self._mailboxes.learn,
            soft_keys=self._mailboxes.soft_keys,
        )
        # A rehearsal spends nothing of anybody's day.
        is_sandbox = self._options.relay_override is not None
        ramps = Ramps() if is_sandbox else ramps_of(self._campaign)
        self._ramps = RampWindows(ramps, self._clock.now_s)
        self._ramping = Ramping(self._campaign, self._ramps, self._stopping.stop_for)
        self._returning = Returning(
            self._campaign, self._clock, self._stopping.stop_for, is_sandbox=is_sandbox
        )
        self._outlet = self._outlet_of(reader)
        self._feed = Feed(
            reader,
            self._ledger,
            self._outlet,
            rendering,
            self._suppression,
            self._turns,
            self._clock,
            sender_of=envelope_senders(self._campaign, self._record),
            most=self._options.limit,
            expire_after_s=settings.delivery.expire_after,
            policies=policies,
            spawn=self._tasks.spawn,
        )
        self._taker = self._taker_of(reader) if settings.is_open else None
        if self._taker:
            self._feed.look_again(self._taker.taken.bulk_until)
        self._rotation = self._rotation_of() if settings.is_open else None
        domains = reader.domains(LISTED_DOMAINS)
        limited = Limits(settings.limits).count(domains, also=self._ramps.of_provider)
        self._viewer = Viewer(
            self._ledger, self._outlet, self._feed, self._turns, self._clock, limited=limited
        )
        self._feeding = Feeding(
            self._feed,
            self._ledger,
            self._outlet,
            self._viewer,
            self._clock,
            self._stopping,
            wanted=self._wanted,
            taker=self._taker,
            share=self._share,
            no_wait=self._options.no_wait,
        )
        self._outlet.start()
        self._is_set_up = True
        self._serve()

    def _outlet_of(self, reader: ClaimReader) -> Outlet:
        campaign, options, say = self._campaign, self._options, self._observer.say
        override = options.relay_override
        terms = Terms(
            self._ledger,
            reader,
            self._clock,
            known_hosts(campaign, self._clock, say),
            options.patience or patience_of(campaign, override, no_wait=options.no_wait),
            give_back=self._take_back,
            on_low=self._heed,
            must_stop=self._stopping.stop_for,
            say=say,
            transcript=options.transcript,
            ramps=self._ramps,
            parties=self._share.parties if self._share else None,
            is_first=self._goes_first if self._first_sources else None,
            on_trial=self._on_trial,
        )
        return outlet_of(campaign, terms, override)

    def _taker_of(self, reader: ClaimReader) -> ArrivalTaker:
        return ArrivalTaker(
            self._campaign,
            reader,
            self._writer,
            self._ledger,
            self._clock,
            wake=self._take_up,
            must_stop=self._stopping.stop_for,
        )

    def _rotation_of(self) -> Rotation:
        return Rotation(
            partial(Archivist.open, *self._campaign.journal),
            self._writer,
            self._clock,
            keep_s=self._campaign.settings.keep_s,
            is_busy=lambda: bool(self._ledger.open),
            seen_by_all=self._options.seen_by_all,
            say=self._observer.say,
        )

    def _mailboxes_of(self, reader: ClaimReader, counts: Mapping[State, int]) -> Mailboxes:
        """Told first what a run before this one could not tell the store any more."""
        mailboxes = Mailboxes(
            self._campaign,
            self._clock,
            is_sandbox=self._options.relay_override is not None,
            sent_count=lambda: self._ledger.counts[State.SENT],
            say=self._observer.say,
            must_stop=self._stopping.stop_for,
        )
        if self._is_continued:
            failed = reader.results(State.FAILED, with_archives=False)
            mailboxes.take_in(failed, counts.get(State.SENT, 0))
        return mailboxes

    async def _fed(self, reader: ClaimReader) -> bool:
        """As `until_done`; where the journal cannot be read any more, replies on the way are still
        waited for."""
        try:
            return await self._feeding.until_done(reader)
        except JournalError as error:
            self._stopping.stop_for(error)
            return False

    def _goes_first(self, letter: Letter) -> bool:
        return letter.claim.source in self._first_sources

    def _take_up(self, arriving: Arriving) -> None:
        """Letters have arrived."""
        first, rows = self._first_sources, arriving.rows
        self._feed.look_again(
            arriving.taken.bulk_until,
            (each.row for each in rows if each.source in first and each.state is State.PLANNED),
        )
        if waiting := [each.due_s for each in rows if each.state is State.DEFERRED]:
            self._feed.look_back(min(waiting))  # whose time may have come before they did
        self._wanted.set()

    def _take_back(self, letters: list[Letter]) -> None:
        self._feed.take_back(letters)
        self._wanted.set()

    def _heed(self) -> None:
        """An outcome, or a connection without letters: a reason to look only where there is room
        for a batch.  To look for each commit costs 0.8 µs a letter."""
        if self._feed.has_room or not self._ledger.open:
            self._wanted.set()

    async def _wind_up(self) -> None:
        """With a broken journal only replies count: nobody gets a permission any more."""
        self._feed.is_stopping = True
        await drained(self._outlet, lambda: self._stopping.is_at_once or self._is_waiting_in_vain)
        await self._tasks.cancel()

    # -- stopping ------------------------------------------------------------------------------

    @property
    def how(self) -> str:
        """What ended it, where the next run is to start with a canary."""
        return self._stopping.how

    @property
    def _is_waiting_in_vain(self) -> bool:
        broke = isinstance(self._stopping.error, JournalError | LeaseRanOut)
        return broke and not self._ledger.is_awaiting_replies

    def _journal_broke(self) -> None:
        if self._is_set_up:  # before, nothing was claimed yet
            self._ledger.journal_broke()

    def _heed_crash(self, staying: asyncio.Task[None]) -> None:
        if not staying.cancelled() and (error := staying.exception()):
            self._stopping.crashed(staying.get_loop(), {"exception": error})

    def _lease_ran_out(self) -> None:
        self._stopping.stop_for(
            LeaseRanOut("this worker was held up for longer than its lease: its dots are kept back")
        )

    def _hurry(self) -> None:
        self._journal.hurry()
        if self._reader:
            self._reader.hurry()

    # -- small parts ---------------------------------------------------------------------------

    def _result(
        self, counts: dict[State, int], doubtful: list[str], finished: bool, unmade: int
    ) -> RunResult:
        self._observer.update(self._viewer.view(is_stopping=bool(self._stopping)))
        why = self._stopping.unless_interrupted()
        seconds = self._clock.tick_s() - self._started_s
        if self._share:
            doubtful = doubtful + self._share.doubtful
        return result_of(counts, doubtful, seconds, why, finished=finished, unmade=unmade)
