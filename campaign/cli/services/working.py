"""A worker from joining its fleet to the summary, for `work`.

In: a campaign, what the worker is called.  Out: progress on stderr, a summary on stdout, an exit
code.  Touches: whatever a run touches.

A worker that lost the journal, or its lease, joins again as a new member as soon as it can: the
database gone for a minute costs a minute.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.cli.summary import as_object, next_steps, summary
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.streams import tell
from campaign.errors import (
    ConfigError,
    EpochEnded,
    JournalBusy,
    JournalError,
    JournalGone,
    LeaseRanOut,
    UsageError,
)

if TYPE_CHECKING:
    from campaign.clock import Clock
    from campaign.config.loader import Campaign
    from campaign.config.settings import Settings
    from campaign.delivery.run_records import Observer, RunOptions, RunResult
    from campaign.fleet.part import FleetPart
    from campaign.journal.sharing.shared import SharedJournal

_OPENING_S = 60.0  # others may be putting the journal in order, and its server may be starting
_AGAIN_S = 0.5  # between two attempts
_OUTAGE_S = 1800.0  # for which a database that worked before is waited for


def work(campaign: Campaign, options: RunOptions, path: Path, *, name: str, as_json: bool) -> int:
    """Take part until everybody is settled, or until told to leave; the exit code."""
    from campaign.cli.terminal.progress import RunProgress
    from campaign.clock import SystemClock

    refuse_what_is_not_shared(campaign)
    clock = SystemClock()
    with RunProgress(sys.stderr, clock) as progress:
        worker = Worker(campaign, options, progress, clock, name or default_name())
        result = worker.work()
    if as_json:
        told = as_object(result, campaign.settings.name, False)
        tell(json.dumps(told, ensure_ascii=False))
        return result.exit_code
    tell("\n".join(summary(result, Paint.on(sys.stdout))))
    tell("\n".join(next_steps(result, path, False, again="work")))
    return result.exit_code


def refuse_what_is_not_shared(campaign: Campaign) -> None:
    """Raises ConfigError for an open campaign, and where other workers would not know whom this
    one must not write to."""
    from campaign.suppression.database import store_url

    settings = campaign.settings
    if settings.is_open:
        raise ConfigError(
            "letters of an open campaign come one by one, and one process sends them",
            file=str(campaign.file),
            remedy="`campaign run` sends them; a fleet is for lists",
        )
    if settings.journal.url.startswith("sqlite:"):
        raise ConfigError(
            "the journal is a file of one machine, which workers cannot share",
            file=str(campaign.file),
            remedy='[journal] url = "postgresql+psycopg://USER@HOST/DATABASE"',
        )
    if store_url(settings.suppression.url, settings.journal.url).startswith("sqlite:"):
        raise ConfigError(
            "the suppression store is a file of one machine, which workers cannot share",
            file=str(campaign.file),
            remedy="leave [suppression] url out: then it is in the journal's database",
        )


def _connections(settings: Settings) -> int:
    """That a worker may open; sent directly, to each provider."""
    if settings.direct is not None:
        return settings.direct.connections
    return sum(relay.connections for relay in settings.relay)


def from_address(campaign: Campaign, source: str) -> Campaign:
    """The same, its letters leaving from one address of this host.  Raises UsageError."""
    from campaign.config.settings.outlets import SendingAddress

    try:
        ip_address(source)
    except ValueError:
        raise UsageError(
            f"{source} is not an address of a host", remedy="write --source 192.0.2.10"
        ) from None
    settings = campaign.settings
    if settings.direct is not None:
        own = (SendingAddress(address=source),)
        direct = settings.direct.model_copy(update={"addresses": own})
        return replace(campaign, settings=settings.model_copy(update={"direct": direct}))
    relays = tuple(relay.model_copy(update={"source": source}) for relay in settings.relay)
    return replace(campaign, settings=settings.model_copy(update={"relay": relays}))


def default_name() -> str:
    """Of this process among all workers."""
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclass
class Worker:
    """One process; a member of the fleet again and again, each time with a new epoch."""

    campaign: Campaign
    options: RunOptions
    observer: Observer
    clock: Clock
    name: str
    epoch: int = 0  # the latest
    unsent: frozenset[int] = frozenset()  # rows of it whose dots were certainly not written

    def work(self) -> RunResult:
        """Until everybody is settled or it is told to leave.  Raises as `take_part`."""
        began_s = self.clock.tick_s()
        while True:
            shared = self._open()
            try:
                return self._once(shared)
            except (EpochEnded, JournalGone, LeaseRanOut) as error:
                if not self.epoch and self.clock.tick_s() > began_s + _OPENING_S:
                    raise
                self.observer.say(f"{error.what}; this worker joins again")
            time.sleep(_AGAIN_S)

    def _once(self, shared: SharedJournal) -> RunResult:
        from campaign.delivery.run import take_part
        from campaign.workers.start import worker_count, workers_ahead

        with workers_ahead(worker_count(self.options.workers or None)) as ahead:
            try:
                return take_part(
                    self.campaign,
                    self.options,
                    shared,
                    lambda: self._join(shared),
                    observer=self.observer,
                    ahead=ahead,
                )
            finally:
                if shared.epoch:
                    self.unsent = shared.unsent

    def _open(self) -> SharedJournal:
        """Waits for a server that was there before.  Raises JournalBusy, JournalError."""
        from campaign.journal.sharing.shared import SharedJournal

        has_said = False
        until_s = self.clock.tick_s() + (_OUTAGE_S if self.epoch else _OPENING_S)
        while True:
            try:
                found = SharedJournal.open(
                    *self.campaign.journal, clock=self.clock, campaign=self.campaign.settings.name
                )
                if found is not None:
                    return found
                error: JournalError | JournalBusy = JournalBusy(
                    "a run of one process holds this journal, or a plan is being made in it",
                    remedy="wait for it, or stop it (Ctrl-C drains it); then start the workers",
                )
            except JournalGone as gone:
                if not has_said:
                    self.observer.say(f"{gone.what}; tried again")
                    has_said = True
                error = gone
            if self.clock.tick_s() > until_s:
                raise error
            time.sleep(_AGAIN_S)

    def _join(self, shared: SharedJournal) -> FleetPart:
        from campaign.fleet.part import FleetPart
        from campaign.fleet.terms import groups_of, terms_of
        from campaign.journal.sharing.leases import Joining
        from campaign.journal.sharing.reader import SharedReader

        campaign, settings = self.campaign, self.campaign.settings
        lease_s = settings.fleet.lease
        if not self.epoch:
            for sentence in shared.warnings():
                self.observer.say(sentence)
        joined_s = self.clock.passed_s()
        before = self.epoch
        self.epoch = shared.join(
            Joining(
                self.name,
                socket.gethostname(),
                os.getpid(),
                shared.clock.now_s(),
                lease_s,
                _connections(settings),
            ),
            terms_of(campaign, shared.plan_record()),
            groups_of(campaign),
        )
        return FleetPart(
            shared,
            lambda: SharedReader.open(*campaign.journal),
            self.clock,
            lease_s=lease_s,
            policy=settings.delivery.in_doubt,
            connections=_connections(settings),
            joined_s=joined_s,
            before=before,
            unsent=self.unsent,
        )
