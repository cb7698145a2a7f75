"""The power fails at any moment: what was acknowledged is there, and the journal is sound.

A process keeps a journal under strace; from the log of its system calls the disk is rebuilt as it
could have been found after each of them, with what no fsync had made safe dropped, kept or torn.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from campaign.planning.plan import make_plan
from fakes.power import OPTIONS, Disk
from fakes.processes.calls import STRACE
from fakes.processes.crashing import JOURNAL, write_campaign

ROWS = 9
KEEPER = Path(__file__).with_name("keep_journal.py")
pytestmark = pytest.mark.skipif(STRACE is None, reason="strace is not installed")


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    """A folder as it was planned, and the log of what was done to it then."""
    folder = tmp_path_factory.mktemp("power") / "c"
    folder.mkdir()
    write_campaign(folder, port=1, recipients=ROWS, connections=3, policy="hold")
    make_plan(load(folder), clock=SystemClock(), render=False)
    planned = folder.with_name("planned")
    shutil.copytree(folder, planned)
    log = folder.with_name("log")
    traced = [str(STRACE), "-o", str(log), *OPTIONS, sys.executable, str(KEEPER)]
    done = subprocess.run(
        [*traced, str(folder), str(ROWS)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("sent") == ROWS
    shutil.rmtree(folder)
    planned.rename(folder)
    return folder, log


def _sound_and_complete(folder: Path, acknowledged: list[str]) -> None:
    """Opened as the next run opens it, the journal has every acknowledged change."""
    with closing(Journal.open(JOURNAL, folder, clock=SystemClock(), create=False)):
        pass
    with closing(Reader.open(JOURNAL, folder)) as reader:
        found = {
            f"{row} {step.state}" for row in range(1, ROWS + 1) for step in reader.history(row)
        }
        assert reader.total() == ROWS
    assert set(acknowledged) <= found
    with closing(sqlite3.connect(folder / "state/journal.sqlite")) as journal:
        assert journal.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize(
    ("fate", "seed"),
    [
        ("dropped", 0),
        ("kept", 0),
        ("torn", 0),
        *(pytest.param("torn", seed, marks=pytest.mark.long) for seed in range(1, 20)),
    ],
)
def test_what_was_acknowledged_survives_the_loss_of_power(life, tmp_path, fate, seed):
    folder, log = life
    disk, dice = Disk(folder), random.Random(seed)
    looks = 0
    for _ in disk.after(log):
        disk.restore(tmp_path / "found", fate, dice)
        _sound_and_complete(tmp_path / "found", disk.said.decode().splitlines())
        looks += 1
    assert looks > 50
    assert disk.said.count(b"sent") == ROWS


def test_without_its_fsyncs_the_journal_would_lose_what_was_acknowledged(life, tmp_path):
    """The shim can tell: with every fsync taken out of the log, dropping loses."""
    folder, log = life
    blind = tmp_path / "blind"
    rest = (line for line in log.read_text().splitlines() if "sync" not in line)
    blind.write_text("\n".join(rest))
    disk = Disk(folder)
    for _ in disk.after(blind):
        pass
    disk.restore(tmp_path / "found", "dropped", random.Random(1))
    with pytest.raises(AssertionError):
        _sound_and_complete(tmp_path / "found", disk.said.decode().splitlines())
