"""The same journal in PostgreSQL, where its server is installed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import psycopg
import pytest

from campaign.cli.journals import is_planned
from campaign.config.reading import Whereabouts
from campaign.database import postgresql
from campaign.database.engines import open_for_writing
from campaign.database.places import locate
from campaign.database.postgresql import Session, refuse_forgetful
from campaign.errors import ConfigError, DataError, JournalBusy, JournalError
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.reading.glance import glance
from campaign.journal.reading.results import message_ids
from campaign.journal.store import Journal
from campaign.journal.writing import beginning
from campaign.records import State
from fakes.clock import FakeClock
from fakes.ports import own_port
from fakes.prepared.journals import (
    RECORD,
    SOURCE,
    deferred,
    entry,
    open_journal,
    outcome,
    people,
    plan_into,
    planned,
    run,
    sending,
    sent,
)
from fakes.proxies import silent_proxy
from fakes.servers.postgresql import PG_CTL, DatabaseServer, database_server

pytestmark = pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    with database_server() as running:
        yield running


@pytest.fixture
def url(server: DatabaseServer) -> str:
    """Of an empty database."""
    return server.new_database()


def test_a_closed_journal_can_be_opened_before_the_server_has_ended_the_session(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = open_journal(tmp_path, url=url, create=True)
    end_session = journal._connection.close
    monkeypatch.setattr(journal._connection, "close", lambda: None)
    journal.close()
    open_journal(tmp_path, url=url).close()
    end_session()


def test_a_campaign_is_planned_run_recovered_amended_and_audited(url: str, tmp_path: Path) -> None:
    journal = open_journal(tmp_path, url=url, create=True)
    plan_into(
        journal,
        [*people(5), entry("bad", 7, reason="address: no @"), entry("person1", 8)],
        suppressed=["person5@example.com"],
    )
    durable, failures = run(
        journal, [sending(1), sending(2), sending(3)], then=[sending(4), sent(1), deferred(2)]
    )
    assert (durable, failures) == ([1, 2, 3, 4, 1, 2], [])

    journal = open_journal(tmp_path, url=url)
    last = journal.last_run()
    assert last is not None
    assert (last.how, last.last_change_s) == ("closed", 2.0)
    record = RECORD._replace(hashes={"list.csv": "new"})
    settled = journal.resolve({message_ids(record)("person3@example.com"): "log"}, 9.0)
    assert [doubt.row for doubt in settled] == [3]
    assert [doubt.row for doubt in journal.recover_in_doubt("resend", 10.0)] == [4]
    plan_into(journal, [*people(5), entry("new", 9)], record=record)
    journal.close()

    with closing(glance(url, tmp_path)) as seen:
        assert (seen.campaign(), seen.is_planned(), seen.is_finished()) == ("spring", True, False)
    with closing(ClaimReader.open(url, tmp_path)) as reader:
        assert reader.plan_record() == record
        assert reader.sources() == [SOURCE, SOURCE]
        assert {state: count for state, count in reader.counts().items() if count} == {
            State.SENT: 2,
            State.DEFERRED: 2,
            State.SKIPPED: 3,
            State.PLANNED: 1,
        }
        assert reader.skips() == {"address": 1, "suppressed": 1, "duplicate": 1}
        assert [claim.row for claim in reader.claim_planned(0, 10)] == [8]
        assert [claim.row for claim in reader.claim_due(100.0, 10)[0]] == [4, 2]
        assert reader.next_due() == 10.0
        assert reader.domains(3) == [("example.com", 5)]
        assert reader.row_of("new@example.com") == 8
        assert reader.sendings_since(0.0, domains=("example.com", "x")) == [(1.0, 4)]
        assert [step.state for step in reader.history(2)] == ["sending", "deferred"]
        assert [result.code for result in reader.results()][:3] == [250, 451, 250]
        assert reader.suppressed(["person5@example.com", "x"]) == {"person5@example.com"}
    result = audit(url, tmp_path)
    assert result.is_clean, result.checks
    assert result.counts == {"sent": 2, "deferred": 2, "skipped": 3, "planned": 1}


def test_a_running_journal_takes_in_the_suppressed(url: str, tmp_path: Path) -> None:
    journal = open_journal(tmp_path, url=url, create=True)
    plan_into(journal, people(2), suppressed=["person1@example.com"])

    async def main() -> None:
        writer = journal.start(asyncio.get_running_loop(), lambda error: None)
        await writer.suppress(["person1@example.com", "person2@example.com"])

    asyncio.run(main())
    journal.close()
    with closing(ClaimReader.open(url, tmp_path)) as reader:
        assert len(reader.suppressed(["person1@example.com", "person2@example.com"])) == 2


def test_a_change_the_table_forbids_is_refused_by_the_database(url: str, tmp_path: Path) -> None:
    journal = planned(tmp_path, 3, url=url)
    for wrong in ([sent(1)], [sending(9)], [sending(1), sending(1, 2)], [sending(1, 3)]):
        with pytest.raises(JournalError):
            journal.apply(wrong)
    for statement in (
        "UPDATE standings SET state = 'sent'",
        "DELETE FROM history",
        "DELETE FROM standings",
        "UPDATE recipients SET address = ''",
        "INSERT INTO standings (row, state) VALUES (9, 'sent')",
    ):
        journal.apply([outcome(1, State.DEFERRED)])  # something to change
        with pytest.raises(Exception, match=r"allow|never changed"):
            journal._connection.exec_driver_sql(statement)
        journal._connection.rollback()
    journal.close()


def test_a_second_runner_is_refused(url: str, tmp_path: Path) -> None:
    journal = planned(tmp_path, 1, url=url)
    with pytest.raises(JournalBusy, match="another run holds this journal: another process"):
        open_journal(tmp_path, url=url)

    def refuse() -> None:
        with pytest.raises(JournalBusy, match=f"process {os.getpid()} on .* since 2027"):
            open_journal(tmp_path, url=url)

    run(journal, [sending(1)], meanwhile=refuse)
    open_journal(tmp_path, url=url).close()


def test_a_reader_cannot_write(url: str, tmp_path: Path) -> None:
    planned(tmp_path, 1, url=url).close()
    with (
        closing(ClaimReader.open(url, tmp_path)) as reader,
        pytest.raises(JournalError, match="read-only"),
    ):
        reader._all("DELETE FROM runs")


def test_duplicates_as_an_error_are_named(url: str, tmp_path: Path) -> None:
    with closing(open_journal(tmp_path, url=url, create=True)) as journal, pytest.raises(DataError):
        plan_into(journal, [entry("ada"), entry("ada", 3)], duplicates="error")


def test_an_unfinished_plan_or_amendment_is_thrown_away(url: str, tmp_path: Path) -> None:
    journal = open_journal(tmp_path, url=url, create=True)
    planning = journal.plan(RECORD)
    planning.add_source(SOURCE)
    planning.add_entries(people(2))
    planning.mark("first")
    journal.close()
    journal = open_journal(tmp_path, url=url)
    assert not journal.is_planned
    plan_into(journal, people(3))
    planning = journal.plan(RECORD)
    planning.add_source(SOURCE)
    planning.add_entries([entry("new")])
    planning.mark("first")
    journal.close()
    open_journal(tmp_path, url=url).close()
    with closing(ClaimReader.open(url, tmp_path)) as reader:
        assert reader.total() == 3
    assert audit(url, tmp_path).is_clean


def test_groups_and_snapshots_come_with_the_claim(url: str, tmp_path: Path) -> None:
    journal = open_journal(tmp_path, url=url, create=True)
    planning = journal.plan(RECORD)
    planning.add_source(SOURCE)
    planning.add_entries(
        [entry("ada", line)._replace(data=f'["ada","{line}"]', group="ada") for line in (2, 3)]
    )
    planning.mark("error")
    planning.keep_snapshots([(1, "aa")])
    planning.keep_snapshots([(1, "bb")])
    planning.finish()
    journal.close()
    with closing(ClaimReader.open(url, tmp_path)) as reader:
        [claim] = reader.claim_planned(0, 9)
        assert json.loads(claim.data) == ["ada", "2", [[0, ["ada", "2"]], [0, ["ada", "3"]]]]
        assert claim.snapshot == "bb"
        assert reader.counts()[State.SKIPPED] == 1


def test_a_missing_guard_is_found(url: str, tmp_path: Path) -> None:
    journal = planned(tmp_path, 1, url=url)
    journal._connection.exec_driver_sql("DROP TRIGGER history_death ON history")
    journal._connection.commit()
    journal.close()
    assert not audit(url, tmp_path).is_clean


def test_a_server_that_goes_away_stops_the_run_and_outcomes_are_kept(
    url: str, tmp_path: Path
) -> None:
    journal = planned(tmp_path, 2, url=url)

    def cut() -> None:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )

    durable, [failure] = run(journal, [sending(1)], meanwhile=cut, then=[sent(1)])
    assert durable == [1]
    assert failure.exit_code == 74
    assert "emergency" in " ".join(audit(url, tmp_path).unknown)
    journal = open_journal(tmp_path, url=url)
    assert journal.recovered == 1
    assert journal.recover_in_doubt("hold", 5.0) == []
    journal.close()


def test_commits_are_durable_where_the_server_says_they_need_not_be(
    server: DatabaseServer, url: str, tmp_path: Path
) -> None:
    server.forget_commits(url)
    with closing(open_journal(tmp_path, url=url, create=True)) as journal:
        asked = journal._connection.exec_driver_sql("SHOW synchronous_commit")
        assert asked.scalar_one() == "on"
        journal._connection.rollback()


def test_a_session_that_cannot_be_made_durable_is_refused(
    server: DatabaseServer, url: str, tmp_path: Path
) -> None:
    """As behind a pooler that drops the options of a session."""
    server.forget_commits(url)
    place = locate(url, tmp_path)
    with (
        psycopg.connect(url.replace("+psycopg", "")) as session,
        pytest.raises(JournalError, match=r"synchronous_commit = off.*pooler"),
    ):
        refuse_forgetful(cast(Session, session), place)


def test_a_server_that_does_not_flush_its_disk_is_told_of(url: str, tmp_path: Path) -> None:
    with closing(open_journal(tmp_path, url=url, create=True)) as journal:
        assert not journal.is_safe_from_power_loss  # the server of these tests has fsync = off


def test_the_url_keeps_its_own_options(url: str, tmp_path: Path) -> None:
    asked = f"{url}?options=-c%20work_mem%3D5MB&application_name=spring"
    with closing(open_journal(tmp_path, url=asked, create=True)) as journal:
        for name, value in (("work_mem", "5MB"), ("application_name", "spring")):
            found = journal._connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            assert found == value
        journal._connection.rollback()


def test_a_server_that_falls_silent_ends_the_run_with_a_sentence(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "ANSWER_S", 0.3)
    with silent_proxy(DatabaseServer.port_of(url)) as proxy:
        through = url.replace(str(DatabaseServer.port_of(url)), str(proxy.port))
        journal = planned(tmp_path, 2, url=through)
        durable, [failure] = run(journal, [sending(1)], meanwhile=proxy.fall_silent, then=[sent(1)])
    assert durable == [1]
    assert "the server did not answer" in str(failure)
    assert failure.exit_code == 74
    with closing(open_journal(tmp_path, url=url)) as journal:
        assert journal.recovered == 1  # what the emergency file kept


def test_somebody_in_a_hurry_waits_for_no_silent_server(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "HURRIED_S", 0.1)
    with silent_proxy(DatabaseServer.port_of(url)) as proxy:
        through = url.replace(str(DatabaseServer.port_of(url)), str(proxy.port))
        journal = planned(tmp_path, 1, url=through)
        proxy.fall_silent()
        journal.hurry()
        with pytest.raises(JournalError, match="did not answer"):
            journal.apply([sending(1)])
        journal.close()


def test_another_campaign_is_refused_by_name_and_its_plan_stays(url: str, tmp_path: Path) -> None:
    planned(tmp_path, 3, url=url).close()
    with pytest.raises(JournalError, match="belongs to the campaign 'spring', and this is 'other'"):
        Journal.open(url, tmp_path, clock=FakeClock(), create=True, campaign="other")
    with closing(ClaimReader.open(url, tmp_path)) as reader:
        assert reader.total() == 3


@pytest.mark.parametrize("wrong", ["notaport", "99999999"])
def test_a_bad_port_is_a_config_error(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a database url") as refused:
        open_journal(tmp_path, url=f"postgresql+psycopg://ada:geheim@h:{wrong}/x")
    assert "geheim" not in str(refused.value)


def test_a_password_is_in_no_message(url: str, tmp_path: Path) -> None:
    port = own_port()
    for told in (f"ada:geheim@127.0.0.1:{port}/x", f"127.0.0.1:{port}/x?password=geheim"):
        with pytest.raises(JournalError) as refused:
            open_journal(tmp_path, url=f"postgresql+psycopg://{told}", create=True)
        assert "geheim" not in str(refused.value)


def test_a_fresh_database_is_planned_into(url: str, tmp_path: Path) -> None:
    assert not is_planned(Whereabouts(url, tmp_path))
    planned(tmp_path, 2, url=url).close()
    assert is_planned(Whereabouts(url, tmp_path))


def test_giving_back_a_session_whose_server_has_gone_says_nothing(
    tmp_path: Path, server: DatabaseServer, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLAlchemy's pool logged a traceback beside our own sentence about the lost session."""
    session = open_for_writing(locate(url, tmp_path)).raw_connection()
    session.cursor().execute("SELECT 1")
    name = url.rpartition("/")[2]
    server.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    session.close()
    assert caplog.text == ""
