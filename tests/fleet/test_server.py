"""What is said of a server that may not keep all that it acknowledges."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from campaign.journal.sharing.shared import SharedJournal
from fakes.clock import FakeClock
from fakes.prepared.journals import planned
from fakes.servers.postgresql import PG_CTL, DatabaseServer, database_server

pytestmark = pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")


def test_a_standby_that_commits_do_not_wait_for_is_named(tmp_path: Path) -> None:
    with database_server("-c fsync=off") as server:
        url = server.new_database()
        planned(tmp_path, 1, url=url).close()
        shared = SharedJournal.open(url, tmp_path, clock=FakeClock())
        assert shared is not None
        assert shared.warnings() == []
        (tmp_path / "wal").mkdir()
        follows = subprocess.Popen(
            [
                *(str(PG_CTL.resolve().with_name("pg_receivewal")), "-D", str(tmp_path / "wal")),
                *("-h", "127.0.0.1", "-p", str(DatabaseServer.port_of(url)), "-U", "ada"),
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            while server.ask("SELECT count(*) FROM pg_stat_replication") == [(0,)]:
                assert follows.poll() is None
                time.sleep(0.02)
            (said,) = shared.warnings()
            assert "commits do not wait for them" in said
        finally:
            follows.kill()
            follows.wait()
        shared.close()
