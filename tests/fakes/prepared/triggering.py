"""An open campaign that sends, and what is accepted for it meanwhile.

In: an open campaign.  Out: what a run came to; what became of each letter.
Touches: the campaign's folder, loopback, render workers.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.delivery.run import run_campaign
from campaign.delivery.run_records import RunOptions, RunResult
from campaign.errors import CampaignError
from campaign.intake.accepting import Intake
from campaign.intake.requests import AcceptedRequest, LetterRequest
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.reader import Reader
from campaign.outcomes import Result
from fakes.prepared.sending import QUICK, Heard


def accept(campaign: Campaign, *requests: LetterRequest) -> list[AcceptedRequest]:
    """All of them, by an intake of its own."""

    async def run() -> list[AcceptedRequest | CampaignError]:
        async with Intake(campaign, clock=SystemClock(), workers=1) as intake:
            return await intake.accept_each(requests)

    found = []
    for outcome in asyncio.run(run()):
        assert isinstance(outcome, AcceptedRequest), outcome
        found.append(outcome)
    return found


def one_pass(campaign: Campaign, heard: Heard | None = None, *, now: bool = False) -> RunResult:
    """A run that ends when nothing is left but what has to wait."""
    return run_campaign(
        campaign,
        RunOptions(no_wait=True, now=now, workers=1, patience=QUICK),
        clock=SystemClock(),
        observer=heard or Heard(),
    )


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
