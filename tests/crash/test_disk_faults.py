"""The disk fails under a running campaign: sending stops before the next dot, nothing is lost.

strace makes single system calls of the thread that commits fail, a small tmpfs is full in earnest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from campaign.journal.reading.reader import Reader
from campaign.journal.writing.emergency import read_kept
from campaign.records import State
from fakes.mail.recorder import Recorder, recorder
from fakes.processes.calls import STRACE, Sweep, traced
from fakes.processes.crashing import (
    JOURNAL,
    Tally,
    check,
    planned_campaign,
    run,
    start,
    to_the_end,
)

CONNECTIONS = 3
# The call of a thread from which on the disk fails; the main thread has opened the journal before.
FAILS_FROM = {
    ("main thread", "fdatasync"): 7,
    ("main thread", "pwrite64"): 44,
    ("journal thread", "fdatasync"): 3,
    ("journal thread", "pwrite64"): 20,
}
needs_strace = pytest.mark.skipif(STRACE is None, reason="strace is not installed")


def permitted(folder: Path) -> set[str]:
    """Whose dot was permitted, as far as the journal and what is kept beside it can tell."""
    with closing(Reader.open(JOURNAL, folder)) as reader:
        results = {result.row: result for result in reader.results(None)}
        plan_id = reader.plan_record().plan_id
        known = {r.address for r in results.values() if r.state in (State.SENDING, State.SENT)}
        kept = read_kept(folder / "state/journal.sqlite.emergency", plan_id)
    return known | {results[change.row].address for change in kept}


def nobody_is_lost(folder: Path, server: Recorder, recipients: int) -> Tally:
    tally = Tally()
    to_the_end(folder)
    check(folder, server, "hold", recipients, tally)
    return tally


@needs_strace
@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        ("pwrite64", "ENOSPC", "the disk is full"),
        pytest.param("pwrite64", "EIO", "the disk reports an error", marks=pytest.mark.long),
        pytest.param("fdatasync", "EIO", "the disk reports an error", marks=pytest.mark.long),
        pytest.param("fdatasync", "ENOSPC", "the disk", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("thread", ["main thread", "journal thread"])
def test_a_failing_disk_stops_the_run_before_the_next_dot(tmp_path, thread, call, error, says):
    number = FAILS_FROM[thread, call]
    with recorder(0.01, is_open=False, at_least_s=0.05) as server:
        folder = planned_campaign(
            tmp_path / "c", server, recipients=30, connections=CONNECTIONS, policy="hold"
        )
        sweep = Sweep(thread, call)
        with traced(folder, server, sweep, f"error={error}:when={number}+") as process:
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 74, errors
        assert says in errors
        assert "Traceback" not in errors
        assert set(server.received) <= permitted(folder)
        assert 0 < server.received.total() < 30
        tally = nobody_is_lost(folder, server, 30)
    assert tally.copies == 0
    assert tally.held <= CONNECTIONS


@needs_strace
def test_replies_on_the_way_when_the_disk_fails_are_taken_in_by_the_next_resume(tmp_path):
    """The journal thread commits the first letters' `sending`, then nothing more: the replies to
    these are on the way for half a second.  Which commit that is depends on how they were grouped.
    """
    was_kept = any(_kept_on_the_way(tmp_path / str(commit), commit) for commit in range(4, 9))
    assert was_kept


def _kept_on_the_way(folder: Path, commit: int) -> bool:
    """Was there anything on the way when this commit failed?  Nobody is lost, whether or not."""
    with recorder(0.0, is_open=False, at_least_s=0.5) as server:
        planned_campaign(folder, server, recipients=20, connections=CONNECTIONS, policy="hold")
        sweep = Sweep("journal thread", "fdatasync")
        with traced(folder, server, sweep, f"error=EIO:when={commit}+") as process:
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 74, errors
        kept = folder / "state/journal.sqlite.emergency"
        was_kept = kept.exists() and kept.read_bytes().count(b'"sent"') >= 1
        server.at_once()
        again = to_the_end(folder)
        assert ("taken in from the emergency file" in again) >= was_kept
        assert not kept.exists()
        tally = Tally()
        check(folder, server, "hold", 20, tally)
    assert tally.copies == 0
    return was_kept


@pytest.fixture
def small_disk(tmp_path):
    """A filesystem of 32 MB, where we may mount one."""
    point = tmp_path / "small"
    point.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "campaign-test", str(point)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("only root may mount a filesystem")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=False)


def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(small_disk):
    with recorder(0.01) as server:
        folder = planned_campaign(
            small_disk / "c", server, recipients=600, connections=CONNECTIONS, policy="hold"
        )
        free = shutil.disk_usage(small_disk).free
        # Room for the emergency file (1 MB) and a bit of the journal's log.
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(max(0, free - (1 << 20) - 300_000)))
        done = run(folder, "resume")
        assert done.returncode == 74, done.stderr
        assert "full" in done.stderr
        assert "Traceback" not in done.stderr
        assert set(server.received) <= permitted(folder)
        ballast.unlink()
        sent_before = server.received.total()
        server.at_once()
        tally = nobody_is_lost(folder, server, 600)
    assert 0 < sent_before < 600
    assert tally.copies == 0


def _planned(tmp_path: Path, server: Recorder, recipients: int = 5) -> Path:
    return planned_campaign(
        tmp_path / "c", server, recipients=recipients, connections=CONNECTIONS, policy="hold"
    )


def _begun(tmp_path: Path, server: Recorder) -> Path:
    """A campaign that has sent some and not yet all."""
    folder = _planned(tmp_path, server, 20)
    done = run(folder, "resume", "--limit", "5")
    assert done.returncode == 75, done.stderr
    return folder


@pytest.mark.long
def test_a_journal_that_is_gone_is_never_begun_anew_over_what_is_left(tmp_path):
    with recorder(at_least_s=0.2) as server:
        folder = _planned(tmp_path, server, 30)
        process = start(folder)
        while not server.received:
            time.sleep(0.01)
        process.kill()
        process.communicate()
        before = server.received.total()
        (folder / "state/journal.sqlite").unlink()
        for command in ("run", "plan", "resume"):
            done = run(folder, command, *(["--yes"] if command == "run" else []))
            assert done.returncode == 74, (command, done.stderr)
            assert "restore the journal" in done.stderr
        assert server.received.total() == before


@pytest.mark.long
@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_journal_deleted_or_replaced_under_a_run_stops_it(tmp_path, how):
    with recorder(at_least_s=0.05) as server:
        folder = _planned(tmp_path, server, 200)
        journal = folder / "state/journal.sqlite"
        spare = tmp_path / "spare"
        shutil.copy(journal, spare)
        process = start(folder)
        while not server.received:
            time.sleep(0.01)
        if how == "deleted":
            journal.unlink()
        else:
            os.replace(spare, journal)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 74, errors
    assert "deleted or replaced" in errors
    assert server.received.total() < 200


@pytest.mark.long
def test_a_damaged_page_is_said_in_one_sentence_and_nothing_is_sent(tmp_path):
    with recorder() as server:
        folder = _begun(tmp_path, server)
        before = server.received.total()
        journal = folder / "state/journal.sqlite"
        data = bytearray(journal.read_bytes())
        page = 4096
        for start_of_page in range(page, len(data), page):
            data[start_of_page : start_of_page + 100] = b"\xff" * 100
        journal.write_bytes(data)
        done = run(folder, "resume")
        assert done.returncode == 74, done.stderr
        assert "damaged" in done.stderr
        assert "Traceback" not in done.stderr
        assert server.received.total() == before


@pytest.mark.long
def test_a_file_that_is_no_journal_is_left_alone(tmp_path):
    with recorder() as server:
        folder = _planned(tmp_path, server)
        journal = folder / "state/journal.sqlite"
        journal.write_bytes(b"not a database at all" * 500)
        for command in ("plan", "resume"):
            done = run(folder, command)
            assert done.returncode == 74, (command, done.stderr)
        assert journal.read_bytes().startswith(b"not a database")


@pytest.mark.long
def test_a_read_only_journal_is_refused_before_anything_is_sent(tmp_path):
    """Root may write everywhere, so the folder is a mount that is read-only."""
    with recorder() as server:
        folder = _planned(tmp_path, server)
        state = folder / "state"
        mounts = (
            ["mount", "--bind", str(state), str(state)],
            ["mount", "-o", "remount,bind,ro", str(state)],
        )
        if any(subprocess.run(m, capture_output=True, check=False).returncode for m in mounts):
            pytest.skip("only root may mount a filesystem")
        try:
            done = run(folder, "resume")
        finally:
            subprocess.run(["umount", "-l", str(state)], check=False)
        assert done.returncode == 74, done.stderr
        assert "Traceback" not in done.stderr
        assert not server.received
