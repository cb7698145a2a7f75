"""The writer of a run: order, durability, and what happens when the disk fails."""

from __future__ import annotations

import asyncio
import resource
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from campaign.errors import JournalError
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.writing import totals, transactions
from campaign.records import State
from fakes.clock import FakeClock
from fakes.prepared.journals import (
    RECORD,
    SOURCE,
    URL,
    deferred,
    open_journal,
    people,
    plan_into,
    planned,
    run,
    sending,
    sent,
)


def _counts(folder: Path) -> dict[State, int]:
    with closing(ClaimReader.open(URL, folder)) as reader:
        return {state: count for state, count in reader.counts().items() if count}


def test_changes_become_durable_in_the_order_they_were_written(tmp_path: Path) -> None:
    journal = planned(tmp_path, 200)
    rows = [*range(200, 0, -1)]
    durable, failures = run(journal, map(sending, rows), then=map(sent, rows))
    assert durable == rows + rows
    assert failures == []
    assert _counts(tmp_path) == {State.SENT: 200}
    assert audit(URL, tmp_path).is_clean


def test_the_sums_are_the_same_whether_or_not_it_is_said_which_states_are_left(
    tmp_path: Path,
) -> None:
    journal = planned(tmp_path, 300)
    told = [sending(row, before=State.PLANNED) for row in range(1, 201)]
    asked = [sending(row) for row in range(201, 300)]
    outcomes = [sent(row, before=State.SENDING) for row in range(1, 101)]
    run(journal, [*told, *asked], then=[*outcomes, *map(sent, range(201, 251))])
    assert _counts(tmp_path) == {State.PLANNED: 1, State.SENDING: 149, State.SENT: 150}
    assert audit(URL, tmp_path).is_clean


def test_one_recipient_may_change_many_times_in_one_commit(tmp_path: Path) -> None:
    journal = planned(tmp_path, 3)
    changes = [sending(1), deferred(1), sending(2), sending(1, 2), sent(2), sent(1, 2), sending(3)]
    durable, failures = run(journal, changes)
    assert (len(durable), failures) == (7, [])
    with closing(ClaimReader.open(URL, tmp_path)) as reader:
        assert [step.state for step in reader.history(1)] == [
            "sending",
            "deferred",
            "sending",
            "sent",
        ]
        assert reader.counts()[State.SENDING] == 1


def test_a_running_journal_takes_in_people_who_must_not_be_written_to(tmp_path: Path) -> None:
    journal = planned(tmp_path, 3)

    async def main() -> set[str]:
        writer = journal.start(asyncio.get_running_loop(), lambda error: None)
        with closing(ClaimReader.open(URL, tmp_path)) as reader:
            assert not reader.has_suppressed()
            writer.write(sending(1))
            await writer.suppress(["a@example.com", "b@example.com", "a@example.com"])
            await writer.suppress(["b@example.com", "c@example.com"])
            return reader.suppressed(["a@example.com", "b@example.com", "c@example.com", "d"])

    assert asyncio.run(main()) == {"a@example.com", "b@example.com", "c@example.com"}
    journal.close()
    assert audit(URL, tmp_path).is_clean


@pytest.mark.parametrize("count", [1, 15, 16, 17, 127, 128, 129, 300])
def test_any_number_of_changes_goes_into_one_commit(tmp_path: Path, count: int) -> None:
    journal = planned(tmp_path, count)
    journal.apply([sending(row) for row in range(1, count + 1)])
    journal.apply([sent(row) for row in range(1, count + 1)])
    journal.close()
    assert _counts(tmp_path) == {State.SENT: count}


