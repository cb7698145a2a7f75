"""A pooler before the journal's server: sessions of one's own, or a refusal by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from campaign.errors import JournalError, SuppressionError
from campaign.journal.reading.reader import Reader
from campaign.suppression.database import open_database
from fakes.mail.recorder import recorder
from fakes.prepared.journals import open_journal, planned
from fakes.processes.crashing import run
from fakes.processes.fleet import fleet_campaign, members, prove, until_letters, workers_in
from fakes.servers.pgbouncer import PROGRAM, pgbouncer
from fakes.servers.postgresql import PG_CTL, DatabaseServer

pytestmark = [
    pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server"),
    pytest.mark.skipif(PROGRAM is None, reason="needs Debian's pgbouncer"),
]


def through(url: str, port: int) -> str:
    return url.replace(str(DatabaseServer.port_of(url)), str(port))


@pytest.fixture
def url(database: DatabaseServer) -> str:
    return database.new_database()


def test_workers_send_through_a_pooler_that_gives_each_session_to_one_client(
    tmp_path: Path, database: DatabaseServer, url: str
) -> None:
    """With the configuration that Debian has, and a worker that dies and is taken over from."""
    with (
        pgbouncer(DatabaseServer.port_of(url), "session") as port,
        recorder(at_least_s=0.3) as mail,
    ):
        folder = fleet_campaign(
            tmp_path, mail, through(url, port), recipients=120, connections=2, policy="hold"
        )
        with workers_in(folder) as workers:
            workers.start("one")
            workers.start("two")
            until_letters(mail, 6)
            workers.kill("one")
            mail.at_once()
            assert workers.end_of("two") in (0, 1), workers.said["two"]
        assert {how for _, who, how, _ in members(database, url) if who == "two"} == {"left"}
        assert set(mail.received.values()) == {1}
        prove(folder, url)
        done = run(folder, "status")
        assert done.returncode == 0, done.stderr


@pytest.fixture(params=["transaction", "statement"])
def lending(request: pytest.FixtureRequest, url: str) -> Iterator[str]:
    """The url of a journal behind a pooler whose clients share its sessions."""
    with pgbouncer(DatabaseServer.port_of(url), request.param) as port:
        yield through(url, port)


def test_a_pooler_that_lends_sessions_out_is_refused_with_its_remedy(
    tmp_path: Path, url: str, lending: str
) -> None:
    planned(tmp_path, 2, url=url).close()
    said = "between two transactions"
    with pytest.raises(JournalError, match=said) as refused:
        open_journal(tmp_path, url=lending)
    assert "pool_mode = session" in str(refused.value)
    with pytest.raises(JournalError, match=said):
        Reader.open(lending, tmp_path)
    with pytest.raises(SuppressionError, match="suppression store .*" + said):
        open_database(lending, tmp_path)
    with closing(open_journal(tmp_path, url=url)):  # and no session was left in another mode
        pass


def test_a_worker_behind_such_a_pooler_says_so_and_ends(
    tmp_path: Path, url: str, lending: str
) -> None:
    with recorder() as mail:
        folder = fleet_campaign(tmp_path, mail, url, recipients=5, connections=1, policy="hold")
        toml = folder / "campaign.toml"
        toml.write_text(toml.read_text().replace(url, lending))
        done = run(folder, "work")
        assert done.returncode == 74
        assert "pool_mode = session" in done.stderr
        assert not mail.received


def test_a_pooler_with_one_session_says_that_it_needs_more(tmp_path: Path, url: str) -> None:
    planned(tmp_path, 2, url=url).close()
    more = "default_pool_size = 1\nquery_wait_timeout = 1"
    with (
        pgbouncer(DatabaseServer.port_of(url), "session", more) as port,
        pytest.raises(JournalError, match=r"no second session.*default_pool_size"),
    ):
        open_journal(tmp_path, url=through(url, port))
