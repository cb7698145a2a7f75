"""Two runs never share a journal, and none goes on with half of one."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.delivery.beginning.staleness import clock_for
from campaign.errors import JournalBusy, JournalError, StaleError
from campaign.journal.reading.reader import Reader
from fakes.clock import FakeClock
from fakes.prepared.journals import URL, open_journal, planned, run, sending, sent

_KILLED = """
import asyncio, os, sys
from pathlib import Path
from campaign.clock import SystemClock
from campaign.journal.store import Journal
from fakes.prepared.journals import URL, sending
journal = Journal.open(URL, Path(sys.argv[1]), clock=SystemClock(), create=False)
async def main():
    writer = journal.start(asyncio.get_running_loop(), print)
    writer.write(sending(1))
    await writer.drain()
    os._exit(9)
asyncio.run(main())
"""


def _kill_a_run(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        check=False,
        timeout=60,
    )
    assert done.returncode == 9


def _file(folder: Path, suffix: str = "") -> Path:
    return folder / f"state/journal.sqlite{suffix}"


def test_a_second_run_is_refused_although_the_lock_file_was_removed(tmp_path: Path) -> None:
    def try_in() -> None:
        _file(tmp_path, ".lock").unlink()
        with pytest.raises(JournalBusy, match=f"process {os.getpid()} on"):
            open_journal(tmp_path)

    durable, failures = run(planned(tmp_path, 1), [sending(1)], meanwhile=try_in, then=[sent(1)])
    assert (durable, failures) == ([1, 1], [])


def test_a_second_run_is_refused_under_another_name(tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "state").mkdir(parents=True)

    def try_in() -> None:
        _file(other).symlink_to(_file(tmp_path))
        with pytest.raises(JournalBusy):
            open_journal(other)
        _file(other).unlink()
        os.link(_file(tmp_path), _file(other))
        with pytest.raises(JournalError, match="2 names"):
            open_journal(other)
        _file(other).unlink()

    run(planned(tmp_path, 1), [sending(1)], meanwhile=try_in, then=[sent(1)])


def test_a_reader_keeps_its_locks_when_a_journal_is_closed_beside_it(tmp_path: Path) -> None:
    """To close any descriptor of a file takes this process's locks on it away (fcntl(2))."""
    journal = planned(tmp_path, 2)
    with closing(Reader.open(URL, tmp_path)) as reader:
        reader._connection.exec_driver_sql("BEGIN")
        assert reader.total() == 2
        before = _locks()
        journal.close()
        assert before
        assert _locks() >= 1
        reader._connection.exec_driver_sql("ROLLBACK")
    open_journal(tmp_path).close()


def _locks() -> int:
    """How many POSIX locks this process has (proc(5))."""
    lines = Path("/proc/locks").read_text().splitlines()
    return sum(f" {os.getpid()} " in line and "POSIX" in line for line in lines)


def test_a_copy_asks_before_it_is_gone_on_with(tmp_path: Path) -> None:
    run(planned(tmp_path, 2), [sending(1), sent(1)])
    shutil.copy(_file(tmp_path), tmp_path / "copy")
    (tmp_path / "copy").replace(_file(tmp_path))
    with closing(open_journal(tmp_path)) as journal:
        with pytest.raises(StaleError, match="is a copy"):
            clock_for(journal, FakeClock(), may_be_stale=False)
        clock_for(journal, FakeClock(), may_be_stale=True)


def test_a_killed_runs_journal_without_its_log_is_refused(tmp_path: Path) -> None:
    planned(tmp_path, 2).close()
    _kill_a_run(tmp_path)
    log = _file(tmp_path, "-wal").read_bytes()
    _file(tmp_path, "-wal").unlink()
    _file(tmp_path, "-shm").unlink(missing_ok=True)
    for _ in range(2):  # to be refused changes nothing
        with pytest.raises(JournalError, match=r"-wal is missing.*put the log back"):
            open_journal(tmp_path)
    _file(tmp_path, "-wal").write_bytes(log)
    with closing(open_journal(tmp_path)) as journal:
        assert [doubt.row for doubt in journal.recover_in_doubt("hold", 5.0)] == [1]


def test_a_killed_run_is_gone_on_with_after_a_plan_was_amended(tmp_path: Path) -> None:
    """Whoever opens the journal takes its log in, which is then rightly gone."""
    planned(tmp_path, 2).close()
    _kill_a_run(tmp_path)
    open_journal(tmp_path).close()
    assert not _file(tmp_path, "-wal").exists()
    open_journal(tmp_path).close()


def test_an_older_journal_is_refused_where_a_newer_one_was_used(tmp_path: Path) -> None:
    planned(tmp_path, 2).close()
    shutil.copy(_file(tmp_path), tmp_path / "backup")
    run(open_journal(tmp_path), [sending(1), sent(1)])
    shutil.copy(tmp_path / "backup", _file(tmp_path))
    with pytest.raises(JournalError, match="older than its last run"):
        open_journal(tmp_path)


def test_a_plan_that_was_thrown_away_takes_its_runs_along(tmp_path: Path) -> None:
    run(planned(tmp_path, 2), [])
    journal = open_journal(tmp_path)
    journal.discard_plan()
    journal.close()
    open_journal(tmp_path).close()


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}', "\0\0\0", "[1]"])
def test_a_lock_file_of_any_content_locks(tmp_path: Path, content: str) -> None:
    planned(tmp_path, 1).close()
    _file(tmp_path, ".lock").write_text(content)
    with closing(open_journal(tmp_path)), pytest.raises(JournalBusy):
        open_journal(tmp_path)


def test_a_lock_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(tmp_path, 1).close()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(JournalError, match=r"\.lock: .*No space left on device.*make room"):
        open_journal(tmp_path)
    monkeypatch.undo()
    open_journal(tmp_path).close()


def test_an_empty_file_is_planned_into(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    _file(tmp_path).touch()
    planned(tmp_path, 2).close()
    with closing(Reader.open(URL, tmp_path)) as reader:
        assert reader.total() == 2


def test_an_emptied_journal_is_not_planned_into(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()
    _file(tmp_path).write_bytes(b"")
    with pytest.raises(JournalError, match=r"is empty, but .*lock of the same campaign"):
        open_journal(tmp_path, create=True)


@pytest.mark.parametrize(
    "garbage",
    [
        "garbage\n",
        "{}\n",
        "[]\n",
        "null\n",
        "\x80\n",
        '{"plan_id": "plan-1"}\n',
        '{"plan_id": "plan-1", "row": 1, "state": "lost"}\n',
    ],
)
def test_garbage_in_the_emergency_file_is_a_sentence(tmp_path: Path, garbage: str) -> None:
    planned(tmp_path, 1).close()
    _file(tmp_path, ".emergency").write_bytes(garbage.encode("latin-1"))
    with pytest.raises(JournalError, match=r"emergency:1: this is not an outcome") as refused:
        open_journal(tmp_path)
    assert refused.value.exit_code == 74


def test_the_real_clock_and_file_are_no_reason_to_ask(tmp_path: Path) -> None:
    planned(tmp_path, 2).close()
    _kill_a_run(tmp_path)
    with closing(open_journal(tmp_path)) as journal:
        clock_for(journal, SystemClock(), may_be_stale=False)
