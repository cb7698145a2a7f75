"""A resumed fleet reads what is left open, however much is settled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.journal.sharing.leases import Joining
from campaign.journal.sharing.reader import SharedReader
from campaign.journal.sharing.shared import Groups, SharedJournal
from campaign.journal.writing import totals
from campaign.records import State
from fakes.clock import FakeClock
from fakes.prepared.journals import planned
from fakes.servers.postgresql import PG_CTL, DatabaseServer, database_server

pytestmark = pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")

_ROWS = 6_000
_LEFT = 40  # the last of them
_FEW = 900  # rows of tables, by all that is asked for at a resume
_READ = (
    "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_user_tables"
    " WHERE relname IN ('recipients', 'standings', 'history', 'fleet_domains')"
)


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    # A scan of these small tables costs the planner as much as one of large ones.
    with database_server("-c fsync=off -c autovacuum=off -c seq_page_cost=100") as running:
        yield running


def read_so_far(server: DatabaseServer, url: str) -> int:
    """Rows that sessions have read of the large tables; each tells at its end."""
    name = url.rpartition("/")[2]
    others = (
        f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    while server.ask(others, name) != [(0,)]:
        pass
    return int(server.ask(_READ, name)[0][0])


def mostly_sent(folder: Path, server: DatabaseServer, url: str) -> None:
    """All but the last few are sent, one of those is on the way, and one was once in doubt."""
    planned(folder, _ROWS, url=url).close()
    name = url.rpartition("/")[2]
    last = _ROWS - _LEFT
    for state, code in (("sending", 0), ("sent", 250)):
        server.ask(
            "INSERT INTO history (row, state, at, sendings, attempts, code, relay)"
            f" SELECT row, '{state}', 1.0, 1, 1, {code}, 'r' FROM standings"
            f" WHERE row <= {last} ORDER BY row",
            name,
        )
    server.ask(
        f"INSERT INTO history (row, state, at, sendings) VALUES ({_ROWS}, 'sending', 1.0, 1)", name
    )
    server.ask(f"UPDATE totals SET planned = {_LEFT - 1}, sending = 1, sent = {last}", name)


def resume(folder: Path, url: str, groups: Groups) -> list[int]:
    """What a worker asks for when it is the first to come back; who was in doubt."""
    shared = SharedJournal.open(url, folder, clock=FakeClock(), campaign="spring")
    assert shared is not None
    assert shared.first is not None
    shared.first.bring_forward(5.0, classes=("paced", "dns"))
    shared.last_run()
    found = shared.first.recover_in_doubt("resend", 5.0)
    shared.join(Joining("one", "host", 1, 1.0, 5.0, 4), {"version": "1"}, groups)
    held = shared.claim(400)
    with closing(SharedReader.open(url, folder)) as reader:
        reader.hold(held)
        assert reader.counts()[State.PLANNED] == _LEFT - 1
        assert not reader.is_finished()
        assert reader.has_own_left()
        claimed = 0
        while found_now := reader.claim_planned(0, 100):  # of one slice after the other
            claimed += len(found_now)
        assert claimed == _LEFT - 1
    shared.close()
    return [doubt.row for doubt in found]


@pytest.mark.parametrize("groups", [None, {}], ids=["through a relay", "sent directly"])
def test_a_resumed_fleet_reads_only_what_is_left_open(
    tmp_path: Path, server: DatabaseServer, groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "_QUICKLY_COUNTED", 1_000)
    url = server.new_database()
    mostly_sent(tmp_path, server, url)
    name = url.rpartition("/")[2]
    assert resume(tmp_path, url, groups) == [_ROWS]  # the first fleet makes its indexes
    server.ask(
        "INSERT INTO history (row, state, at, sendings, resends)"
        f" VALUES ({_ROWS}, 'sending', 6.0, 2, 1)",
        name,
    )
    server.ask("UPDATE totals SET deferred = 0, sending = 1", name)
    server.ask("VACUUM ANALYZE", name)
    before = read_so_far(server, url)
    assert resume(tmp_path, url, groups) == [_ROWS]
    assert read_so_far(server, url) - before < _FEW, server.ask(
        "SELECT relname, seq_scan, seq_tup_read, idx_tup_fetch FROM pg_stat_user_tables", name
    )
