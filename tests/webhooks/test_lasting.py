"""A service tells webhooks by itself, without a run."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
import redis
from standardwebhooks.webhooks import Webhook

from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.journal.store import Journal
from campaign.journal.writing.events import add_events
from campaign.outcomes import Event
from campaign.records import State
from campaign.webhooks.outbox import Outbox
from fakes.mail.recorder import recorder
from fakes.prepared import campaigns
from fakes.prepared.journals import run, sending, sent
from fakes.prepared.open_campaigns import open_campaign
from fakes.prepared.triggering import one_pass, wait_until
from fakes.processes.api_server import KEY, LETTER, SERVE, api_server
from fakes.processes.consuming import Consuming, until
from fakes.processes.serving import serving
from fakes.processes.smtp_door import door
from fakes.servers import brokers
from fakes.web.hook_server import HookServer, hook_server
from fakes.web.serve_site import ONE_CLICK, SECRET, link
from webhooks.conftest import HOOK

EVENTS = '["bounced", "complained", "unsubscribed"]'
LEAVING = """\
url = "https://example.com/u"
secret = { env = "CAMPAIGN_SECRET" }

[serve]
listen = "127.0.0.1:0"
"""
FINISHED = "From: shop@example.com\r\nMessage-ID: <1@shop.example>\r\n\r\nHello\r\n"
ROWS = [(f"person{n}@example.com", f"Person {n}", "gold") for n in (1, 2, 3)]


def test_serve_tells_who_left_and_what_came_back(
    tmp_path: Path, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPAIGN_SECRET", SECRET)
    toml = campaigns.TOML.replace('mailto = "out@example.com"\n', LEAVING)
    with hook_server() as server:
        toml += HOOK.format(url=server.url, events=EVENTS)
        campaigns.write(tmp_path, rows=ROWS, toml=toml)
        with serving(tmp_path) as running:  # before there is a plan
            campaign = campaigns.planned(tmp_path, rows=ROWS, toml=toml)
            with closing(running.connection()) as connection:
                connection.request("POST", link("person3@example.com"), ONE_CLICK)
                assert connection.getresponse().read() == b""
            server.wait_for(lambda s: len(s.taken) >= 1)
            journal = Journal.open(*campaign.journal, clock=SystemClock(), create=False)
            run(journal, [step for row in (1, 2) for step in (sending(row), sent(row))])
            came_back = [
                Event(f"digest {n}", n, 5.0, kind, "recipient-gone", "550", "box", f"<{n}@x>")
                for n, kind in enumerate(("bounced", "complained"), 1)
            ]
            add_events(*campaign.journal, came_back)
            server.wait_for(lambda s: len(s.taken) >= 3)
            assert running.stop() == 0
    assert [(call.row, call.kind) for call in sorted(server.taken, key=lambda call: call.row)] == [
        (1, "bounced"), (2, "complained"), (3, "unsubscribed"),
    ]  # fmt: skip
    for call in server.taken:
        assert Webhook(secret).verify(call.body, dict(call.fields)) == call.told


def test_the_api_tells_what_became_of_its_letters(tmp_path: Path, secret: str) -> None:
    with recorder(0.0) as relay, hook_server() as server:
        hook = HOOK.format(url=server.url, events='["sent"]')
        campaign = open_campaign(tmp_path, port=relay.port, more=SERVE + hook)
        with api_server(tmp_path) as api:
            wait_until(lambda: _is_known(campaign))
            assert api.post(LETTER).status == 202
            one_pass(campaign)  # as a run does, without its own process that tells
            server.wait_for(lambda s: len(s.taken) >= 1)
            assert api.stop() == 0
    _is_told_of(server, secret, "sent", "ada@example.com")


def test_the_door_for_smtp_tells_what_became_of_its_letters(
    tmp_path: Path, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    keys = '[serve]\napi_keys = [{ env = "SHOP_KEY", label = "shop" }]\n'
    with recorder() as relay, hook_server() as server:
        hook = HOOK.format(url=server.url, events='["sent"]')
        campaign = open_campaign(tmp_path, port=relay.port, more=keys + hook)
        with door(tmp_path) as opened:
            wait_until(lambda: _is_known(campaign))
            with opened.client() as client:
                client.login("shop", KEY)
                client.sendmail("shop@example.com", ["ada@example.com"], FINISHED)
            one_pass(campaign)
            server.wait_for(lambda s: len(s.taken) >= 1)
            assert opened.end() == 0
    _is_told_of(server, secret, "sent", "ada@example.com")


def test_a_consumer_tells_what_became_of_its_letters(tmp_path: Path, secret: str) -> None:
    (tmp_path / "broker").mkdir()
    with recorder() as relay, hook_server() as server, brokers.redis(tmp_path / "broker") as broker:
        hook = HOOK.format(url=server.url, events='["sent"]')
        campaign = open_campaign(tmp_path / "shop", port=relay.port, more=hook)
        consuming = Consuming(campaign, f"redis://127.0.0.1:{broker.port}/?queue=letters")
        wait_until(lambda: _is_known(campaign))
        with redis.Redis(port=broker.port) as client:
            client.xadd("letters", {"body": json.dumps(LETTER)})
        until(lambda: one_pass(campaign).counts[State.SENT] == 1)
        server.wait_for(lambda s: len(s.taken) >= 1)
        assert consuming.end() == 0
    _is_told_of(server, secret, "sent", "ada@example.com")


def _is_told_of(server: HookServer, secret: str, kind: str, address: str) -> None:
    (call,) = server.taken
    assert Webhook(secret).verify(call.body, dict(call.fields)) == call.told
    assert (call.kind, call.told["data"]["address"]) == (kind, address)


def _is_known(campaign: Campaign) -> bool:
    with closing(Outbox.open(*campaign.journal)) as outbox:
        return bool(outbox.standings())
