"""The examples of docs/api.md, queues.md, submission.md and webhooks.md do what they say.

They are taken from the pages themselves, and run against the real commands; only hosts, ports and
logins are those of the test.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import redis

from campaign.config.loader import Campaign, load
from campaign.webhooks.signature import new_secret
from fakes.certificates import Authority
from fakes.mail.recorder import Recorder, recorder
from fakes.prepared.open_campaigns import code, open_campaign
from fakes.prepared.triggering import accept, one_pass, running, wait_until
from fakes.processes.api_server import KEY, api_server
from fakes.processes.consuming import Consuming, until
from fakes.processes.smtp_door import door
from fakes.servers import brokers
from fakes.web.hook_server import hook_server

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LETTERS = {
    "code.txt": "Your code is {{ code }}.\n",
    "receipt.html": "<p>{{ order }}{% for line in lines %}<br>{{ line.name }}{% endfor %}</p>",
    "news.md": "There is *news*.\n",
}
"""What the page's campaign is made of; the page does not show it."""


def blocks(page: str, language: str) -> list[str]:
    """The examples in one language, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def swapped(text: str, was: str, now: str) -> str:
    """With a place of the page's world in that of the test; an error where it is not there."""
    assert was in text
    return text.replace(was, now)


@pytest.fixture
def relay() -> Iterator[Recorder]:
    with recorder() as found:
        yield found