def test_done_is_called_in_the_event_loop_and_only_once_it_is_durable(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    seen: list[object] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        writer = journal.start(loop, seen.append)
        called = asyncio.Event()

        def done() -> None:
            seen.append(asyncio.get_running_loop() is loop)
            seen.append(_counts(tmp_path))
            called.set()

        writer.write(sending(1), done)
        assert seen == []
        await called.wait()

    asyncio.run(main())
    journal.close()
    assert seen == [True, {State.SENDING: 1}]


def test_close_writes_what_is_still_queued(tmp_path: Path) -> None:
    journal = planned(tmp_path, 50)

    async def main() -> None:
        writer = journal.start(asyncio.get_running_loop(), lambda error: None)
        for row in range(1, 51):
            writer.write(sending(row))
        journal.close("stopped")

    asyncio.run(main())
    assert _counts(tmp_path) == {State.SENDING: 50}


def test_what_is_queued_when_the_loop_has_ended_is_still_written(tmp_path: Path) -> None:
    journal = planned(tmp_path, 500)

    async def main() -> None:
        writer = journal.start(asyncio.get_running_loop(), lambda error: None)
        for row in range(1, 501):
            writer.write(sending(row), lambda: None)

    asyncio.run(main())
    journal.close()
    assert _counts(tmp_path) == {State.SENDING: 500}


class DiskClock(FakeClock):
    """Each look at it takes as long as the disk does."""

    disk_s = 0.0

    def tick_s(self) -> float:
        self.tick += self.disk_s
        return self.tick


def test_the_event_loop_commits_while_the_disk_is_quick_and_a_thread_while_it_is_slow(
    tmp_path: Path,
) -> None:
    planned(tmp_path, 100).close()
    clock = DiskClock()
    journal = open_journal(tmp_path, clock=clock)
    driver = journal._connection.connection.dbapi_connection
    assert driver is not None
    threads: list[bool] = []  # of each commit: was it the loop's?

    def note(statement: str) -> None:
        if statement == "COMMIT":
            threads.append(threading.current_thread() is threading.main_thread())

    async def main() -> None:
        writer = journal.start(asyncio.get_running_loop(), lambda error: None)
        driver.set_trace_callback(note)
        for row in range(1, 101):
            clock.disk_s = 0.5 if 21 <= row <= 40 else 0.0
            writer.write(sending(row))
            await writer.drain()
        driver.set_trace_callback(None)

    asyncio.run(main())
    journal.close()
    assert threads[:21] == [True] * 21  # the first slow one is not known to be one before
    assert threads[21:41] == [False] * 20
    assert threads[-1]
    assert _counts(tmp_path) == {State.SENDING: 100}


def test_a_change_the_table_forbids_stops_the_journal(tmp_path: Path) -> None:
    journal = planned(tmp_path, 3)
    durable, failures = run(journal, [sending(1), sent(2)], then=[sending(3)])
    assert durable == []  # one commit, taken back as a whole, and nothing after it
    assert len(failures) == 1
    assert "table of states" in str(failures[0])
    assert failures[0].exit_code == 74


def test_a_row_that_is_not_in_the_plan_stops_the_journal(tmp_path: Path) -> None:
    _, failures = run(planned(tmp_path, 1), [sending(7)])
    assert "no such row" in str(failures[0])


def test_a_run_does_not_begin_before_the_plan_is_finished(tmp_path: Path) -> None:
    async def main() -> None:
        with closing(planned(tmp_path, 1)) as journal:
            journal.plan(RECORD)
            with pytest.raises(JournalError, match="not finished"):
                journal.start(asyncio.get_running_loop(), lambda error: None)

    asyncio.run(main())


def test_a_finished_plan_is_not_added_to(tmp_path: Path) -> None:
    with closing(planned(tmp_path, 1)) as journal:
        planning = journal.plan(RECORD)
        planning.add_source(SOURCE)
        planning.mark("first")
        planning.finish()
        with pytest.raises(JournalError, match="this plan is finished"):
            planning.add_entries([])


def test_the_journal_file_deleted_while_running_is_noticed_before_anybody_hears_of_a_commit(
    tmp_path: Path,
) -> None:
    journal = planned(tmp_path, 2)
    file = tmp_path / "state/journal.sqlite"
    durable, failures = run(
        journal, [sending(1)], meanwhile=file.unlink, then=[sent(1), sending(2)]
    )
    assert durable == [1]
    assert "deleted or replaced" in str(failures[0])
    kept = (tmp_path / "state/journal.sqlite.emergency").read_text()
    assert '"row": 1' in kept
    assert '"row": 2' not in kept  # its dot was never permitted


def test_outcomes_are_kept_though_the_whole_folder_was_deleted_while_running(
    tmp_path: Path,
) -> None:
    journal = planned(tmp_path, 1)
    durable, failures = run(
        journal,
        [sending(1)],
        meanwhile=lambda: shutil.rmtree(tmp_path / "state"),
        then=[sent(1)],
    )
    assert durable == [1]
    assert "deleted or replaced" in str(failures[0])
    kept = (tmp_path / "state/journal.sqlite.emergency").read_text()
    assert '"row": 1' in kept


def test_a_replaced_journal_file_is_noticed(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    file = tmp_path / "state/journal.sqlite"

    def replace() -> None:
        copy = file.with_name("copy")
        copy.write_bytes(file.read_bytes())
        copy.rename(file)

    durable, failures = run(journal, [sending(1)], meanwhile=replace, then=[sent(1)])
    assert durable == [1]
    assert "deleted or replaced" in str(failures[0])


@pytest.mark.parametrize("knows_names", [True, False])
@pytest.mark.parametrize("is_replaced", [True, False])
def test_the_log_deleted_or_replaced_while_running_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_replaced: bool, knows_names: bool
) -> None:
    monkeypatch.setattr(transactions, "_KNOWS_NAMES", knows_names)  # Linux does
    journal = planned(tmp_path, 1)
    log = tmp_path / "state/journal.sqlite-wal"

    def meddle() -> None:
        content = log.read_bytes()
        log.unlink()
        if is_replaced:
            log.write_bytes(content)

    durable, failures = run(journal, [sending(1)], meanwhile=meddle, then=[sent(1)])
    assert durable == [1]
    assert "-wal was deleted or replaced" in str(failures[0])


def test_a_run_that_has_used_up_its_file_descriptors_still_has_a_journal(tmp_path: Path) -> None:
    journal = planned(tmp_path, 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def use_up() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))

    try:
        durable, failures = run(journal, [], meanwhile=use_up, then=[sending(1), sending(2)])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (durable, failures) == ([1, 2], [])


