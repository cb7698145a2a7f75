"""`campaign work` and `campaign drain`: several processes send one campaign."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.cli.summary import next_steps
from campaign.delivery.run_records import RunResult
from campaign.journal.reading.reader import Reader
from campaign.records import State
from fakes.mail.recorder import Recorder, recorder
from fakes.processes.crashing import run
from fakes.processes.fleet import (
    fleet_campaign,
    members,
    prove,
    taking_part,
    until,
    until_letters,
    workers_in,
)
from fakes.servers.postgresql import NO_SERVER, DatabaseServer, database_server

_COUNT = 400


@pytest.fixture
def server(database: DatabaseServer) -> DatabaseServer:
    return database


@pytest.fixture
def url(server: DatabaseServer) -> str:
    return server.new_database()


@pytest.fixture
def mail() -> Iterator[Recorder]:
    """It takes a few letters in a second, until it is told to answer at once."""
    with recorder(at_least_s=0.7) as running:
        yield running


def campaign_of(folder: Path, mail: Recorder, url: str, *, lease_s: float = 5.0) -> Path:
    return fleet_campaign(
        folder / "c",
        mail,
        url,
        recipients=_COUNT,
        connections=3,
        policy="hold",
        lease_s=lease_s,
    )


def status_of(folder: Path) -> dict[str, object]:
    done = run(folder, "status", "--json")
    assert done.returncode == 0, done.stderr
    said: dict[str, object] = json.loads(done.stdout)
    return said


def until_joined(server: DatabaseServer, url: str, count: int) -> None:
    until(lambda: len(taking_part(server, url)) >= count)


def test_workers_send_one_campaign_to_its_end_and_each_letter_once(
    tmp_path: Path, server: DatabaseServer, url: str, mail: Recorder
) -> None:
    folder = campaign_of(tmp_path, mail, url)
    with workers_in(folder) as workers:
        for name in ("one", "two", "three"):
            workers.start(name)
        until_joined(server, url, 3)
        mail.at_once()
        for name in ("one", "two", "three"):
            assert workers.end_of(name) == 0, workers.said[name]
    assert mail.received.total() == _COUNT
    assert set(mail.received.values()) == {1}
    assert {how for _, _, how, _ in members(server, url)} == {"left"}
    assert server.ask("SELECT count(*) FROM runs WHERE ended_s > 0", url.rpartition("/")[2]) == [
        (1,)
    ]
    prove(folder, url)


def test_status_and_audit_show_who_holds_what_and_drain_lets_one_leave_without_doubt(
    tmp_path: Path, server: DatabaseServer, url: str, mail: Recorder
) -> None:
    folder = campaign_of(tmp_path, mail, url)
    with workers_in(folder) as workers:
        workers.start("one")
        workers.start("two")
        until_joined(server, url, 2)
        until_letters(mail, 4)
        seen = status_of(folder)
        assert seen["running"] is True
        assert {worker["worker"] for worker in seen["workers"]} == {"one", "two"}  # type: ignore[attr-defined]
        left = run(folder, "drain", "--worker", "one", "--json")
        assert json.loads(left.stdout) == {"left": ["one"]}
        assert workers.end_of("one") == 75, workers.said["one"]
        assert [(worker, how, doubt) for _, worker, how, doubt in members(server, url) if how] == [
            ("one", "left", 0)
        ]
        mail.at_once()
        assert workers.end_of("two") == 0
    assert run(folder, "drain").returncode == 64
    assert set(mail.received.values()) == {1}
    assert mail.received.total() == _COUNT
    told = json.loads(run(folder, "audit", "--json").stdout)
    assert told["clean"]
    ended = {(each["worker"], each["how"]) for each in told["workers"]}
    assert ended == {("one", "left"), ("two", "left")}
    assert "two on" in run(folder, "audit").stdout


def test_a_fleet_whose_last_worker_to_come_has_left_is_still_running_to_whoever_asks(
    tmp_path: Path, server: DatabaseServer, url: str
) -> None:
    with recorder(at_least_s=0.2) as mail:
        folder = campaign_of(tmp_path, mail, url)
        with workers_in(folder) as workers:
            workers.start("one")
            until_joined(server, url, 1)
            workers.start("two")
            until_joined(server, url, 2)
            run(folder, "drain", "--worker", "two")
            assert workers.end_of("two") == 75, workers.said["two"]
            why = json.loads(run(folder, "explain", "--json").stdout)["hindrances"]
            assert "no run is under way" not in {each["what"] for each in why}
            assert json.loads(run(folder, "pause", "--json").stdout)["running"] is True
            assert workers.end_of("one") == 75, workers.said["one"]
        assert json.loads(run(folder, "pause", "--json").stdout)["running"] is False


def test_a_sigterm_gives_the_shards_back_and_one_machine_can_go_on(
    tmp_path: Path, server: DatabaseServer, url: str, mail: Recorder
) -> None:
    folder = campaign_of(tmp_path, mail, url)
    with workers_in(folder) as workers:
        workers.start("one")
        until_letters(mail, 4)
        busy = run(folder, "resume")
        assert busy.returncode == 75
        assert "holds this journal" in busy.stderr
        workers.signal("one", signal.SIGTERM)
        assert workers.end_of("one") == 75
    mail.at_once()
    done = run(folder, "resume")
    assert done.returncode == 0, done.stderr
    assert mail.received.total() == _COUNT
    assert set(mail.received.values()) == {1}
    prove(folder, url)


def test_a_worker_with_another_folder_is_refused_by_name(
    tmp_path: Path, server: DatabaseServer, url: str, mail: Recorder
) -> None:
    folder = campaign_of(tmp_path, mail, url)
    with workers_in(folder) as workers:
        workers.start("one")
        until_letters(mail, 1)
        toml = folder / "campaign.toml"
        before = toml.read_text()
        toml.write_text(before.replace("messages_per_connection = 20", "rates = ['1/s']"))
        other = run(folder, "work", "--name", "two")
        assert other.returncode == 78
        assert "[relay] differs" in other.stderr
        (folder / "body.txt").write_text("Another letter {{ number }}.\n")
        toml.write_text(before)
        other = run(folder, "work", "--name", "two")
        assert other.returncode == 78
        assert "body.txt" in other.stderr


def test_a_worker_sends_from_an_address_of_its_own(
    tmp_path: Path, server: DatabaseServer, url: str
) -> None:
    with recorder() as mail:
        folder = campaign_of(tmp_path, mail, url)
        done = run(folder, "work", "--source", "127.0.0.9", "--workers", "1")
        assert done.returncode == 0, done.stderr
        assert mail.received.total() == _COUNT
    asked = "SELECT DISTINCT relay FROM history WHERE state = 'sent'"
    (relay,) = server.ask(asked, url.rpartition("/")[2])[0]
    assert "127.0.0.9" in relay
    assert run(folder, "work", "--source", "nowhere").returncode == 64


def test_a_journal_in_a_file_is_refused(tmp_path: Path, mail: Recorder) -> None:
    folder = campaign_of(tmp_path, mail, "sqlite:///state/journal.sqlite")
    done = run(folder, "work")
    assert done.returncode == 78
    assert "postgresql+psycopg://" in done.stderr


def test_a_suppression_store_in_a_file_is_refused(tmp_path: Path, url: str, mail: Recorder) -> None:
    folder = campaign_of(tmp_path, mail, url)
    toml = folder / "campaign.toml"
    toml.write_text(toml.read_text() + '[suppression]\nurl = "sqlite:///s.sqlite"\n')
    done = run(folder, "work")
    assert done.returncode == 78
    assert "workers cannot share" in done.stderr


def latest_epochs(server: DatabaseServer, url: str) -> dict[str, int]:
    """Of each worker that has ever joined."""
    return {worker: epoch for epoch, worker, _, _ in members(server, url)}


@NO_SERVER
def test_a_database_that_is_restarted_or_gone_for_two_leases_costs_that_time_and_nothing_else(
    tmp_path: Path,
) -> None:
    lease_s = 2.0
    with database_server("") as own, recorder(at_least_s=0.3) as mail:
        url = own.new_database()
        folder = campaign_of(tmp_path, mail, url, lease_s=lease_s)
        with workers_in(folder) as workers:
            workers.start("one")
            workers.start("two")
            for gone_s in (0.0, 2 * lease_s + 0.5):
                until_joined(own, url, 2)
                until_letters(mail, mail.received.total() + 6)
                before = latest_epochs(own, url)
                own.crash()
                own.wait_until_gone()
                time.sleep(gone_s)  # nobody is there to be waited for
                own.start()
                for name in ("one", "two"):
                    until(lambda: latest_epochs(own, url)[name] > before[name])  # noqa: B023
            mail.at_once()
            for name in ("one", "two"):
                assert workers.end_of(name) == 0, workers.said[name]
                assert workers.said[name].count("joins again") >= 2
        with closing(Reader.open(url, folder)) as reader:
            held = [each for each in reader.results() if each.state != "sent"]
        assert held == []
        assert {doubt for _, _, _, doubt in members(own, url)} == {0}
        assert set(mail.received.values()) == {1}
        assert mail.received.total() == _COUNT
        prove(folder, url)


def test_replies_on_the_way_are_taken_though_the_journal_cannot_be_read_any_more(
    tmp_path: Path, server: DatabaseServer, url: str
) -> None:
    """Only the reading session ends: the outcomes can still be written."""
    with recorder(at_least_s=2.0) as slow:
        folder = fleet_campaign(
            tmp_path, slow, url, recipients=3, connections=3, policy="hold", lease_s=5.0
        )
        with workers_in(folder) as workers:
            workers.start("one")
            until_letters(slow, 3)
            server.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ''"
                f" AND datname = '{url.rpartition('/')[2]}'"
            )
            assert workers.end_of("one") == 0, workers.said["one"]
            assert "joins again" in workers.said["one"]
    assert {(how, doubt) for _, _, how, doubt in members(server, url)} == {("left", 0)}
    assert set(slow.received.values()) == {1}
    prove(folder, url)


def test_a_worker_that_was_asked_to_leave_is_told_that_another_one_goes_on() -> None:
    counts = dict.fromkeys(State, 0) | {State.PLANNED: 3}
    left = RunResult(75, counts, 3, [], 1.0, False, "asked to leave", 0)
    assert "  campaign work spring" in "\n".join(
        next_steps(left, Path("spring"), False, again="work")
    )
