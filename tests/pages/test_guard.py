"""Who sees a page, and what its answers carry."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from campaign.pages.events import Bell
from campaign.pages.server import PageServer, until_interrupted


async def _hello(request: Request) -> Response:
    return PlainTextResponse("hello")


@pytest.fixture
def server() -> Iterator[PageServer]:
    bell = Bell()
    made = PageServer(Starlette(routes=[Route("/", _hello)]), bell)
    made.start()
    yield made
    made.stop()


def ask(server: PageServer, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    path = headers.pop("path", "/")
    method = headers.pop("method", "GET")
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def cookie(server: PageServer) -> str:
    key = server.url.partition("key=")[2]
    answer = ask(server, path=f"/?key={key}")
    assert answer.status == 200
    assert "HttpOnly" in answer.getheader("Set-Cookie", "")
    return answer.getheader("Set-Cookie", "").partition(";")[0]


def test_the_printed_address_opens_the_page(server: PageServer) -> None:
    assert ask(server, Cookie=cookie(server)).status == 200


def test_without_the_key_there_is_no_page(server: PageServer) -> None:
    assert ask(server).status == 403
    assert ask(server, path="/?key=guess").status == 403
    assert ask(server, Cookie=f"campaign-{server.port}=guess").status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil:{port}"])
def test_a_name_that_was_rebound_to_this_machine_is_refused(server: PageServer, host: str) -> None:
    held = cookie(server)
    assert ask(server, Cookie=held, Host=host.format(port=server.port)).status == 403


def test_another_site_cannot_ask_on_the_users_behalf(server: PageServer) -> None:
    held = cookie(server)
    assert ask(server, Cookie=held, Sec_Fetch_Site="cross-site").status == 403
    assert ask(server, Cookie=held, Sec_Fetch_Site="same-origin").status == 200


def test_an_address_with_the_key_leads_to_our_own_page_and_nowhere_else(
    server: PageServer,
) -> None:
    key = server.url.partition("key=")[2]
    answer = ask(server, path=f"//evil.example/?key={key}")
    assert answer.getheader("Location") is None
    assert answer.status == 200


def test_the_browser_is_started_with_a_file_and_not_with_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = PageServer(Starlette(routes=[Route("/", _hello)]), Bell())
    opened: list[str] = []

    def open_(url: str) -> bool:
        file = Path(url.removeprefix("file://"))
        opened.append(url)
        assert server.url in file.read_text(encoding="utf-8")
        assert file.parent.stat().st_mode & 0o077 == 0
        signal.raise_signal(signal.SIGINT)
        return True

    monkeypatch.setattr("webbrowser.open", open_)
    until_interrupted(server, what="Page", open_browser=True)
    assert opened
    assert "key" not in opened[0]
    assert not Path(opened[0].removeprefix("file://")).exists()


def test_pages_are_to_look_at_only(server: PageServer) -> None:
    assert ask(server, method="POST", Cookie=cookie(server)).status == 405


def test_every_answer_forbids_what_the_page_does_not_bring(server: PageServer) -> None:
    answer = ask(server, Cookie=cookie(server))
    policy = answer.getheader("Content-Security-Policy", "")
    assert policy.startswith("default-src 'none'; script-src 'nonce-")
    assert "unsafe" not in policy
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert answer.getheader("X-DNS-Prefetch-Control") == "off"
    again = ask(server, Cookie=cookie(server)).getheader("Content-Security-Policy", "")
    assert policy != again


def test_it_listens_on_loopback_only(server: PageServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")
