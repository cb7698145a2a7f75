"""A host whose network is cut at a step of a letter, and mended once others have taken over."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fakes.hosts import Host, can_run, host
from fakes.mail.recorder import Recorder, recorder
from fakes.processes.crashing import Tally, check
from fakes.processes.fleet import (
    EXPLAINING,
    fleet_campaign,
    holding,
    members,
    on_another_host,
    prove,
    taking_part,
    times_lost,
    until,
    workers_in,
)
from fakes.servers.postgresql import PG_CTL, DatabaseServer, database_server

pytestmark = [
    pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server"),
    pytest.mark.skipif(not can_run(), reason="needs root and iproute2, to make network namespaces"),
]
_COUNT = 500
_CONNECTIONS = 2
Cut = tuple[str, tuple[str, ...]]
# At which step of a letter, and which cables: with mail alone the answer to a dot still comes.
_CUTS: tuple[Cut, ...] = (
    ("envelope", ("database",)),
    ("dot", ("database",)),
    ("dot", ("database", "mail")),
)


@pytest.fixture(scope="module")
def far() -> Iterator[Host]:
    with host("database", "mail") as there:
        yield there


@pytest.fixture(scope="module")
def server(far: Host) -> Iterator[DatabaseServer]:
    here = f"127.0.0.1,{far.cables['database'].here}"
    with database_server(f"-c fsync=off -c listen_addresses={here}") as running:
        running.admit("10.83.0.0/16")
        yield running


class Scissors:
    """Cut the network of a host at the next step of a kind of one of its letters."""

    def __init__(self, far: Host, mail: Recorder) -> None:
        self._far = far
        self._step = ""
        self._cables: tuple[str, ...] = ()
        self.have_cut = threading.Event()
        mail.at = self._at

    def cut_at(self, step: str, cables: tuple[str, ...]) -> None:
        self.have_cut.clear()
        self._step, self._cables = step, cables
        assert self.have_cut.wait(60), f"no {step} came"

    def mend(self) -> None:
        self._far.mend(*self._cables)

    def _at(self, step: str, peer: str) -> None:
        if step == self._step and peer == self._far.cables["mail"].there:
            self._far.cut(*self._cables)
            self._step = ""
            self.have_cut.set()


@pytest.mark.parametrize(("policy", "cuts"), [("hold", _CUTS), ("resend", _CUTS[-1:])])
def test_a_host_that_was_cut_off_at_any_step_of_a_letter_sends_nothing_twice_when_it_is_back(
    tmp_path: Path, server: DatabaseServer, far: Host, policy: str, cuts: Sequence[Cut]
) -> None:
    url = server.new_database()
    with recorder(0.2, 9, at_least_s=0.4, host="0.0.0.0") as mail:
        folder = fleet_campaign(
            tmp_path / "here",
            mail,
            url,
            recipients=_COUNT,
            connections=_CONNECTIONS,
            policy=policy,
            relay=far.cables["mail"].here,
        )
        database = f"@{far.cables['database'].here}"
        there = on_another_host(folder, tmp_path / "there", "@127.0.0.1", database)
        scissors = Scissors(far, mail)
        with workers_in(folder) as workers, workers_in(there) as cut_off:
            cut_off.start("far", program=far.on(*EXPLAINING))
            workers.start("near")
            for step, cables in cuts:
                until(lambda: {"far", "near"} == {who for _, who in holding(server, url)})
                scissors.cut_at(step, cables)
                until(lambda: "far" not in taking_part(server, url))
                scissors.mend()
            mail.at_once()
            workers.end_all()
            cut_off.end_all()
        assert times_lost(server, url)["far"] >= len(cuts)
        tally = Tally()
        check(folder, mail, policy, _COUNT, tally)
        assert tally.lost == 0
        assert policy != "hold" or tally.copies == 0
        for _, worker, _, doubt in members(server, url):
            assert doubt <= _CONNECTIONS, worker
        prove(folder, url)
