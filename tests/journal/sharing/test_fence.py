"""A stale epoch can write nothing, whoever writes: leases and fences of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from campaign.errors import ConfigError, FleetMismatch, JournalBusy, JournalGone
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.reader import Reader
from campaign.journal.sharing.leases import Joining, Member
from campaign.journal.sharing.shared import SharedJournal
from campaign.journal.states import CAME_BACK
from campaign.records import State
from fakes.clock import FakeClock
from fakes.prepared.journals import open_journal, planned
from fakes.servers.postgresql import PG_CTL, DatabaseServer, database_server

pytestmark = pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")

_SENDING = "INSERT INTO history (row, state, at, sendings) VALUES ({row}, 'sending', 1.0, {nth})"


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    with database_server() as running:
        yield running


@pytest.fixture
def url(server: DatabaseServer) -> str:
    return server.new_database()


def joining(worker: str, lease_s: float = 5.0) -> Joining:
    return Joining(worker, "host", 1, 1.0, lease_s, 4)


def member(
    folder: Path, url: str, worker: str, terms: dict[str, str] | None = None
) -> SharedJournal:
    """A worker that has joined."""
    shared = SharedJournal.open(url, folder, clock=FakeClock(), campaign="spring")
    assert shared is not None
    shared.join(joining(worker), terms or {"version": "1"}, None)
    return shared


def until_free(url: str) -> None:
    """The server has noticed that sessions are gone, and their locks with them."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7161125211933861742)")


