"""A worker that was taken for dead wakes up: it writes nothing, and nobody gets a second copy."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from campaign.journal.reading.reader import Reader
from campaign.records import State
from fakes.mail.recorder import STEPS, Recorder, recorder
from fakes.processes.crashing import Tally, check
from fakes.processes.fleet import (
    MOST_S,
    Workers,
    fleet_campaign,
    holding,
    members,
    on_another_host,
    prove,
    taking_part,
    times_lost,
    until,
    until_letters,
    whose_clock_is_off,
    workers_in,
)
from fakes.proxies import silent_proxy
from fakes.servers.postgresql import DatabaseServer

_COUNT = 160
_LONG = 600
_CONNECTIONS = 2
_HOUR_S = 3600.0
_HALTED = "127.0.0.2"  # the address from which the letters of one worker come


@pytest.fixture
def server(database: DatabaseServer) -> DatabaseServer:
    return database


def both_hold(server: DatabaseServer, url: str) -> bool:
    return len({worker for _, worker in holding(server, url)}) == 2


def lost(server: DatabaseServer, url: str) -> dict[str, int]:
    """How many were in doubt of each that was taken over from."""
    return {worker: doubt for _, worker, how, doubt in members(server, url) if how == "lost"}


class Halting:
    """Halt a worker when a step of one of its letters has come to the server."""

    def __init__(self, mail: Recorder, workers: Workers, name: str) -> None:
        self._workers = workers
        self._name = name
        self._step = ""
        self._is_halted = threading.Event()
        mail.at = self._at

    def arm(self, step: str) -> None:
        self._is_halted.clear()
        self._step = step

    def wait(self) -> None:
        assert self._is_halted.wait(MOST_S), f"no {self._step} came"

    def _at(self, step: str, peer: str) -> None:
        if step == self._step and peer == _HALTED:
            self._workers.signal(self._name, signal.SIGSTOP)
            self._step = ""
            self._is_halted.set()


@pytest.mark.parametrize(("policy", "steps"), [("hold", STEPS), ("resend", STEPS[-2:])])
def test_one_that_is_halted_at_any_step_of_a_letter_with_its_clock_an_hour_off_changes_nothing(
    tmp_path: Path, server: DatabaseServer, policy: str, steps: Sequence[str]
) -> None:
    url = server.new_database()
    with recorder(0.2, 7, at_least_s=0.5) as mail:
        folder = fleet_campaign(
            tmp_path, mail, url, recipients=_LONG, connections=_CONNECTIONS, policy=policy
        )
        with workers_in(folder) as workers:
            halting = Halting(mail, workers, "one")
            halting.arm(steps[0])
            ahead = whose_clock_is_off(_HOUR_S)
            workers.start("one", "--source", _HALTED, program=ahead)
            workers.start("two", program=whose_clock_is_off(-_HOUR_S))
            for number, step in enumerate(steps):
                if number:
                    until(lambda: both_hold(server, url))
                    halting.arm(step)
                halting.wait()
                until(lambda: "one" not in taking_part(server, url))
                workers.signal("one", signal.SIGCONT)
            mail.at_once()
            workers.end_all()
        assert times_lost(server, url)["one"] >= len(steps)
        with closing(Reader.open(url, folder)) as reader:
            counts = reader.counts()
            span_s = reader.ask("SELECT max(at) - min(at) FROM history")[0][0]
        assert counts[State.SENT] + counts[State.HELD] == _LONG
        assert span_s < _HOUR_S / 2  # all times are the server's
        for _, worker, _, doubt in members(server, url):
            assert doubt <= _CONNECTIONS, worker
        tally = Tally()
        check(folder, mail, policy, _LONG, tally)
        assert tally.lost == 0
        assert policy != "hold" or tally.copies == 0
        prove(folder, url)


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
            workers.end_all()
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
    with silent_proxy(port) as proxy, recorder(0.1, 5, at_least_s=0.5) as mail:
        folder = fleet_campaign(
            tmp_path / "c", mail, url, recipients=_COUNT, connections=_CONNECTIONS, policy="hold"
        )
        far_url = url.replace(str(port), str(proxy.port))
        other = on_another_host(folder, tmp_path / "other-host", url, far_url)
        with workers_in(folder) as workers, workers_in(other) as cut_off:
            workers.start("one")
            cut_off.start("two")
            until(lambda: both_hold(server, url))
            until_letters(mail, mail.received.total() + 4)
            proxy.fall_silent()
            until(lambda: "two" in lost(server, url))
            mail.at_once()
            workers.end_all()
            counts = mail.received.copy()
            cut_off.kill("two")
            assert mail.received == counts
        assert lost(server, url)["two"] <= _CONNECTIONS
        tally = Tally()
        check(folder, mail, "hold", _COUNT, tally)
        assert (tally.lost, tally.copies) == (0, 0)
        prove(folder, url)
