"""A worker's part of a fleet before its run is ready."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from campaign.clock import SystemClock
from campaign.fleet.part import FleetPart
from campaign.journal.sharing.leases import Joining
from campaign.journal.sharing.reader import SharedReader
from campaign.journal.sharing.shared import SharedJournal
from fakes.prepared.journals import planned
from fakes.processes.fleet import members
from fakes.servers.postgresql import DatabaseServer

_LEASE_S = 0.3


def joined(folder: Path, url: str, worker: str) -> SharedJournal:
    shared = SharedJournal.open(url, folder, clock=SystemClock(), campaign="spring")
    assert shared is not None
    shared.join(Joining(worker, "host", 1, 1.0, _LEASE_S, 1), {}, None)
    return shared


def test_a_silent_member_is_taken_over_from_before_there_is_a_run(
    tmp_path: Path, database: DatabaseServer
) -> None:
    """On an overloaded machine workers were killed before they were ready, one after the other, and
    nobody ever took over from the first."""
    url = database.new_database()
    planned(tmp_path, 30, url=url).close()
    dead = joined(tmp_path, url, "dead")
    dead.claim(1)
    living = joined(tmp_path, url, "living")
    clock = SystemClock()
    part = FleetPart(
        living,
        lambda: SharedReader.open(url, tmp_path),
        clock,
        lease_s=_LEASE_S,
        policy="hold",
        connections=1,
        joined_s=clock.passed_s(),
    )

    async def until_taken_over() -> None:
        staying = asyncio.create_task(part.keep(lambda error: None))
        while {worker: how for _, worker, how, _ in members(database, url)}["dead"] != "lost":
            await asyncio.sleep(0.05)
        staying.cancel()
        with suppress(asyncio.CancelledError):
            await staying

    asyncio.run(asyncio.wait_for(until_taken_over(), 60))
    living.close()
    dead.close()
