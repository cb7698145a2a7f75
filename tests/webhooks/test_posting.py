"""One POST: to checked addresses only, without redirects, in bounded time."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from campaign.webhooks.posting import HookReply, Poster, PostError, Target
from fakes.certificates import Authority
from fakes.web.hook_server import hook_server
from fakes.web.web_server import web_server


def post(url: str, count: int = 1, **options: object) -> list[HookReply]:
    async def main() -> list[HookReply]:
        poster = Poster(url, **{"allow_private": True, **options})  # type: ignore[arg-type]
        try:
            return [await poster.post({"webhook-id": str(n)}, b"{}") for n in range(count)]
        finally:
            poster.close()

    return asyncio.run(main())


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "0.0.0.0", "[::1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "10.0.0.1", "192.168.1.1", "172.16.0.1",
        "169.254.169.254", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "100.64.0.1",
    ],
)  # fmt: skip
def test_an_address_of_our_own_network_is_not_connected_to(host: str) -> None:
    with hook_server() as server:
        with pytest.raises(PostError, match=r"no public address|not found"):
            post(f"http://{host}:{server.server_port}/", allow_private=False)
        assert server.calls == []


def test_a_request_is_whole_and_connections_are_kept() -> None:
    with hook_server() as server:
        answers = post(server.url + "?key=a%20b", 3)
    assert [answer.is_taken for answer in answers] == [True] * 3
    assert [call.id for call in server.calls] == ["0", "1", "2"]
    assert len({call.connection for call in server.calls}) == 1
    fields = server.calls[0].fields
    assert fields["content-type"] == "application/json"
    assert fields["host"] == f"127.0.0.1:{server.server_port}"


def test_a_redirect_is_not_followed() -> None:
    with hook_server() as inner, hook_server(lambda _: (302, {"Location": inner.url})) as server:
        (answer,) = post(server.url)
        assert answer.status == 302
        assert not answer.is_taken
        assert inner.calls == []


def test_what_asks_for_patience_is_heard() -> None:
    with hook_server(lambda _: (429, {"Retry-After": "120"})) as server:
        (answer,) = post(server.url)
    assert (answer.status, answer.retry_after_s) == (429, 120.0)


def test_a_kept_connection_that_ended_is_replaced() -> None:
    with hook_server(lambda _: (200, {"Connection": "close"})) as server:
        assert len(post(server.url, 3)) == 3
    assert len({call.connection for call in server.calls}) == 3


@contextmanager
def _saying(answer: bytes, *, closes: bool = True) -> Iterator[str]:
    """A server that gives every connection these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.recv(65536)
            connection.sendall(answer)
            held.append(connection)
            if closes:
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
        for each in held:
            each.close()


def test_a_server_that_says_nothing_is_left_after_a_while() -> None:
    with _saying(b"", closes=False) as url, pytest.raises(PostError, match=r"within 0\.2 s"):
        post(url, within_s=0.2)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "before it had answered"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "before it had answered"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000, "longer than 32 KB"),
    ],
)
def test_what_is_no_answer_is_a_sentence(said: bytes, why: str) -> None:
    with _saying(said) as url, pytest.raises(PostError, match=why):
        post(url)


def test_an_answer_in_pieces_and_without_an_end_is_an_answer() -> None:
    chunked = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with _saying(chunked + b"5\r\nhello\r\n", closes=False) as url:
        assert [answer.is_taken for answer in post(url, 2)] == [True, True]


def test_a_certificate_is_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    with web_server(authority.issue("localhost"), answer) as server:
        with pytest.raises(PostError, match="certificate cannot be verified"):
            post(f"https://localhost:{server.port}/")
        assert server.requests == []


def test_a_url_is_read_as_servers_want_it() -> None:
    assert Target.of("https://example.com") == (True, "example.com", 443, "/")
    assert Target.of("https://example.com:8443/a?b=c").authority == "example.com:8443"
    assert Target.of("http://[::1]:80/x").authority == "[::1]"
