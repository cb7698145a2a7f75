"""What it costs a worker to join a fleet whose database is far away."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.fleet.terms import groups_of, terms_of
from campaign.journal.sharing.leases import Joining
from campaign.journal.sharing.shared import SharedJournal
from fakes.mail.recorder import recorder
from fakes.processes.fleet import fleet_campaign, until, workers_in
from fakes.servers.postgresql import NO_SERVER, database_server

_MOST = 80  # 65 when this was written; 140 before sessions were made ready in fewer steps
_BEAT = "UPDATE fleet_members SET beat"


def statements(log: str) -> list[str]:
    marks = ("LOG:  statement: ", "LOG:  execute ")
    return [line for line in log.splitlines() if any(mark in line for mark in marks)]


@NO_SERVER
def test_a_worker_joins_with_few_round_trips(tmp_path: Path) -> None:
    """Each costs 50 ms from another continent, and all of them are one after the other."""
    logs = "-c fsync=off -c log_statement=all"
    with database_server(logs) as server, recorder() as mail:
        url = server.new_database()
        folder = fleet_campaign(
            tmp_path, mail, url, recipients=3, connections=1, policy="hold", lease_s=60.0
        )
        campaign = load(folder)
        first = SharedJournal.open(url, folder, clock=SystemClock(), campaign="crash")
        assert first is not None
        with closing(first):
            joining = Joining("first", "host", 1, 1.0, 60.0, 1)
            first.join(joining, terms_of(campaign, first.plan_record()), groups_of(campaign))
            before = len(server.logged())
            with workers_in(folder) as workers:
                workers.start("second")
                until(lambda: _BEAT in server.logged()[before:])
                workers.kill("second")
            asked = statements(server.logged()[before:].partition(_BEAT)[0])
    assert any("INSERT INTO fleet_members" in line for line in asked)
    assert len(asked) <= _MOST, "\n".join(asked)
