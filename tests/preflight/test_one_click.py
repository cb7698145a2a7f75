"""The one-click page tried with a token of nobody, and a test letter."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from campaign.cli.main import main
from campaign.clock import SystemClock
from campaign.preflight.one_click import look_at_one_click, try_one_click
from campaign.preflight.rules import CheckFinding
from fakes.certificates import Authority
from fakes.mail.scripted_smtp import Script, ScriptedServer, on, say
from fakes.prepared.campaigns import TOML, planned, write
from fakes.processes.serving import serving
from fakes.proxies import tls_front
from fakes.web.serve_site import SECRET
from fakes.web.web_server import web_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "ca"
    folder.mkdir()
    return Authority(folder)


def trusting(authority: Authority) -> Any:
    import ssl

    return ssl.create_default_context(cafile=authority.ca_file)


def tried(
    authority: Authority, response: bytes, left: bool | None = False
) -> tuple[list[CheckFinding], list[str]]:
    with web_server(authority.issue("localhost"), response + b"\r\n") as web:
        found = try_one_click(
            f"https://localhost:{web.port}/u?t=1", lambda: left, context=trusting(authority)
        )
        return found, web.requests


def test_a_page_that_answers_200_is_good(authority: Authority) -> None:
    (finding,), requests = tried(authority, OK)
    assert finding.level == "ok"
    assert "changes nothing" in finding.evidence
    assert [request.partition(" HTTP")[0] for request in requests] == [
        "GET /u?t=1",
        "POST /u?t=1",
    ]
    assert "application/x-www-form-urlencoded" in requests[1]


def test_what_a_get_does_elsewhere_is_not_claimed(authority: Authority) -> None:
    (finding,), _ = tried(authority, OK, left=None)
    assert finding.level == "ok"
    assert "unseen" in finding.evidence


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n", "redirect to /login"),
        (OK + b"Set-Cookie: a=b\r\n", "a cookie"),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n", "401"),
        (b"HTTP/1.1 204 No Content\r\n", "204"),
    ],
)
def test_a_post_without_a_plain_200_fails(authority: Authority, response: bytes, said: str) -> None:
    found, _ = tried(authority, response)
    assert found[-1].level == "fail"
    assert said in found[-1].evidence


def test_a_get_that_unsubscribes_fails(authority: Authority) -> None:
    found, _ = tried(authority, OK, left=True)
    assert [one.evidence for one in found] == ["a GET unsubscribes"]


def test_a_certificate_that_proves_nothing_and_no_server_fail(authority: Authority) -> None:
    with web_server(authority.issue("localhost"), OK + b"\r\n") as web:
        url = f"https://localhost:{web.port}/u"
        (finding,) = try_one_click(url, lambda: None)
        assert finding.level == "fail"
        assert "certificate" in finding.evidence.lower()
    (finding,) = try_one_click(url, lambda: None)
    assert finding.level == "fail"


@pytest.mark.parametrize(
    ("code", "words", "level"),
    [
        (socket.EAI_AGAIN, "Temporary failure in name resolution", "not-checked"),
        (socket.EAI_NONAME, "Name or service not known", "fail"),
    ],
)
def test_a_nameserver_that_is_silent_about_the_page_is_never_a_fail(
    monkeypatch: pytest.MonkeyPatch, code: int, words: str, level: str
) -> None:
    def answer(*_: object, **__: object) -> None:
        raise socket.gaierror(code, words)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    (finding,) = try_one_click("https://page.test/u", lambda: None)
    assert (finding.level, finding.evidence) == (level, f"page.test: {words}")


def test_the_address_is_made_as_in_a_letter(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMPAIGN_SECRET", "correct horse battery staple, and more of it")
    with web_server(authority.issue("localhost"), OK + b"\r\n") as web:
        toml = TOML.replace(
            'mailto = "out@example.com"',
            f'url = "https://localhost:{web.port}/u"\nsecret = {{ env = "CAMPAIGN_SECRET" }}',
        )
        campaign = planned(tmp_path / "c", toml=toml)
        found = look_at_one_click(campaign, SystemClock(), context=trusting(authority))
        assert [one.level for one in found] == ["ok"], found
        assert len(web.requests) == 2
        assert len(web.requests[0].split(" ")[1]) > 30  # a token is there


def test_our_own_page_keeps_to_the_rules(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`campaign serve` (uvicorn) in a process of its own, with TLS before it."""
    monkeypatch.setenv("CAMPAIGN_SECRET", SECRET)
    with tls_front(authority.issue("localhost")) as front:
        toml = TOML.replace(
            'mailto = "out@example.com"',
            f'url = "https://localhost:{front.port}/u"\nsecret = {{ env = "CAMPAIGN_SECRET" }}'
            '\nlist = "newsletter"',
        )
        more = '\n[suppression]\nurl = "sqlite:///../s.sqlite"\n[serve]\nlisten = "127.0.0.1:0"\n'
        campaign = planned(tmp_path / "c", toml=toml + more)
        with serving(campaign.folder) as running:
            front.target = running.port
            (finding,) = look_at_one_click(campaign, SystemClock(), context=trusting(authority))
            (again,) = look_at_one_click(campaign, SystemClock(), context=trusting(authority))
    for one in (finding, again):
        assert one.level == "ok", one
        assert "GET 200, which changes nothing; POST 200, no redirect, no cookie" in one.evidence


@pytest.mark.parametrize("to", ["", "me@example.com"])
def test_the_test_letter_goes_to_the_sandbox_or_through_the_relay(
    tmp_path: Path, to: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer() as relay:
        toml = TOML.replace("port = 1\n", f"port = {relay.port}\n")
        write(tmp_path, toml=toml + '[dns]\nnameservers = ["127.0.0.1:9"]\ntimeout = "50ms"\n')
        main(["check", str(tmp_path), "--live", "--json", *(["--to", to] if to else [])])
        found = {one["id"]: one for one in json.loads(capfd.readouterr().out)}
        assert found["live-letter"]["level"] == "ok", found["live-letter"]
        assert [letter.recipient for letter in relay.accepted] == ([to] if to else [])
        assert found["live-one-click"]["level"] == "not-checked"


def test_a_test_letter_that_is_refused_fails(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer(Script(on("RCPT", say("554 5.7.1 no")))) as relay:
        toml = TOML.replace("port = 1\n", f"port = {relay.port}\n")
        write(tmp_path, toml=toml + '[dns]\nnameservers = ["127.0.0.1:9"]\ntimeout = "50ms"\n')
        assert main(["check", str(tmp_path), "--live", "--to", "me@example.com", "--json"]) == 1
        found = {one["id"]: one for one in json.loads(capfd.readouterr().out)}
        assert found["live-letter"]["level"] == "fail"
        assert "554" in found["live-letter"]["evidence"]


@pytest.mark.parametrize("options", [["--offline", "--live"], ["--to", "me@example.com"]])
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, options: list[str]) -> None:
    assert main(["check", str(write(tmp_path)), *options]) == 64
