"""The HTTP API answers an application in a sentence, and says 202 only of what is durable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.journal.arrivals import FIRST, Arrivals
from campaign.planning.suppressed import open_store
from campaign.suppression.entries import Reason, Suppressed
from fakes.mail.recorder import recorder
from fakes.prepared.open_campaigns import open_campaign
from fakes.prepared.triggering import one_pass, wait_until
from fakes.processes.api_server import CODE_KEY, LETTER, SERVE, ApiServer, api_server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def campaign(folder: Path) -> Campaign:
    return open_campaign(folder, more=SERVE)


@pytest.fixture(scope="module")
def server(campaign: Campaign) -> Iterator[ApiServer]:
    with api_server(campaign.folder) as found:
        yield found


def addresses(campaign: Campaign) -> list[str]:
    with closing(Arrivals.open(*campaign.journal)) as arrivals:
        return [each.letter.address for each in arrivals.between(0, 100_000, FIRST, 100_000)]


def test_a_letter_is_accepted_with_its_id_and_message_id(
    server: ApiServer, campaign: Campaign
) -> None:
    answer = server.post(LETTER | {"to": "first@example.com"})
    assert answer.status == 202
    assert answer.said["state"] == "accepted"
    assert answer.headers["location"] == f"/v1/messages/{answer.said['id']}"
    assert "first@example.com" in addresses(campaign)
    standing = server.ask("GET", answer.headers["location"])
    assert standing.status == 200
    assert standing.said["state"] == "accepted"
    assert standing.said["message_id"] == answer.said["message_id"]


def test_a_repeated_request_has_the_same_answer_and_says_so(server: ApiServer) -> None:
    first = server.post(LETTER, idempotency="order-1")
    again = server.post(LETTER, idempotency="order-1")
    assert first.said == again.said
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    other = server.post(LETTER | {"to": "eve@example.com"}, idempotency="order-1")
    assert other.status == 409


def test_a_missing_variable_is_422_with_template_and_line(server: ApiServer) -> None:
    answer = server.post({"template": "receipt", "to": "a@b.example", "data": {"order": 1}})
    assert answer.status == 422
    assert answer.said["template"] == "receipt"
    assert (answer.said["file"], answer.said["line"]) == ("letters/receipt.html", 1)
    assert "'lines' is undefined" in answer.said["error"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "template"),
        ([], ""),
        (b"{", ""),
        (LETTER | {"what": 1}, "what"),
        (LETTER | {"to": 1}, "to"),
        (LETTER | {"attachments": [{"name": "x"}]}, "attachments.0.content"),
    ],
)
def test_what_is_no_letter_is_422_with_its_field(server: ApiServer, body: Any, field: str) -> None:
    answer = server.post(body)
    assert answer.status == 422
    assert answer.said.get("field", "") == field
    assert answer.said["error"]


def test_who_has_no_key_gets_nothing(server: ApiServer) -> None:
    for key in ("", "wrong", "0123456789abcdef0123456789abcde"):
        answer = server.ask("POST", "/v1/messages", LETTER, key=key)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_is_held_to_its_templates_and_letters(server: ApiServer) -> None:
    receipt = {"template": "receipt", "to": "a@b.example", "data": {"order": 1, "lines": []}}
    assert server.ask("POST", "/v1/messages", receipt, key=CODE_KEY).status == 422
    mine = server.ask("POST", "/v1/messages", LETTER, key=CODE_KEY)
    assert mine.status == 202
    assert server.ask("GET", f"/v1/messages/{mine.said['id']}").status == 404
    listed = server.ask("GET", "/v1/templates", key=CODE_KEY).said["templates"]
    assert [each["name"] for each in listed] == ["code"]


def test_each_letter_of_a_batch_has_its_own_result(server: ApiServer, campaign: Campaign) -> None:
    before = len(addresses(campaign))
    body = {"messages": [LETTER, LETTER | {"to": "nobody"}, LETTER | {"to": "b@example.com"}]}
    answer = server.post(body, path="/v1/messages/batch", idempotency="batch-1")
    assert answer.status == 200
    assert [each["status"] for each in answer.said["results"]] == [202, 422, 202]
    again = server.post(body, path="/v1/messages/batch", idempotency="batch-1")
    assert [each["status"] for each in again.said["results"]] == [202, 422, 202]
    assert [each["replayed"] for each in again.said["results"]] == [True, False, True]
    assert len(addresses(campaign)) == before + 2


def test_a_batch_has_a_thousand_letters_at_most(server: ApiServer) -> None:
    answer = server.post({"messages": [LETTER] * 1001}, path="/v1/messages/batch")
    assert (answer.status, answer.said["field"]) == (422, "messages")


def test_a_letter_can_be_looked_at_before(server: ApiServer, campaign: Campaign) -> None:
    before = len(addresses(campaign))
    body = {"template": "receipt", "to": "a@b.example"}
    body["data"] = {"order": 7, "lines": [{"count": 1, "name": "Tea"}]}  # type: ignore[assignment]
    answer = server.post(body, path="/v1/render")
    assert answer.status == 200
    assert answer.said["subject"] == "Your order 7"
    assert "<p>Tea</p>" in answer.said["html"]
    assert len(addresses(campaign)) == before


def test_a_request_that_is_too_long_is_413(tmp_path: Path) -> None:
    open_campaign(tmp_path, more=f"{SERVE}\n[intake]\nmax_body = 1000\n")
    with api_server(tmp_path) as server:
        assert server.post(LETTER | {"data": {"code": "x" * 2000}}).status == 413


def test_who_sends_what_is_too_long_gets_the_answer_and_not_a_broken_connection(
    server: ApiServer,
) -> None:
    assert server.post(b"x" * 15_000_000).status == 413


def test_a_full_backlog_is_429_with_a_time_and_empties_as_letters_go(tmp_path: Path) -> None:
    with recorder() as relay:
        campaign = open_campaign(
            tmp_path, port=relay.port, more=f"{SERVE}\n[intake]\nbacklog = 3\n"
        )
        with api_server(tmp_path) as server:
            answers = [server.post(LETTER) for _ in range(5)]
            assert [each.status for each in answers] == [202, 202, 202, 429, 429]
            assert int(answers[-1].headers["retry-after"]) >= 1
            assert len(addresses(campaign)) == 3
            one_pass(campaign)
            assert relay.received == {"ada@example.com": 3}
            found = server.ask("GET", f"/v1/messages/{answers[0].said['id']}")
            assert (found.said["state"], found.said["code"]) == ("sent", 250)
            # The backlog is counted twice a second.
            wait_until(lambda: server.post(LETTER).status == 202)


def test_who_must_not_be_written_to_is_told_of_at_once_or_when_the_run_comes_to_it(
    tmp_path: Path,
) -> None:
    with recorder() as relay:
        campaign = open_campaign(tmp_path, more=SERVE, port=relay.port)
        with open_store(campaign, SystemClock()) as store:
            store.add([Suppressed("ada@example.com", "*", Reason.HARD, "", "", 1.0)])
        with api_server(tmp_path) as server:

            def standing(said: dict[str, Any]) -> Any:
                return server.ask("GET", f"/v1/messages/{said['id']}").said

            before, after = server.post(LETTER), server.post(LETTER | {"to": "bob@example.com"})
            assert (before.status, after.status) == (200, 202)
            assert standing(before.said)["state"] == "suppressed"
            with open_store(campaign, SystemClock()) as store:
                store.add([Suppressed("bob@example.com", "*", Reason.HARD, "", "", 1.0)])
            assert standing(after.said)["state"] == "accepted"
            one_pass(campaign)
            for answer in (before, after):
                told = standing(answer.said)
                assert (told["state"], told["reason"][:11]) == ("suppressed", "suppressed:")
        assert not relay.received


def test_the_page_on_which_it_can_be_tried_needs_nothing_from_outside(server: ApiServer) -> None:
    page = server.ask("GET", "/", key="")
    assert page.status == 200
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert "https://" not in page.said.replace("http://www.w3.org", "")


def test_a_server_that_is_told_to_stop_ends_with_0(tmp_path: Path) -> None:
    open_campaign(tmp_path, more=SERVE)
    with api_server(tmp_path) as server:
        assert server.post(LETTER).status == 202
        assert server.stop() == 0
