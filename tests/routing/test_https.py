"""A policy file is fetched from who can prove to be the domain's, and from nobody else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign.routing.resolver import Resolver
from campaign.routing.tls.https import HttpsFetcher, read_response
from campaign.routing.tls.mta_sts import MOST_BYTES, FetchError
from fakes.certificates import Authority
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, Fault, dns_server
from fakes.web.web_server import WebServer, web_server

HOST = "mta-sts.example.test"
TEXT = b"version: STSv1\r\nmode: enforce\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n8\r\nversion:\r\n6\r\n STSv1\r\n0\r\n\r\n"


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with dns_server() as server:
        server.add(HOST, "A", "127.0.0.1")
        yield server


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def fetch(
    dns: DnsServer, web: WebServer, authority: Authority, *, allow_private: bool = True
) -> str:
    context = ssl.create_default_context(cafile=authority.ca_file)
    fetcher = HttpsFetcher(
        Resolver([dns.address], clock=FakeClock()),
        allow_private=allow_private,
        context=context,
        port=web.port,
    )
    return asyncio.run(fetcher(HOST))


def test_a_policy_file_is_fetched(dns: DnsServer, authority: Authority) -> None:
    with web_server(authority.issue(HOST), OK + b"\r\n" + TEXT) as web:
        assert fetch(dns, web, authority) == TEXT.decode()
    assert web.requests[0].startswith("GET /.well-known/mta-sts.txt HTTP/1.1\r\n")
    assert f"\r\nHost: {HOST}\r\n" in web.requests[0]


@pytest.mark.parametrize(("names", "days"), [(("other.test",), 30), ((HOST,), -1)])
def test_a_certificate_that_proves_nothing_brings_no_policy(
    dns: DnsServer, authority: Authority, names: tuple[str, ...], days: int
) -> None:
    certificate = authority.issue(*names, days=days)
    with (
        web_server(certificate, OK + b"\r\n" + TEXT) as web,
        pytest.raises(FetchError, match="certificate"),
    ):
        fetch(dns, web, authority)
    assert web.requests == []


def test_an_unknown_authority_brings_no_policy(
    dns: DnsServer, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    certificate = Authority(tmp_path / "other").issue(HOST)
    with web_server(certificate, OK + b"\r\n") as web, pytest.raises(FetchError):
        fetch(dns, web, authority)


def test_a_private_web_server_is_not_spoken_to(dns: DnsServer, authority: Authority) -> None:
    with (
        web_server(authority.issue(HOST), OK + b"\r\n") as web,
        pytest.raises(FetchError, match="no public address"),
    ):
        fetch(dns, web, authority, allow_private=False)
    assert web.requests == []


def test_a_policy_host_without_dns_brings_no_policy(dns: DnsServer, authority: Authority) -> None:
    dns.fail("*", "*", Fault.SERVFAIL)
    with web_server(authority.issue(HOST), OK) as web, pytest.raises(FetchError):
        fetch(dns, web, authority)


@pytest.mark.parametrize("size", [2 * MOST_BYTES, 300_000])  # read to the last byte, and in part
def test_an_endless_policy_is_cut_off(dns: DnsServer, authority: Authority, size: int) -> None:
    response = (OK + b"\r\n").ljust(size, b"x")
    with (
        web_server(authority.issue(HOST), response, closes=False) as web,
        pytest.raises(FetchError, match="more than 64 KB"),
    ):
        fetch(dns, web, authority)


def test_chunks_are_put_together() -> None:
    assert read_response(CHUNKED) == "version: STSv1"


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: https://evil.test/\r\n\r\n", "302"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "404"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "text/plain"),
        (OK + b"\r\n" + b"x" * 65_537, "64 KB"),
        (OK + b"Content-Length: 99\r\n\r\nshort", "lacks its last 94 bytes"),
        (CHUNKED.replace(b"\r\n8", b"\r\nZZ"), "no HTTP response"),
        (b"220 mail.example.test ESMTP\r\n", "no HTTP response"),
        (b"", "no HTTP response"),
    ],
)
def test_anything_but_200_and_plain_text_is_no_policy(response: bytes, why: str) -> None:
    with pytest.raises(FetchError, match=why):
        read_response(response)