@pytest.fixture
def full_disk() -> object:
    """A limit on file size stands in for a disk that fills up (SIGXFSZ is ignored by Python)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(size_bytes: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))

    yield fill
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_outcomes_that_no_longer_fit_are_kept_beside_the_journal_and_taken_in_by_the_next_start(
    tmp_path: Path, full_disk: object
) -> None:
    journal = planned(tmp_path, 400)
    rows = range(1, 401)
    log = tmp_path / "state/journal.sqlite-wal"
    durable, failures = run(
        journal,
        map(sending, rows),
        meanwhile=lambda: full_disk(log.stat().st_size),  # type: ignore[operator]
        then=map(sent, rows),
    )
    full_disk(resource.RLIM_INFINITY)  # type: ignore[operator]
    assert durable == list(rows)  # the sendings; no outcome was called durable
    assert len(failures) == 1
    assert "`campaign resume`" in str(failures[0])
    counts = _counts(tmp_path)
    assert counts[State.SENDING] + counts.get(State.SENT, 0) == 400

    emergency = tmp_path / "state/journal.sqlite.emergency"
    kept = [line for line in emergency.read_text().splitlines() if '"row": 400' not in line]
    emergency.write_text("\n".join(kept) + "\n")
    assert "emergency" in " ".join(audit(URL, tmp_path).unknown)
    journal = open_journal(tmp_path)
    assert journal.recovered == 399
    assert [doubt.row for doubt in journal.recover_in_doubt("resend", 9.0)] == [400]
    journal.close()
    assert _counts(tmp_path) == {State.SENT: 399, State.DEFERRED: 1}
    assert not emergency.exists()
    assert audit(URL, tmp_path).is_clean


def test_where_even_the_emergency_file_cannot_be_written_that_is_said(
    tmp_path: Path, full_disk: object
) -> None:
    journal = planned(tmp_path, 2)
    _, [failure] = run(
        journal,
        [sending(1)],
        meanwhile=lambda: full_disk(0),
        then=[sent(1)],  # type: ignore[operator]
    )
    full_disk(resource.RLIM_INFINITY)  # type: ignore[operator]
    assert "nor can outcomes be kept" in str(failure)
    assert "in doubt at the next start" in str(failure)
    journal = open_journal(tmp_path)
    assert [doubt.row for doubt in journal.recover_in_doubt("hold", 9.0)] == [1]
    journal.close()


def test_outcomes_taken_in_twice_count_once(tmp_path: Path) -> None:
    journal = planned(tmp_path, 2)
    file = tmp_path / "state/journal.sqlite"
    emergency = tmp_path / "state/journal.sqlite.emergency"
    hidden = file.with_name("hidden")
    run(journal, [sending(1)], meanwhile=lambda: file.rename(hidden), then=[sent(1)])
    hidden.rename(file)
    kept = emergency.read_bytes()
    open_journal(tmp_path).close()
    emergency.write_bytes(kept)  # as if the machine had stopped just before it was removed
    journal = open_journal(tmp_path)
    assert journal.recovered == 0
    journal.close()
    assert audit(URL, tmp_path).is_clean


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    journal.apply([sending(1)])
    journal.close()
    emergency = tmp_path / "state/journal.sqlite.emergency"
    emergency.write_bytes(b'{"plan_id": "plan-1", "row": 1, "sta' + bytes(4096))
    journal = open_journal(tmp_path)
    assert journal.recovered == 0
    journal.close()


def test_outcomes_of_another_plan_are_refused(tmp_path: Path) -> None:
    planned(tmp_path, 1).close()
    (tmp_path / "state/journal.sqlite.emergency").write_text('{"plan_id": "other"}\n')
    with pytest.raises(JournalError, match="another plan"):
        open_journal(tmp_path)


def test_an_outcome_that_cannot_be_is_named_and_nothing_is_taken_in(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    (tmp_path / "state/journal.sqlite.emergency").write_text(
        '{"plan_id": "plan-1", "row": 1, "state": "sent", "at": 9, "attempts": 1, "sendings": 1,'
        ' "resends": 0}\n'
    )
    journal.close()
    with pytest.raises(JournalError, match=r"row 1 cannot become sent.*it is planned"):
        open_journal(tmp_path)


def test_no_room_is_left_behind_when_all_went_well(tmp_path: Path) -> None:
    run(planned(tmp_path, 1), [sending(1), sent(1)])
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == [
        "journal.sqlite",
        "journal.sqlite.lock",
    ]


def test_a_report_that_reads_for_long_does_not_hold_up_the_run(tmp_path: Path) -> None:
    journal = planned(tmp_path, 100)
    other = sqlite3.connect(tmp_path / "state/journal.sqlite", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM recipients").fetchone()
    durable, failures = run(journal, map(sending, range(1, 101)), then=map(sent, range(1, 101)))
    assert (len(durable), failures) == (200, [])
    assert other.execute("SELECT count(*) FROM history").fetchone() == (0,)  # its own snapshot
    other.close()


def test_a_backup_that_holds_the_journal_for_a_moment_loses_no_outcome(tmp_path: Path) -> None:
    journal = planned(tmp_path, 1)
    other = sqlite3.connect(tmp_path / "state/journal.sqlite", isolation_level=None)

    async def main() -> list[JournalError]:
        failures: list[JournalError] = []
        loop = asyncio.get_running_loop()
        writer = journal.start(loop, failures.append)
        other.execute("BEGIN IMMEDIATE")
        writer.write(sending(1))
        loop.call_later(0.1, other.execute, "ROLLBACK")
        await writer.drain()
        return failures

    assert asyncio.run(main()) == []
    journal.close()
    other.close()
    assert _counts(tmp_path) == {State.SENDING: 1}


def test_an_outcome_does_not_wait_for_those_of_other_letters_that_do_not_come(
    tmp_path: Path,
) -> None:
    journal = planned(tmp_path, 9)

    async def main() -> None:
        writer = journal.start(asyncio.get_running_loop(), lambda error: None)
        for row in range(1, 10):
            writer.write(sending(row))
        await writer.drain()
        durable = asyncio.Event()
        writer.write(sent(1), durable.set)
        await durable.wait()
        assert _counts(tmp_path) == {State.SENDING: 8, State.SENT: 1}

    asyncio.run(main())
    journal.close()


def test_a_fault_of_our_own_while_writing_stops_the_journal_like_a_bad_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = planned(tmp_path, 2)
    durable, failures = run(
        journal,
        [sending(1)],
        meanwhile=lambda: monkeypatch.delitem(totals._PLACE, State.SENT),
        then=[sent(1), sending(2)],
    )
    assert durable == [1]
    assert "report this" in failures[0].remedy
    assert '"row": 1' in (tmp_path / "state/journal.sqlite.emergency").read_text()


def test_what_calls_back_may_fail_and_the_journal_goes_on(tmp_path: Path) -> None:
    journal = planned(tmp_path, 2)
    faults: list[object] = []

    def fail() -> None:
        raise RuntimeError("ours")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
        writer = journal.start(loop, lambda error: None)
        writer.write(sending(1), fail)
        await asyncio.sleep(0.05)
        writer.write(sending(2))
        await writer.drain()

    asyncio.run(main())
    journal.close()
    assert len(faults) == 1
    assert _counts(tmp_path) == {State.SENDING: 2}


def test_an_amended_plan_runs_on(tmp_path: Path) -> None:
    run(planned(tmp_path, 2), [sending(1), sent(1)])
    journal = open_journal(tmp_path)
    plan_into(journal, people(3))
    run(journal, [sending(3), sent(3)])
    assert _counts(tmp_path) == {State.SENT: 2, State.PLANNED: 1}
    assert audit(URL, tmp_path).is_clean
