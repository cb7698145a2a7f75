"""An open campaign whose journal is in PostgreSQL keeps its promises there too."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from campaign.journal.arrivals import Arrivals
from fakes.mail.recorder import recorder
from fakes.prepared.open_campaigns import code, open_campaign
from fakes.prepared.triggering import (
    accept,
    audited,
    killable_run,
    one_pass,
    results,
    running,
    wait_until,
)
from fakes.processes.api_server import LETTER, SERVE, api_server
from fakes.servers.postgresql import DatabaseServer, database_server

ORDER = {"order": 1, "lines": []}


def test_letters_are_accepted_once_and_sent_from_a_journal_on_a_server(
    tmp_path: Path, database: DatabaseServer
) -> None:
    journal = f'\n[journal]\nurl = "{database.new_database()}"\n'
    with recorder() as relay:
        campaign = open_campaign(tmp_path, port=relay.port, more=journal)
        first, again = accept(campaign, code(key="k"), code(key="k"))
        assert first.id == again.id
        accept(campaign, code("bob@example.com"))
        one_pass(campaign)
        accept(campaign, code("eve@example.com"))
        one_pass(campaign)
        assert set(relay.received.values()) == {1}
        assert len(relay.received) == 3
    assert [each.row for each in results(campaign)] == [1, 2, 3]
    assert {each.state for each in results(campaign)} == {"sent"}
    audited(campaign)


def test_the_api_tells_of_a_letter_from_its_acceptance_to_its_dot(
    tmp_path: Path, database: DatabaseServer
) -> None:
    journal = f'\n[journal]\nurl = "{database.new_database()}"\n'
    with recorder() as relay:
        campaign = open_campaign(tmp_path, port=relay.port, more=SERVE + journal)
        with api_server(tmp_path) as server:
            accepted = server.post(LETTER, idempotency="order-1")
            assert accepted.status == 202
            where = f"/v1/messages/{accepted.said['id']}"
            assert server.ask("GET", where).said["state"] == "accepted"
            server.kill()  # what was answered stays
            server.start()
            again = server.post(LETTER, idempotency="order-1")
            assert (again.said, again.headers["idempotency-replayed"]) == (accepted.said, "true")
            with running(campaign):
                wait_until(lambda: server.ask("GET", where).said["state"] == "sent")
            assert server.ask("GET", where).said["code"] == 250
        assert relay.received == {"ada@example.com": 1}
    audited(campaign)


def test_letters_are_accepted_again_when_the_database_is_there_again(tmp_path: Path) -> None:
    with database_server() as database:
        campaign = open_campaign(
            tmp_path, more=f'{SERVE}\n[journal]\nurl = "{database.new_database()}"\n'
        )
        with api_server(tmp_path) as server:
            first = server.post(LETTER, idempotency="order-1")
            database.stop()
            assert server.post(LETTER, idempotency="order-2").status == 503
            database.start()
            wait_until(lambda: server.post(LETTER, idempotency="order-2").status == 202)
            again = server.post(LETTER, idempotency="order-1")
            assert (again.status, again.said) == (202, first.said)
        with closing(Arrivals.open(*campaign.journal)) as arrivals:
            assert arrivals.last == 2


def test_a_run_that_is_killed_again_and_again_sends_each_letter_once(
    tmp_path: Path, database: DatabaseServer
) -> None:
    """It dies before, between and after its commits; its lease is taken over."""
    journal = f'\n[journal]\nurl = "{database.new_database()}"\n'
    people = [f"p{number}@example.com" for number in range(60)]
    with recorder(at_least_s=0.02) as relay:
        campaign = open_campaign(tmp_path, port=relay.port, more=journal)
        accept(campaign, *[code(person, template="receipt", data=ORDER) for person in people])
        for share in (1, 25):  # who is in doubt a third time is held
            child = killable_run(tmp_path)
            wait_until(lambda least=share: len(relay.accepted) >= least, within_s=60.0)
            child.kill()
            child.wait()
        relay.at_once()
        one_pass(campaign)
        # Receipts may come twice where nobody knows; each came, and the journal says what is known.
        assert set(relay.accepted) == set(people)
    assert {each.state for each in results(campaign)} == {"sent"}
    audited(campaign)
