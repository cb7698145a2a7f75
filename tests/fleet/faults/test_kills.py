"""Workers killed and halted, and the database with them: nobody is lost, no copy under `hold`.

The short form of `make fleet-kills`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.processes.fleet_rounds import fleet_rounds
from fakes.servers.postgresql import PG_CTL, DatabaseServer, database_server

pytestmark = pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    """It flushes its disk: it is killed, too."""
    with database_server("") as running:
        yield running


@pytest.mark.parametrize("policy", ["hold", "resend"])
def test_nobody_is_lost_when_workers_die_and_come_back(
    tmp_path: Path, server: DatabaseServer, policy: str
) -> None:
    tally = fleet_rounds(
        tmp_path,
        faults=4,
        recipients=400,
        connections=3,
        policy=policy,
        seed=5,
        database=server,
        restarts=0.15,
        hesitates_s=0.4,
    )
    assert tally.lost == 0
    assert tally.kills + tally.halts + tally.restarts == tally.rounds
    assert policy != "hold" or tally.copies == 0
