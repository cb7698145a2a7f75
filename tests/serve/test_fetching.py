"""What is fetched for a post comes over verified HTTPS, whole, and from nowhere else."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from campaign.serve.providers.fetching import fetch
from fakes.certificates import Authority
from fakes.web.web_server import web_server


def fetched(authority: Authority, response: bytes, target: str = "/a.pem?b=c") -> bytes:
    context = ssl.create_default_context(cafile=authority.ca_file)
    with web_server(authority.issue("localhost"), response) as web:
        return asyncio.run(fetch(f"https://localhost:{web.port}{target}", context))


def test_a_page_is_fetched_with_its_query(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=authority.ca_file)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nPEM"
    with web_server(authority.issue("localhost"), answer) as web:
        assert asyncio.run(fetch(f"https://localhost:{web.port}/a?b=c", context)) == b"PEM"
    assert web.requests[0].startswith("GET /a?b=c HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: https://169.254.169.254/\r\n\r\n", "says 302"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "says 404"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 70_000, "more than 64 KB"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "lacks its end"),
        (b"nonsense\r\n\r\n", "BadStatusLine"),
    ],
)
def test_anything_but_a_whole_200_is_an_error(tmp_path: Path, response: bytes, said: str) -> None:
    with pytest.raises(OSError, match=said):
        fetched(Authority(tmp_path), response)


def test_a_certificate_of_somebody_else_is_an_error(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with (
        web_server(authority.issue("localhost"), b"") as web,
        pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        asyncio.run(fetch(f"https://localhost:{web.port}/"))


@pytest.mark.parametrize("url", ["http://localhost/", "https:///x", "ftp://localhost/"])
def test_what_is_not_https_is_not_fetched(url: str) -> None:
    with pytest.raises(OSError, match="not https"):
        asyncio.run(fetch(url))
