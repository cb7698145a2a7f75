"""Hosts that are far from the database, over roads that lose packets."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from fakes.mail.recorder import recorder
from fakes.processes.crashing import Tally, check
from fakes.processes.fleet import fleet_campaign, members, on_another_host, prove, workers_in
from fakes.proxies import far_road, silent_proxy
from fakes.servers.postgresql import PG_CTL, DatabaseServer, database_server

pytestmark = pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")
_COUNT = 120
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
            port = DatabaseServer.port_of(url)
            proxy = stack.enter_context(silent_proxy(port, road))
            far_url = url.replace(str(port), str(proxy.port))
            there = on_another_host(folder, tmp_path / name, url, far_url)
            hosts[name] = stack.enter_context(workers_in(there))
        for name, workers in hosts.items():
            workers.start(name)
        for workers in hosts.values():
            workers.end_all()
        tally = Tally()
        check(folder, mail, "hold", _COUNT, tally)
        assert (tally.lost, tally.copies) == (0, 0)
        assert {worker for _, worker, _, _ in members(server, url)} == set(_NAMES)
        prove(folder, url)
