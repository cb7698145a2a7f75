"""What `campaign check` says of the server that keeps the journal."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.planning.plan import make_plan
from campaign.preflight.journal_checks import journal_findings
from fakes.prepared.campaigns import TOML, write
from fakes.servers.postgresql import PG_CTL, DatabaseServer, database_server

_STANDBYS = "SELECT count(*) FROM pg_stat_replication"


@contextmanager
def standby(server: DatabaseServer, folder: Path) -> Iterator[None]:
    """One that follows the server's log; to the server it is like any other."""
    folder.mkdir()
    program = str(PG_CTL.resolve().with_name("pg_receivewal"))
    port = server.url.rpartition(":")[2]
    there = ("-h", "127.0.0.1", "-p", port, "-U", "ada", "--synchronous")
    follows = subprocess.Popen([program, "-D", str(folder), *there], stderr=subprocess.DEVNULL)
    try:
        while server.ask(_STANDBYS) == [(0,)]:
            assert follows.poll() is None
            time.sleep(0.02)
        yield
    finally:
        follows.kill()
        follows.wait()


def set_to(server: DatabaseServer, name: str, value: str) -> None:
    """A setting of the whole server, once new sessions have it."""
    server.ask(f"ALTER SYSTEM SET {name} = '{value}'")
    server.ask("SELECT pg_reload_conf()")
    for _ in range(500):
        if server.ask(f"SELECT current_setting('{name}')") == [(value,)]:
            return
        time.sleep(0.02)
    raise AssertionError(f"{name} never was {value}")


@pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")
def test_a_server_that_may_forget_outcomes_is_named_with_its_remedy(tmp_path: Path) -> None:
    with database_server("") as server:
        url = server.new_database()
        folder = write(tmp_path / "c", toml=f'{TOML}\n[journal]\nurl = "{url}"\n')
        make_plan(load(folder), clock=SystemClock())
        found = _asker(folder)
        assert found() == {"journal-commits": "ok", "journal-standbys": "ok"}
        set_to(server, "full_page_writes", "off")
        assert found()["journal-commits"] == "warn"
        set_to(server, "fsync", "off")
        assert found()["journal-commits"] == "fail"
        with standby(server, tmp_path / "wal"):
            assert found()["journal-standbys"] == "warn"
            (finding,) = [one for one in journal_findings(load(folder)) if one.level == "warn"]
            assert "commits wait for none" in finding.evidence
            assert "campaign audit" in finding.remedy
            set_to(server, "synchronous_standby_names", "*")
            assert found()["journal-standbys"] == "ok"


def test_a_journal_in_a_file_waits_for_its_disk(tmp_path: Path) -> None:
    found = _asker(write(tmp_path / "c"))
    assert found() == {"journal-commits": "ok", "journal-standbys": "ok"}


def _asker(folder: Path) -> Callable[[], dict[str, str]]:
    return lambda: {one.id: one.level for one in journal_findings(load(folder))}