@pytest.fixture
def shop(tmp_path: Path, relay: Recorder, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """The campaign of docs/api.md, in a folder called as there."""
    folder = tmp_path / "shop"
    (folder / "letters").mkdir(parents=True)
    for name, text in LETTERS.items():
        (folder / "letters" / name).write_text(text, encoding="utf-8")
    (toml,) = blocks("api.md", "toml")
    login = 'host = "smtp.example.com"\nusername = "shop"\npassword = { env = "SMTP_PASSWORD" }\n'
    here = f'host = "127.0.0.1"\nport = {relay.port}\nsecurity = "none"\n'
    (folder / "campaign.toml").write_text(swapped(toml, login, here), encoding="utf-8")
    monkeypatch.setenv("SHOP_KEY", KEY)
    monkeypatch.setenv("LOGIN_KEY", KEY[::-1])
    return load(folder)


def test_the_curl_of_the_page_asks_for_a_letter_that_the_run_sends(
    shop: Campaign, relay: Recorder
) -> None:
    (command,) = [block for block in blocks("api.md", "sh") if block.startswith("curl")]
    with api_server(shop.folder) as server, running(shop):
        here = swapped(command, "127.0.0.1:8025", f"127.0.0.1:{server.port}")
        said = [
            subprocess.run(
                ["bash", "-c", here], check=True, capture_output=True, text=True, timeout=60
            ).stdout
            for _ in range(2)
        ]
        first, again = map(json.loads, said)
        assert first == again
        assert set(first) >= {"id", "message_id", "state"}
        wait_until(lambda: bool(relay.accepted))
        wait_until(lambda: server.ask("GET", f"/v1/messages/{first['id']}").said["state"] == "sent")
    assert relay.received == {"ada@example.com": 1}


def test_the_python_of_the_page_sends_one_letter_for_each_key(
    shop: Campaign, relay: Recorder
) -> None:
    (program,) = blocks("api.md", "python")
    with api_server(shop.folder) as server:
        found: dict[str, Any] = {}
        exec(swapped(program, "127.0.0.1:8025", f"127.0.0.1:{server.port}"), found)
        send: Callable[[dict[str, Any], str], dict[str, Any]] = found["send"]
        letter = {"template": "code", "to": "ada@example.com", "data": {"code": "7"}}
        assert send(letter, "first") == send(letter, "first")
        send(letter, "second")
        with pytest.raises(RuntimeError, match="'code' is undefined"):
            send({"template": "code", "to": "ada@example.com"}, "third")
    one_pass(shop)
    assert relay.received == {"ada@example.com": 2}


def test_the_tables_of_the_page_are_those_of_the_document(shop: Campaign) -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    with api_server(shop.folder) as server:
        document = server.ask("GET", "/v1/openapi.json").said
    statuses = set(re.findall(r"^\| (\d{3}) \|", page, re.MULTILINE))
    assert statuses == set(document["paths"]["/v1/messages"]["post"]["responses"])
    asked = set(re.findall(r"^\| `([A-Z]+ /v1/[^`]*)` \|", page, re.MULTILINE))
    known = {
        f"{method.upper()} {path}" for path, ways in document["paths"].items() for method in ways
    }
    assert asked == known | {"GET /v1/openapi.json"}


def test_the_message_of_the_page_goes_through_a_queue_as_the_page_says(
    shop: Campaign, relay: Recorder, tmp_path: Path
) -> None:
    commands, (message,) = blocks("queues.md", "sh"), blocks("queues.md", "json")
    found = re.search(r"^campaign consume '(amqp://[^']+)' shop\b", commands[0], re.MULTILINE)
    assert found
    (tmp_path / "broker").mkdir()
    with brokers.redis(tmp_path / "broker") as broker:
        url = swapped(found[1], "amqp://app@mq.example", f"redis://127.0.0.1:{broker.port}")
        consuming = Consuming(shop, url)
        with redis.Redis(port=broker.port) as client:
            for _ in range(2):
                body = swapped(message, '{"order": 1234}', '{"order": 1234, "lines": []}')
                client.xadd("letters", {"body": body, "Idempotency-Key": "order-1234"})
        with running(shop):
            until(lambda: bool(relay.accepted))
        assert consuming.end() == 0
    assert relay.received == {"ada@example.com": 1}


def test_the_java_of_the_page_is_that_of_the_application_which_make_jms_runs() -> None:
    producer = (ROOT / "tests/intake/jms/Producer.java").read_text(encoding="utf-8")
    (java,) = blocks("queues.md", "java")
    calls = re.findall(r"\w+\.\w+\(\"?\w+\"?", java)
    assert len(calls) == 3
    for call in calls:
        assert call.removesuffix("json").removesuffix("message") in producer


def test_the_python_of_the_page_submits_a_message_by_smtp(
    tmp_path: Path, relay: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    (toml,), (program,) = blocks("submission.md", "toml"), blocks("submission.md", "python")
    pair = Authority(tmp_path).issue("127.0.0.1")
    certified = swapped(swapped(toml, "mail.pem", pair.cert), "mail.key", pair.key)
    campaign = open_campaign(tmp_path / "shop", port=relay.port, more=f"\n{certified}")
    message = EmailMessage()
    message["From"], message["To"] = "Shop <shop@example.com>", "ada@example.com"
    message["Subject"], message["Message-ID"] = "Order", "<order-1@shop.example>"
    message.set_content("Thank you.\n")
    with door(campaign.folder) as opened:
        here = swapped(program, '"127.0.0.1", 2525', f'"127.0.0.1", {opened.port}')
        for _ in range(2):
            exec(here, {"key": KEY, "message": message})
        assert opened.end() == 0
    one_pass(campaign)
    assert relay.received == {"ada@example.com": 1}
    assert relay.message_ids["ada@example.com"] == {b"<order-1@shop.example>"}


def test_the_webhook_of_the_page_is_told_what_the_page_shows_and_verified_as_it_says(
    tmp_path: Path, relay: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = new_secret()
    monkeypatch.setenv("HOOK_SECRET", new_secret())
    monkeypatch.setenv("HOOK_SECRET_NEW", secret)
    (toml,), (shown,) = blocks("webhooks.md", "toml"), blocks("webhooks.md", "json")
    (program,) = blocks("webhooks.md", "python")
    text = (DOCS / "webhooks.md").read_text(encoding="utf-8")
    found = re.search(r"`(secret = \[.*?\])`", text)
    assert found
    with hook_server() as server:
        here = swapped(toml, "https://example.com/hooks/mail", server.url)
        here = re.sub(r"secret = .*", lambda _: found[1], here).replace('"failed"', '"sent"')
        campaign = open_campaign(
            tmp_path / "shop", port=relay.port, more=f"\n{here}allow_private = true\n"
        )
        accept(campaign, code())
        with running(campaign):
            server.wait_for(lambda s: len(s.taken) >= 1)
    call = server.taken[0]
    names: dict[str, Any] = {"secret": secret, "body": call.body, "headers": dict(call.fields)}
    exec(program, names)
    example = json.loads(shown)
    assert names["event"].keys() == example.keys()
    assert names["event"]["data"].keys() >= example["data"].keys()
