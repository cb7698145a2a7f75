"""Telling beside a run: a process of its own, which a run neither waits for nor depends on.

In: a campaign.  Out: a process that tells until the block ends.
Touches: a process; the outbox, to make the endpoints known before the run begins.

It reads the journal as anybody who looks does (`mode=ro`): what a run pays for it is nothing but
the share of the machine.  When the block ends, or this process does, its standard input ends; then
it tells what there is, for no longer than `DRAIN_S`.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.webhooks.courier import keys_of
from campaign.webhooks.outbox import Outbox
from campaign.webhooks.source import register

DRAIN_S = 10.0
_GONE_WITHIN_S = 5.0


class TellingProcess:
    """The process; `trouble` is what it complained of, once it has ended."""

    def __init__(self, path: Path) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "campaign.cli.main", "webhooks", "--beside", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            process_group=0,  # Ctrl-C is for the run, which ends this in its time
        )
        self.trouble = ""

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """Let it tell what there is, for a bounded time."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            code = self._process.wait(DRAIN_S + _GONE_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code > 0:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            self.trouble = lines[-1] if lines else f"it ended with exit code {code}"
        self._errors.close()


@contextmanager
def telling(campaign: Campaign, clock: Clock) -> Iterator[TellingProcess | None]:
    """A process that tells this campaign's endpoints meanwhile; None where there are none.

    Raises ConfigErrors for secrets, WebhookError, JournalError: before anything is sent.
    """
    if not campaign.settings.webhook:
        yield None
        return
    keys_of(campaign)
    with closing(Outbox.open(*campaign.journal)) as outbox:
        register(campaign, outbox, clock)
    beside = TellingProcess(campaign.file)
    try:
        yield beside
    finally:
        beside.end()
