"""The promise on PostgreSQL: the run and its server die together, or the server falls silent."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.reader import Reader
from campaign.records import State
from fakes.mail.recorder import recorder
from fakes.processes.crashing import crash_rounds, planned_campaign, start, to_the_end
from fakes.proxies import silent_proxy
from fakes.servers.postgresql import PG_CTL, DatabaseServer, database_server

pytest.importorskip("psycopg")
pytestmark = pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    """It flushes its disk, as a server does that nobody has told otherwise."""
    with database_server("") as running:
        yield running


@pytest.mark.parametrize("policy", ["hold", "resend"])
def test_nobody_is_lost_when_run_and_server_are_killed_together(
    tmp_path: Path, server: DatabaseServer, policy: str
) -> None:
    tally = crash_rounds(
        tmp_path,
        rounds=2,
        recipients=120,
        connections=4,
        policy=policy,
        seed=11,
        hesitates_s=0.2,  # so that it lasts longer than any of the kills waits
        database=server,
    )
    assert tally.lost == 0
    assert tally.kills
    assert policy != "hold" or tally.copies == 0


@pytest.mark.long
@pytest.mark.parametrize("policy", ["hold", "resend"])
@pytest.mark.parametrize(("connections", "recipients"), [(1, 30), (8, 2000), (50, 5000)])
def test_nobody_is_lost_in_many_kills(
    tmp_path: Path, server: DatabaseServer, policy: str, connections: int, recipients: int
) -> None:
    tally = crash_rounds(
        tmp_path,
        rounds=15,
        recipients=recipients,
        connections=connections,
        policy=policy,
        seed=12,
        database=server,
    )
    assert tally.lost == 0
    assert policy != "hold" or tally.copies == 0


def test_two_signals_end_a_run_whose_server_fell_silent(
    tmp_path: Path, server: DatabaseServer
) -> None:
    url = server.new_database()
    port = DatabaseServer.port_of(url)
    with silent_proxy(port) as proxy, recorder(0.05, 5) as mail:
        through = url.replace(str(port), str(proxy.port))
        folder = planned_campaign(
            tmp_path / "c",
            mail,
            recipients=400,
            connections=2,
            policy="hold",
            journal=through,
        )
        run = start(folder)
        while run.poll() is None and mail.accepted.total() < 10:
            time.sleep(0.005)
        proxy.fall_silent()
        for _ in range(2):
            run.send_signal(signal.SIGINT)
            time.sleep(0.2)
        _, errors = run.communicate(timeout=30)
        assert run.returncode in (74, 75), errors
        assert "stopping at once" in errors
        assert "Traceback" not in errors
        toml = folder / "campaign.toml"
        toml.write_text(toml.read_text().replace(through, url))
        server.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{url.rpartition('/')[2]}'"
        )
        to_the_end(folder)
        with closing(Reader.open(url, folder)) as reader:
            counts = reader.counts()
        assert counts[State.SENT] + counts[State.HELD] == 400
        assert counts[State.HELD] <= 2
        assert set(mail.received.values()) == {1}
    assert audit(url, folder).is_clean
