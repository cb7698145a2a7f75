"""Sends a planned campaign to its end, or to where it is told to stop.

In: a campaign with a finished plan.  Out: `RunResult`.
Touches: the journal, render workers, the network, signals.

One event loop owns every socket, every rate and the journal's queue.  The run ends when the
journal says that nobody is left in a state that is not settled; it is asked, never inferred.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import deque
from collections.abc import Callable
from contextlib import closing

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.delivery.beginning.order import put_in_order, refuse_another_plan
from campaign.delivery.beginning.staleness import (
    RunClock,
    always,
    clock_for,
    last_seen_s,
    refuse_silent,
)
from campaign.delivery.ending import ending
from campaign.delivery.policies import policies_of
from campaign.delivery.run_records import (
    Observer,
    RunOptions,
    RunResult,
    Unheard,
)
from campaign.delivery.running import Run
from campaign.delivery.sharing import Share
from campaign.journal.holding.pausing import PauseMark
from campaign.journal.reading.reader import Reader
from campaign.journal.sharing.shared import SharedJournal
from campaign.journal.store import Journal
from campaign.loops import LoopFactory, fastest_loop
from campaign.planning.drift import sentence
from campaign.planning.inputs import (
    refuse_drift,
)
from campaign.planning.opening import adopt_templates, sources_now
from campaign.planning.timing.turns import closed_hours
from campaign.records import unsettled_of
from campaign.workers.start import WorkerProcess

# How long the event loop may keep the interpreter to itself while the journal thread wants it:
# 5 ms, as Python has it, is longer than a commit, and all connections wait for commits.
_TURN_S = 0.001


def run_campaign(
    campaign: Campaign,
    options: RunOptions,
    *,
    clock: Clock,
    observer: Observer,
    ahead: deque[WorkerProcess] | None = None,
    loop_factory: LoopFactory | None = None,
) -> RunResult:
    """Send what is planned and due, by render workers started `ahead` if there are any.

    `loop_factory` None: the fastest event loop there is.

    Raises DriftError when inputs changed since the plan, StaleError for what may be an old copy of
    the journal, JournalBusy when another run holds it, LoginError, RelayError, JournalError,
    DataError for evidence that is none; all else ends in a RunResult.
    """
    observer = Unheard(observer)
    settings = campaign.settings
    url, folder = settings.journal.url, campaign.folder
    opened = Journal.open(url, folder, clock=clock, create=False, campaign=settings.name)
    with ending(opened) as (journal, how):
        with closing(Reader.open(url, folder)) as reader:
            record = reader.plan_record()
            sources = reader.sources()
            counts = reader.counts()
        PauseMark(url, folder).refuse()
        if settings.is_open:
            record, changed = adopt_templates(campaign, journal, record, sources)
            if changed:
                observer.say(f"letters are made from what changed: {sentence(changed)}")
        else:
            refuse_drift(campaign, record)
            refuse_another_plan(options.agreed, record, counts)
        policies = policies_of(settings, sources_now(campaign, sources), random.random)
        run_clock = clock_for(
            journal,
            clock,
            always if settings.is_open else closed_hours(settings.schedule),
            may_be_stale=options.resume_stale or not unsettled_of(counts),
        )
        doubtful = put_in_order(campaign, options, journal, policies, run_clock, observer)
        if settings.is_open and (said := journal.make_ready_to_rotate()):
            observer.say(said)
        sys.setswitchinterval(_TURN_S)
        with asyncio.Runner(loop_factory=loop_factory or fastest_loop()) as runner:
            run = Run(campaign, options, journal, record, run_clock, observer, ahead)
            result = runner.run(run.send(doubtful))
            if run.how:
                how.append(run.how)
            return result


def take_part(
    campaign: Campaign,
    options: RunOptions,
    shared: SharedJournal,
    join: Callable[[], Share],
    *,
    observer: Observer,
    ahead: deque[WorkerProcess] | None = None,
    loop_factory: LoopFactory | None = None,
) -> RunResult:
    """Send one worker's part of a campaign, until everybody is settled, by whichever worker.

    `join` is called once all that a worker must be sure of holds; the first of a fleet settles
    before it what an earlier run left.  The journal is closed at the end.

    Raises as `run_campaign`; EpochEnded, LeaseRanOut and JournalGone where this worker has lost its
    shards, or the journal, and may join again.
    """
    observer = Unheard(observer)
    how: list[str] = []
    try:
        with closing(Reader.open(*campaign.journal)) as reader:
            record = reader.plan_record()
            counts = reader.counts()
            policies = policies_of(campaign.settings, reader.sources(), random.random)
        PauseMark(*campaign.journal).refuse()
        refuse_drift(campaign, record)
        refuse_another_plan(options.agreed, record, counts)
        last = shared.last_run()
        run_clock = RunClock(shared.clock, last_seen_s(last) if last else 0.0)
        doubtful: list[str] = []
        if shared.first:
            if last and not options.resume_stale and unsettled_of(counts):
                refuse_silent(last, run_clock.now_s(), closed_hours(campaign.settings.schedule))
            doubtful = put_in_order(campaign, options, shared.first, policies, run_clock, observer)
        share = join()
        sys.setswitchinterval(_TURN_S)
        with asyncio.Runner(loop_factory=loop_factory or fastest_loop()) as runner:
            run = Run(campaign, options, shared, record, run_clock, observer, ahead, share)
            result = runner.run(run.send(doubtful))
            if run.how:
                how.append(run.how)
            return result
    finally:
        shared.close(*how)
