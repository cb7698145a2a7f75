"""Hosts that are far from the database, over roads that lose packets."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakes.crashing import Tally, check
from fakes.fleet import Workers, fleet_campaign, members, prove, workers_in
from fakes.postgresql import PG_CTL, DatabaseServer, database_server
from fakes.proxies import far_road, silent_proxy
from fakes.recorder import recorder

pytestmark = pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")
_COUNT = 240
_CONNECTIONS = 3
_NAMES = ("one", "two", "three")


def test_three_hosts_25_ms_from_the_database_over_roads_that_lose_packets_send_each_letter_once(
    tmp_path: Path,
) -> None:
    """Not by tc(8): the kernels of many machines of CI have no netem."""
    with ExitStack() as stack:
        server = stack.enter_context(database_server("-c fsync=off"))
        url = server.new_database()
        mail = stack.enter_context(recorder(0.05, 4))
        folder = fleet_campaign(
            tmp_path / "here",
            mail,
            url,
            recipients=_COUNT,
            connections=_CONNECTIONS,
            policy="hold",
            lease_s=4.0,
        )
        hosts = {}
        for seed, name in enumerate(_NAMES):
            road = far_road(0.025, 0.02, seed)
            proxy = stack.enter_context(silent_proxy(DatabaseServer.port_of(url), road))
            there = far_copy(folder, tmp_path / name, url, proxy.port)
            hosts[name] = stack.enter_context(workers_in(there))
        for name, workers in hosts.items():
            workers.start(name)
        for name, workers in hosts.items():
            end(workers, name)
        tally = Tally()
        check(folder, mail, "hold", _COUNT, tally)
        assert (tally.lost, tally.copies) == (0, 0)
        assert {worker for _, worker, _, _ in members(server, url)} == set(_NAMES)
        prove(folder, url)


def far_copy(folder: Path, there: Path, url: str, port: int) -> Path:
    """The campaign as the other host has it: it reaches the database by its own road."""
    shutil.copytree(folder, there)
    toml = there / "campaign.toml"
    far = url.replace(str(DatabaseServer.port_of(url)), str(port))
    toml.write_text(toml.read_text().replace(url, far))
    return there


def end(workers: Workers, name: str) -> None:
    assert workers.end_of(name) in (0, 1), workers.said[name]
