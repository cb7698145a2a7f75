"""Outcomes kept in an emergency never stand in the way of the next resume."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import closing, suppress
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.errors import JournalError
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from campaign.planning.plan import make_plan
from campaign.records import Change, State
from fakes.processes.crashing import JOURNAL, run, write_campaign


async def _write(journal: Journal, changes: list[Change], folder: Path) -> None:
    """All in one commit, which fails since somebody restores a backup at this moment."""
    failed = asyncio.Event()
    writer = journal.start(asyncio.get_running_loop(), lambda error: failed.set())
    os.replace(folder / "backup", folder / "state/journal.sqlite")
    for change in changes:
        writer.write(change)
    await asyncio.wait_for(failed.wait(), 30)
    with suppress(JournalError):
        await writer.drain()


@pytest.mark.parametrize(
    "outcome",
    [
        Change(
            1, State.DEFERRED, 2e9, 1, 1, 0, due=2e9, class_="connection", reason="lost at data"
        ),
        Change(1, State.FAILED, 2e9, 1, 1, 0, class_="policy", code=550, reply="no"),
    ],
    ids=["lost before the dot", "refused before the dot"],
)
def test_a_letter_whose_sending_was_never_durable_leaves_no_outcome_behind(tmp_path: Path, outcome):
    """The server refuses, or hangs up, while the commit that fails is still under way: the letter's
    `sending` is not in the journal, so the kept outcome would be one sending ahead of it."""
    write_campaign(tmp_path, port=1, recipients=2, connections=1, policy="hold")
    make_plan(load(tmp_path), clock=SystemClock(), render=False)
    journal_file = tmp_path / "state/journal.sqlite"
    shutil.copy(journal_file, tmp_path / "backup")
    with closing(Journal.open(JOURNAL, tmp_path, clock=SystemClock(), create=False)) as journal:
        sending = Change(1, State.SENDING, 2e9 - 1, 0, 1, 0)
        asyncio.run(_write(journal, [sending, outcome], tmp_path))
    for end in ("-wal", "-shm"):
        journal_file.with_name(journal_file.name + end).unlink(missing_ok=True)
    # Who puts an older journal back on purpose says so by removing what knows of the newer one.
    journal_file.with_name(journal_file.name + ".lock").unlink()
    again = run(tmp_path, "retry", "--failed")  # opens the journal, and finds nobody
    assert again.returncode == 0, again.stderr
    with closing(Reader.open(JOURNAL, tmp_path)) as reader:
        assert reader.counts()[State.PLANNED] == 2
