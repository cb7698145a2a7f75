"""Whatever moment a rotation is killed at, each letter is in the journal or in an archive, once.

The long form, every call and not some of them, is part of `make crash`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.glance import glance
from campaign.records import State
from fakes.prepared.journals import URL, open_journal
from fakes.prepared.rotating import BEGIN_S, DAY_S, everything, in_journal, open_plan, settle
from fakes.processes.calls import STRACE

IS_LONG = os.environ.get("CRASH") == "long"
SCRIPT = Path(__file__).with_name("rotate_journal.py")
BEFORE_S = BEGIN_S + 60 * DAY_S
STATES = [State.SENT, State.FAILED, State.SENT, State.HELD, State.EXPIRED]  # of each of two months

pytestmark = pytest.mark.skipif(STRACE is None, reason="strace is not installed")


def _rotate(folder: Path, *traced: str) -> int:
    command = [sys.executable, str(SCRIPT), str(folder), URL, str(BEFORE_S)]
    done = subprocess.run([*traced, *command], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, -9, 137), done.stderr
    return done.returncode


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    folder = tmp_path / "before"
    open_plan(folder).close()
    for month in range(2):
        with closing(open_journal(folder)) as opened:
            settle(opened, STATES, first=1 + 5 * month, at_s=BEGIN_S + 31 * DAY_S * month)
    return folder


# The short form passes over calls that the long one kills at.
@pytest.mark.parametrize(("call", "step"), [("fdatasync", 11), ("pwrite64", 61), ("unlink", 4)])
def test_nothing_is_lost_and_nothing_is_twice_wherever_a_rotation_is_killed(
    tmp_path: Path, journal: Path, call: str, step: int
) -> None:
    before = in_journal(journal)
    with closing(glance(URL, journal)) as seen:
        counts = seen.counts()
    number, kills = 1, 0
    while True:
        folder = shutil.copytree(journal, tmp_path / "killed")
        inject = ["-qq", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
        is_over = not _rotate(folder, str(STRACE), "-o", "/dev/null", *inject)
        _is_whole(folder, before, counts)
        if not is_over:
            kills += 1
            _rotate(folder)
            _is_whole(folder, before, counts)
        assert sorted(in_journal(folder)) == [4, 9, 10]  # held, and the last
        shutil.rmtree(folder)
        if is_over:
            break
        number += 1 if IS_LONG else step
    assert kills > 1


def _is_whole(folder: Path, before: object, counts: object) -> None:
    found = audit(URL, folder)
    assert found.is_clean, [check for check in found.checks if check.findings]
    assert everything(folder) == before
    with closing(glance(URL, folder)) as seen:
        assert seen.counts() == counts