def by_hand(url: str, statement: str, epoch: int = 0) -> None:
    """One statement of another program, with or without an epoch."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("SELECT set_config('campaign.epoch', %s, false)", (str(epoch),))
        for each in statement.split(";"):
            connection.execute(each)  # type: ignore[call-overload]


def sending_by_hand(url: str, row: int, epoch: int, nth: int = 1) -> None:
    moved = "UPDATE totals SET planned = planned - 1, sending = sending + 1"
    by_hand(url, f"{_SENDING.format(row=row, nth=nth)};{moved}", epoch)


def die(shared: SharedJournal) -> None:
    """Its sessions are gone, and nobody has said goodbye."""
    for connection in (shared._connection, shared._steward):
        assert connection is not None
        connection.invalidate()
        connection.close()
        connection.engine.dispose()


def of(shared: SharedJournal, epoch: int) -> Member:
    return next(each for each in shared.beat().members if each.epoch == epoch)


def test_only_the_epoch_that_holds_a_shard_can_write_in_it(tmp_path: Path, url: str) -> None:
    planned(tmp_path, 50, url=url).close()
    one, two = member(tmp_path, url, "one"), member(tmp_path, url, "two")
    assert [shard.number for shard in one.claim(1)] == [0]
    assert [(shard.first, shard.last) for shard in two.claim(1)] == [(21, 40)]
    sending_by_hand(url, 1, one.epoch)
    sending_by_hand(url, 21, two.epoch)
    for row, epoch in ((2, two.epoch), (22, one.epoch), (41, one.epoch)):
        with pytest.raises(psycopg.errors.CheckViolation, match="does not hold the shard"):
            sending_by_hand(url, row, epoch)
    with pytest.raises(psycopg.errors.CheckViolation, match="has no epoch"):
        sending_by_hand(url, 2, 0)
    with pytest.raises(psycopg.DatabaseError, match="has ended"):
        sending_by_hand(url, 2, 999)
    with pytest.raises(psycopg.errors.CheckViolation, match="does not hold the shard"):
        by_hand(
            url,
            "INSERT INTO history (row, state, at, sendings, epoch)"
            f" VALUES (2, 'sending', 1.0, 1, {two.epoch})",
            one.epoch,
        )
    one.close("left")
    two.close("left")


def test_after_a_takeover_the_stale_epoch_writes_nothing_and_its_doubt_is_settled(
    tmp_path: Path, url: str
) -> None:
    planned(tmp_path, 30, url=url).close()
    one, two = member(tmp_path, url, "one"), member(tmp_path, url, "two")
    one.claim(2)
    sending_by_hand(url, 7, one.epoch)
    silent = of(two, one.epoch)
    taken = two.take_over(silent, of(two, two.epoch), "hold", frozenset())
    assert taken is not None
    assert [doubt.address for doubt in taken.doubts] == ["person7@example.com"]
    assert taken.shards == 2
    for state in ("'sent'", "'deferred'", "'held'"):
        with pytest.raises(psycopg.DatabaseError, match="has ended"):
            by_hand(
                url,
                "INSERT INTO history (row, state, at, sendings, code)"
                f" VALUES (7, {state}, 2.0, 1, 250)",
                one.epoch,
            )
    with pytest.raises(psycopg.DatabaseError, match="has ended"):
        sending_by_hand(url, 8, one.epoch)
    with pytest.raises(psycopg.DatabaseError, match="has ended"):
        by_hand(url, f"UPDATE fleet_members SET ended_s = 0 WHERE epoch = {one.epoch}")
    assert [shard.number for shard in two.claim(9)] == [0, 1]
    sending_by_hand(url, 8, two.epoch)
    with closing(Reader.open(url, tmp_path)) as reader:
        assert reader.history(7)[-1].state is State.HELD
        assert "the worker one fell silent" in reader.history(7)[-1].reason
    one.close("closed")
    two.close("left")
    assert audit(url, tmp_path).is_clean


def test_a_member_that_has_beaten_since_is_not_taken_over(tmp_path: Path, url: str) -> None:
    planned(tmp_path, 10, url=url).close()
    one, two = member(tmp_path, url, "one"), member(tmp_path, url, "two")
    seen = of(two, one.epoch)
    one.beat()
    assert two.take_over(seen, of(two, two.epoch), "hold", frozenset()) is None
    one.close("left")
    two.close("left")


def test_one_halted_in_the_middle_of_a_transaction_holds_nobody_up(
    tmp_path: Path, url: str
) -> None:
    planned(tmp_path, 10, url=url).close()
    one, two = member(tmp_path, url, "one"), member(tmp_path, url, "two")
    one.claim(1)
    cursor = one._connection.connection.cursor()
    cursor.execute(_SENDING.format(row=3, nth=1))  # and never commits
    taken = two.take_over(of(two, one.epoch), of(two, two.epoch), "resend", frozenset())
    assert taken is not None
    assert taken.doubts == []  # the server has undone it
    with closing(Reader.open(url, tmp_path)) as reader:
        assert reader.history(3) == []
    with pytest.raises(JournalGone):  # its sessions were ended with it
        one.beat()
    one.close("closed")
    two.close("left")


def test_a_run_of_one_process_and_a_fleet_exclude_each_other(tmp_path: Path, url: str) -> None:
    planned(tmp_path, 10, url=url).close()
    alone = open_journal(tmp_path, url=url)
    assert SharedJournal.open(url, tmp_path, clock=FakeClock()) is None
    alone.close()
    one = member(tmp_path, url, "one")
    with pytest.raises(JournalBusy):
        open_journal(tmp_path, url=url)
    one.close("left")
    open_journal(tmp_path, url=url).close()


def test_a_run_of_one_process_ends_a_fleet_whose_workers_are_gone(tmp_path: Path, url: str) -> None:
    planned(tmp_path, 10, url=url).close()
    one = member(tmp_path, url, "one")
    one.claim(1)
    sending_by_hand(url, 4, one.epoch)
    die(one)
    until_free(url)
    journal = open_journal(tmp_path, url=url)
    assert [doubt.row for doubt in journal.recover_in_doubt("resend", 3.0)] == [4]
    journal.close()
    with pytest.raises(psycopg.DatabaseError, match="has ended"):
        sending_by_hand(url, 5, one.epoch)
    assert audit(url, tmp_path).is_clean


def test_the_first_worker_back_after_a_restart_of_the_server_takes_nobody_for_dead(
    tmp_path: Path, url: str
) -> None:
    planned(tmp_path, 10, url=url).close()
    one = member(tmp_path, url, "one")
    one.claim(1)
    sending_by_hand(url, 4, one.epoch)
    die(one)  # as all sessions do when the server restarts
    until_free(url)
    two = SharedJournal.open(url, tmp_path, clock=FakeClock(), campaign="spring")
    assert two is not None
    assert two.first is None
    two.join(joining("two"), {"version": "1"}, None)
    assert {each.worker for each in two.beat().members} == {"one", "two"}
    sending_by_hand(url, 5, one.epoch)
    two.close("left")


def test_who_leaves_with_a_letter_in_doubt_stays_a_member_until_that_is_settled(
    tmp_path: Path, url: str
) -> None:
    planned(tmp_path, 10, url=url).close()
    one, two = member(tmp_path, url, "one"), member(tmp_path, url, "two")
    one.claim(1)
    sending_by_hand(url, 4, one.epoch)
    assert not one.close("left")
    assert len(two.beat().members) == 2
    assert two.close("left")


def test_a_worker_of_another_version_or_plan_is_refused_by_name(tmp_path: Path, url: str) -> None:
    planned(tmp_path, 10, url=url).close()
    one = member(tmp_path, url, "one", {"version": "1", "plan": "a"})
    other = SharedJournal.open(url, tmp_path, clock=FakeClock())
    assert other is not None
    with pytest.raises(FleetMismatch, match="version is 2 here and 1 there"):
        other.join(joining("two"), {"version": "2", "plan": "a"}, None)
    other.close("refused")
    one.close("left")


def test_each_worker_knows_how_the_run_before_its_fleet_ended(tmp_path: Path, url: str) -> None:
    """A fleet begins with a canary where the run before it was stopped for what came back."""
    planned(tmp_path, 3, url=url).close()
    before = member(tmp_path, url, "before")
    before.close(CAME_BACK)
    until_free(url)
    fleet = []
    for name in ("first", "second"):
        shared = SharedJournal.open(url, tmp_path, clock=FakeClock(), campaign="spring")
        assert shared is not None
        fleet.append(shared)
        for join in (False, True):
            if join:
                shared.join(joining(name), {"version": "1"}, None)
            last = shared.last_run()
            assert last is not None
            assert last.how == CAME_BACK
    for shared in fleet:
        shared.close("left")


def test_a_journal_in_a_file_cannot_be_shared(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot share"):
        SharedJournal.open("sqlite:///j.sqlite", tmp_path, clock=FakeClock())


def test_of_domains_a_provider_is_one_shard(tmp_path: Path, url: str) -> None:
    planned(tmp_path, 3, url=url).close()
    shared = SharedJournal.open(url, tmp_path, clock=FakeClock(), campaign="spring")
    assert shared is not None
    shared.join(joining("one"), {}, {"google": ("example.com", "gmail.com")})
    assert len(shared.claim(1000)) == 128
    sending_by_hand(url, 2, shared.epoch)
    shared.close("left")


def test_a_member_whose_session_is_lost_is_told_so_each_time_and_given_no_other(
    tmp_path: Path, server: DatabaseServer, url: str
) -> None:
    """SQLAlchemy would raise an error of its own, or begin a session without an epoch."""
    planned(tmp_path, 2, url=url).close()
    one = member(tmp_path, url, "one")
    one.beat()
    one.counts()
    name = url.rpartition("/")[2]
    alive = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    server.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    for ask in (one.counts, one.counts, one.beat, lambda: one.claim(1)):
        with pytest.raises(JournalGone):
            ask()
    assert server.ask(alive, name) == [(1,)]  # who asks
    one.close()


def test_an_answer_that_takes_longer_than_a_lease_does_not_end_a_membership(
    tmp_path: Path, url: str
) -> None:
    """With a short lease on a busy server every worker left and joined again, and nothing went."""
    planned(tmp_path, 2, url=url).close()
    one = SharedJournal.open(url, tmp_path, clock=FakeClock(), campaign="spring")
    assert one is not None
    one.join(joining("one", 0.2), {}, None)
    with psycopg.connect(url.replace("+psycopg", "")) as busy, ThreadPoolExecutor(1) as beside:
        busy.execute("SELECT 1 FROM fleet_members FOR UPDATE")
        answer = beside.submit(one.beat)
        with pytest.raises(TimeoutError):
            answer.result(timeout=1.0)
        busy.rollback()
        assert answer.result(timeout=10).members[0].worker == "one"
    one.close()
