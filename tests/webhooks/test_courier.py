"""What happens to letters is told at least once, in order, and for three days."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from campaign.cli.main import main
from campaign.intake.requests import LetterRequest
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from campaign.journal.writing.events import add_events
from campaign.outcomes import Event
from campaign.records import Change, State
from campaign.suppression.entries import Reason, Suppressed
from campaign.suppression.store import SuppressionStore
from campaign.webhooks.outbox import LEASE_S, Outbox, endpoint_of
from fakes.mail.recorder import recorder
from fakes.prepared.journals import deferred, outcome, run, sending, sent
from fakes.prepared.open_campaigns import code, open_campaign
from fakes.prepared.triggering import accept, one_pass
from fakes.web.hook_server import Call, hook_server
from webhooks.conftest import HOOK, Hooked

DAY = 86400.0
Making = Callable[..., Hooked]


def happens(hooked: Hooked, *changes: Change) -> None:
    """A run in which these come to pass."""
    run(Journal.open(*hooked.campaign.journal, clock=hooked.clock, create=False), changes)


def walk(rows: Iterable[int]) -> list[Change]:
    """Each is deferred once and sent at the second try."""
    first = [step for row in rows for step in (sending(row), deferred(row))]
    second = [step for row in rows for step in (sending(row, 2), sent(row, 2))]
    return [*first, *second]


def test_every_change_is_told_once_and_in_its_order(hooked: Making) -> None:
    with hook_server() as server:
        made = hooked(20, server.url)
        assert made.tell()  # from now on it is known
        happens(made, *walk(range(1, 21)))
        assert made.tell()
        told = defaultdict(list)
        for call in server.calls:
            assert call.fields["webhook-timestamp"] == str(int(made.clock.wall))
            told[call.row].append(call.kind)
        assert told == {row: ["deferred", "sent"] for row in range(1, 21)}
        assert len({call.id for call in server.calls}) == 40
        first = server.calls[0].told
        assert first["data"]["campaign"] == "spring"
        assert first["data"]["address"].startswith("person")
        assert first["data"]["message_id"].startswith("<")
        assert first["data"]["reply"] == "Greylisted"
        made.tell()
        assert len(server.calls) == 40
    standing = made.standing()
    assert (standing.told, standing.failing_since) == (40, 0.0)


def test_the_signature_is_the_standards(hooked: Making, secret: str) -> None:
    with hook_server() as server:
        made = hooked(1, server.url)
        made.clock.wall = time.time()  # the oracle knows no other clock
        made.tell()
        happens(made, sending(1), sent(1))
        made.tell()
    assert Webhook(secret).verify(server.calls[0].body, dict(server.calls[0].fields))


def test_what_came_back_and_who_left_is_told(hooked: Making) -> None:
    with hook_server() as server:
        made = hooked(3, server.url)
        made.tell()
        url, folder = made.campaign.journal
        happens(made, *(step for row in (1, 2, 3) for step in (sending(row), sent(row))))
        for n, kind in enumerate(("bounced", "complained", "delivered"), 1):
            event = Event(f"digest {n}", n, 5.0, kind, "recipient-gone", "550", "box", f"<{n}@x>")
            add_events(url, folder, [event, event])
        left = Suppressed(
            "person3@example.com", "*", Reason.UNSUBSCRIBE, "serve", "spring", made.clock.wall
        )
        other = left._replace(key="person1@example.com", campaign="autumn")
        with SuppressionStore.open(
            "sqlite:///state/suppression.sqlite", folder, made.clock
        ) as store:
            store.add([left, other])
        made.clock.sleep(60)
        made.tell()
        made.clock.sleep(60)
        made.tell()
    told = sorted((call.row, call.kind) for call in server.calls if call.kind != "sent")
    assert told == [(1, "bounced"), (2, "complained"), (3, "unsubscribed")]
    bounced = next(call.told["data"] for call in server.calls if call.kind == "bounced")
    assert bounced["address"] == "person1@example.com"
    assert (bounced["evidence"], bounced["message_id"]) == ("550", "<1@x>")


def test_only_what_was_asked_for_is_told(hooked: Making) -> None:
    with hook_server() as server:
        made = hooked(2, server.url, events=("failed", "suppressed"))
        made.tell()
        happens(
            made,
            sending(1),
            outcome(1, State.FAILED, 1, code=550, reply="no", class_="recipient-gone"),
            outcome(2, State.SKIPPED, reason="suppressed: hard bounce 2026-11-01"),
        )
        made.tell()
    told = sorted((call.row, call.kind) for call in server.calls)
    assert told == [(1, "failed"), (2, "suppressed")]


def test_a_webhook_that_comes_late_is_told_what_comes_after_it(hooked: Making) -> None:
    with hook_server() as server:
        made = hooked(2, server.url)
        happens(made, sending(1), sent(1))  # nobody had registered it before this run
        made.tell()
        assert server.calls == []
        happens(made, sending(2), sent(2))
        made.tell()
    assert [call.row for call in server.calls] == [2]


def test_one_letter_waits_for_its_own_earlier_notice_and_for_no_other(hooked: Making) -> None:
    refused = []

    def answer(call: Call) -> int:
        if call.row == 1 and len(refused) < 2:
            refused.append(call)
            return 500
        return 204

    with hook_server(answer) as server:
        made = hooked(2, server.url)
        made.tell()
        happens(made, *walk([1, 2]))
        made.tell()
        assert [(call.row, call.kind) for call in server.taken] == [(2, "deferred"), (2, "sent")]
        made.clock.sleep(10)
        made.tell()
        made.clock.sleep(400)
        made.tell()
    assert [call.kind for call in server.taken if call.row == 1] == ["deferred", "sent"]
    again = {call.body for call in server.calls if call.id == refused[0].id}
    assert len(again) == 1  # a repeat is the same to the byte
    stamps = {call.fields["webhook-timestamp"] for call in server.calls if call.row == 1}
    assert len(stamps) > 1  # and says when it was told


def test_an_endpoint_that_is_down_is_asked_little_and_loses_nothing(hooked: Making) -> None:
    is_down = True
    with hook_server(lambda _: 503 if is_down else 204) as server:
        made = hooked(50, server.url)
        made.tell()
        happens(made, *walk(range(1, 51)))
        for _ in range(12):
            made.tell()
            made.clock.sleep(3600)
        assert len(server.calls) < 30
        assert made.standing().said == "it says 503"
        is_down = False
        for _ in range(3):
            made.tell()
            made.clock.sleep(3600)
    told = defaultdict(list)
    for call in server.taken:
        told[call.row].append(call.kind)
    assert told == {row: ["deferred", "sent"] for row in range(1, 51)}


def test_after_three_days_of_nothing_it_is_disabled_and_can_be_taken_up_again(
    hooked: Making,
) -> None:
    is_down = True
    with hook_server(lambda _: 500 if is_down else 204) as server:
        made = hooked(3, server.url)
        made.tell()
        happens(made, *walk([1, 2, 3]))
        for _ in range(8):
            made.tell()
            made.clock.sleep(DAY / 2)
        standing = made.standing()
        assert standing.disabled_at
        assert "three days" in standing.said
        before = len(server.calls)
        made.clock.sleep(10 * DAY)
        made.tell()
        assert len(server.calls) == before
        is_down = False
        with closing(Outbox.open(*made.campaign.journal)) as outbox:
            outbox.enable(standing.endpoint)
        made.tell()
    assert len({call.id for call in server.taken}) == 6


def test_a_notice_that_alone_is_refused_is_given_up_alone(hooked: Making) -> None:
    with hook_server(lambda call: 422 if call.row == 1 else 204) as server:
        made = hooked(14, server.url, events=("sent",))
        made.tell()
        happens(made, sending(1), sent(1))
        for day in range(14):
            if day < 13:
                happens(made, sending(day + 2), sent(day + 2))
            made.tell()
            made.clock.sleep(1.5 * DAY)
    standing = made.standing()
    assert standing.given_up == 1
    assert not standing.disabled_at
    assert {call.row for call in server.taken} == set(range(2, 15))


def test_gone_is_gone(hooked: Making) -> None:
    with hook_server(lambda _: 410) as server:
        made = hooked(1, server.url)
        made.tell()
        happens(made, sending(1), sent(1))
        made.tell()
        made.clock.sleep(DAY)
        made.tell()
        assert len(server.calls) == 1
    assert made.standing().disabled_at


def test_one_that_is_down_holds_up_no_other(hooked: Making) -> None:
    with hook_server() as well, hook_server(lambda _: 503) as down:
        made = hooked(5, well.url, down.url)
        made.tell()
        happens(made, *walk(range(1, 6)))
        made.tell()
        assert len(well.taken) == 10
    assert made.standing(down.url).failing_since


def test_one_process_tells_and_another_waits_for_it(hooked: Making) -> None:
    with hook_server() as server:
        made = hooked(1, server.url)
        made.tell()
        happens(made, sending(1), sent(1))
        with closing(Outbox.open(*made.campaign.journal)) as outbox:
            assert outbox.hold("another process", made.clock.wall)
        assert not made.tell()
        assert server.calls == []
        made.clock.sleep(LEASE_S + 1)  # it was killed, and renews nothing
        assert made.tell()
        assert len(server.calls) == 1


@pytest.mark.parametrize("after", [0, 1])
def test_a_number_that_was_missing_is_told_when_it_comes(hooked: Making, after: int) -> None:
    with hook_server() as server:
        made = hooked(2, server.url)
        made.tell()
        happens(made, sending(1), sent(1), sending(2), sent(2))
        url, folder = made.campaign.journal
        with closing(Reader.open(url, folder)) as reader:
            found = reader.ask('SELECT change, "row" FROM history ORDER BY change')
        endpoint = endpoint_of(made.url)
        with closing(Outbox.open(url, folder)) as outbox:
            # As if the second writer's numbers had been there before the first one's.
            missing = [change for change, row in found if row == 1]
            last = found[-1][0]
            outbox.take_in(endpoint, [], change=last, missing=missing, now_s=made.clock.wall)
            if after:
                made.clock.sleep(3600)
        made.tell()
        assert [call.row for call in server.calls] == [1]
        with closing(Outbox.open(*made.campaign.journal)) as outbox:
            assert outbox.missing(endpoint) == []


def test_an_open_campaign_tells_the_message_id_that_the_application_gave(tmp_path: Path) -> None:
    with recorder() as relay, hook_server() as server:
        more = HOOK.format(url=server.url, events=["sent"])
        campaign = open_campaign(tmp_path, port=relay.port, more=more)
        message = b"From: shop@example.com\r\nMessage-ID: <own@app.example>\r\n\r\nHello\r\n"
        (given,) = accept(campaign, LetterRequest("ada@example.com", message=message))
        (made,) = accept(campaign, code("bob@example.com"))
        assert main(["webhooks", str(tmp_path), "--deliver"]) == 0  # from now on it is known
        one_pass(campaign)
        assert main(["webhooks", str(tmp_path), "--deliver"]) == 0
    told = {call.told["data"]["address"]: call.told["data"]["message_id"] for call in server.calls}
    assert told == {"ada@example.com": "<own@app.example>", "bob@example.com": made.message_id}
    assert given.message_id == "<own@app.example>"
