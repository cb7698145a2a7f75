"""Dask's scheduler dies: nothing of it matters for what is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.mail.recorder import recorder
from fakes.processes.crashing import Tally, check
from fakes.processes.dask_cluster import dask_cluster
from fakes.processes.fleet import fleet_campaign, members, prove, until, until_letters
from fakes.servers.postgresql import DatabaseServer

_COUNT = 200
_CONNECTIONS = 2


def test_workers_send_on_without_their_scheduler_and_the_run_goes_on_with_the_next_one(
    tmp_path: Path, database: DatabaseServer
) -> None:
    pytest.importorskip("distributed")
    url = database.new_database()
    with recorder(at_least_s=0.5) as mail:
        folder = fleet_campaign(
            tmp_path, mail, url, recipients=_COUNT, connections=_CONNECTIONS, policy="hold"
        )
        with dask_cluster(folder, database, url, 1) as cluster:
            cluster.start()
            until_letters(mail, 4)
            cluster.take_away("scheduler")
            until(lambda: "the scheduler of Dask is gone; the workers send on" in cluster.said())
            until_letters(mail, mail.received.total() + 4)
            mail.at_once()
            cluster.finish()  # with a new scheduler, and workers of it
        tally = Tally()
        check(folder, mail, "hold", _COUNT, tally)
        assert (tally.lost, tally.copies, tally.held) == (0, 0, 0)
    assert {how for _, _, how, _ in members(database, url)} == {"left"}
    prove(folder, url)
