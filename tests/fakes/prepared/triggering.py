"""An open campaign that sends, and what is accepted for it meanwhile.

In: an open campaign.  Out: what a run came to; what became of each letter.
Touches: the campaign's folder, loopback, render workers.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from campaign.addresses.marks import LetterMarker
from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.delivery.run import run_campaign
from campaign.delivery.run_records import RunOptions, RunResult
from campaign.intake.accepting import ACCEPTED, SUPPRESSED
from campaign.intake.keeping import ArrivalKeeper
from campaign.intake.reading import RequestReader
from campaign.intake.requests import AcceptedRequest, LetterRequest
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.reader import Reader
from campaign.outcomes import Result
from campaign.planning.inputs import lists_of
from campaign.planning.opening import ensure_open_plan
from fakes.prepared.sending import QUICK, Heard


def accept(campaign: Campaign, *requests: LetterRequest) -> list[AcceptedRequest]:
    """All of them are kept, as by an intake that has seen that they can be made: to see it takes a
    render worker, whose start takes longer than all the rest."""
    clock = SystemClock()
    record = ensure_open_plan(campaign, clock)
    marker = LetterMarker(record.key, record.campaign, record.message_id_domain)
    reader = RequestReader(campaign.settings, lists_of(campaign))
    read = [reader.read(each, clock.now_s()) for each in requests]
    keeper = ArrivalKeeper(campaign, clock)
    keeper.open()
    with closing(keeper):
        kept = keeper.keep([[each.arrival] for each in read], [[each.list] for each in read])
    return [
        AcceptedRequest(
            arrival.letter.id,
            arrival.letter.message_id or marker.marks(arrival.letter_key).message_id,
            SUPPRESSED if arrival.letter.reason else ACCEPTED,
            replayed=arrival.letter.id != one.arrival.id,
            reason=arrival.letter.reason,
            number=arrival.number,
        )
        for (arrival,), one in zip(kept, read, strict=True)
    ]


def one_pass(campaign: Campaign, heard: Heard | None = None, *, now: bool = False) -> RunResult:
    """A run that ends when nothing is left but what has to wait."""
    return run_campaign(
        campaign,
        RunOptions(no_wait=True, now=now, workers=1, patience=QUICK),
        clock=SystemClock(),
        observer=heard or Heard(),
    )


def first_few(campaign: Campaign, count: int) -> None:
    """A run that ends after so many recipients; its one render worker makes them in their order."""
    options = RunOptions(limit=count, workers=1, patience=QUICK)
    run_campaign(campaign, options, clock=SystemClock(), observer=Heard())


@contextmanager
def running(campaign: Campaign) -> Iterator[subprocess.Popen[bytes]]:
    """A run that stays, as a process of its own, until the block ends; it is told to stop then."""
    child = killable_run(campaign.folder)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)


def killable_run(folder: Path) -> subprocess.Popen[bytes]:
    """`campaign run` as a process; the caller ends it."""
    return subprocess.Popen(
        [sys.executable, "-m", "campaign.cli.main", "run", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_until(is_so: Callable[[], bool], within_s: float = 30.0) -> None:
    """Look until it is so; an error where it does not become so."""
    until_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < until_s, "it did not become so"
        time.sleep(0.005)


def results(campaign: Campaign) -> Sequence[Result]:
    """What the journal says of each letter, in the order in which they were accepted."""
    with closing(Reader.open(*campaign.journal)) as reader:
        return list(reader.results())


def audited(campaign: Campaign) -> None:
    """The journal adds up."""
    found = audit(*campaign.journal)
    assert found.is_clean, [check for check in found.checks if check.findings]
