"""A worker that was taken for dead wakes up: it writes nothing, and nobody gets a second copy."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.journal.reading.reader import Reader
from campaign.records import State
from fakes.crashing import Tally, check
from fakes.fleet import (
    Workers,
    fleet_campaign,
    holding,
    members,
    prove,
    until,
    until_letters,
    workers_in,
)
from fakes.postgresql import PG_CTL, DatabaseServer, database_server
from fakes.proxies import silent_proxy
from fakes.recorder import recorder

pytestmark = pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")
_COUNT = 160
_CONNECTIONS = 2
_OFF = """
import sys, time
real = time.time
time.time = lambda: real() + {seconds}
from campaign.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    with database_server() as running:
        yield running


def both_hold(server: DatabaseServer, url: str) -> bool:
    return len({worker for _, worker in holding(server, url)}) == 2


def lost(server: DatabaseServer, url: str) -> dict[str, int]:
    """How many were in doubt of each that was taken over from."""
    return {worker: doubt for _, worker, how, doubt in members(server, url) if how == "lost"}


def end_all(workers: Workers) -> None:
    for name in list(workers.processes):
        assert workers.end_of(name) in (0, 1), workers.said[name]


@pytest.mark.parametrize("policy", ["hold", "resend"])
def test_one_that_was_halted_while_its_dots_were_answered_changes_nothing_when_it_wakes(
    tmp_path: Path, server: DatabaseServer, policy: str
) -> None:
    url = server.new_database()
    with recorder(at_least_s=1.0) as mail:
        folder = fleet_campaign(
            tmp_path, mail, url, recipients=_COUNT, connections=_CONNECTIONS, policy=policy
        )
        with workers_in(folder) as workers:
            workers.start("one")
            workers.start("two")
            until_letters(mail, 1)
            until(lambda: both_hold(server, url))
            until_letters(mail, mail.received.total() + 4)
            workers.signal("one", signal.SIGSTOP)
            until(lambda: "one" in lost(server, url))
            mail.at_once()
            workers.signal("one", signal.SIGCONT)
            end_all(workers)
            assert "joins again" in workers.said["one"]
        doubts = lost(server, url)["one"]
        assert doubts <= _CONNECTIONS
        if doubts:
            assert "worker one" in workers.said["two"]
            assert "in doubt" in workers.said["two"]
        tally = Tally()
        check(folder, mail, policy, _COUNT, tally)
        assert tally.lost == 0
        assert policy != "hold" or tally.copies == 0
        prove(folder, url)


def test_one_that_is_cut_off_from_the_database_is_taken_over_from_and_sends_nothing_more(
    tmp_path: Path, server: DatabaseServer
) -> None:
    url = server.new_database()
    port = DatabaseServer.port_of(url)
    with silent_proxy(port) as proxy, recorder(0.1, 5) as mail:
        folder = fleet_campaign(
            tmp_path / "c", mail, url, recipients=_COUNT, connections=_CONNECTIONS, policy="hold"
        )
        other = tmp_path / "other-host"
        shutil.copytree(folder, other)
        toml = other / "campaign.toml"
        toml.write_text(toml.read_text().replace(url, url.replace(str(port), str(proxy.port))))
        with workers_in(folder) as workers, workers_in(other) as cut_off:
            workers.start("one")
            cut_off.start("two")
            until(lambda: both_hold(server, url))
            until_letters(mail, mail.received.total() + 4)
            proxy.fall_silent()
            until(lambda: "two" in lost(server, url))
            end_all(workers)
            counts = mail.received.copy()
            cut_off.kill("two")
            assert mail.received == counts
        assert lost(server, url)["two"] <= _CONNECTIONS
        tally = Tally()
        check(folder, mail, "hold", _COUNT, tally)
        assert (tally.lost, tally.copies) == (0, 0)
        prove(folder, url)


def test_clocks_that_are_hours_apart_change_nothing(tmp_path: Path, server: DatabaseServer) -> None:
    url = server.new_database()
    with recorder(0.1, 6) as mail:
        folder = fleet_campaign(
            tmp_path, mail, url, recipients=_COUNT, connections=_CONNECTIONS, policy="hold"
        )
        with workers_in(folder) as workers:
            for name, seconds in (("one", 3600), ("two", -3600)):
                program = [sys.executable, "-c", _OFF.format(seconds=seconds)]
                workers.start(name, program=program)
            until(lambda: both_hold(server, url))
            workers.kill("one")
            until(lambda: "one" in lost(server, url))
            end_all(workers)
        assert [worker for _, worker, how, _ in members(server, url) if how == "lost"] == ["one"]
        with closing(Reader.open(url, folder)) as reader:
            counts = reader.counts()
            span = reader.ask("SELECT max(at) - min(at) FROM history")[0][0]
        assert counts[State.SENT] + counts[State.HELD] == _COUNT
        assert span < 600
        tally = Tally()
        check(folder, mail, "hold", _COUNT, tally)
        assert (tally.lost, tally.copies) == (0, 0)
        prove(folder, url)
