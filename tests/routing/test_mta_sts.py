"""MTA-STS policies: read, kept, and never taken away by who only blocks a fetch (RFC 8461)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from campaign.routing.resolver import Resolver
from campaign.routing.tls.mta_sts import (
    FetchError,
    Mode,
    Policies,
    Policy,
    read_policy,
    read_record,
)
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, Fault, dns_server

POLICY = (
    "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.test\r\nmx: *.mail.test\r\nmax_age: {}\r\n"
)
WEEK_S = 604_800


class PolicyHost:
    """Stands where the HTTPS fetcher does; says what it is told to."""

    def __init__(self, text: str) -> None:
        self.text = text  # "" fails
        self.fetched: list[str] = []

    async def __call__(self, host: str) -> str:
        self.fetched.append(host)
        if not self.text:
            raise FetchError("the web server says 404, not 200")
        return self.text


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        server.add("_mta-sts.example.test", "TXT", '"v=STSv1; id=1"')
        yield server


def policies_of(server: DnsServer, host: PolicyHost, clock: FakeClock) -> Policies:
    return Policies(Resolver([server.address], clock=clock), host, clock)


def test_a_policy_is_fetched_once_and_kept(server: DnsServer) -> None:
    host, clock = PolicyHost(POLICY.format(WEEK_S)), FakeClock()

    async def ask() -> list[Policy | None]:
        policies = policies_of(server, host, clock)
        return list(await asyncio.gather(*(policies.policy_of("example.test") for _ in range(9))))

    found = asyncio.run(ask())
    assert found == [Policy(Mode.ENFORCE, ("mx1.example.test", "*.mail.test"), WEEK_S)] * 9
    assert host.fetched == ["mta-sts.example.test"]


def test_a_domain_that_announces_none_is_not_asked_for_one(server: DnsServer) -> None:
    host = PolicyHost(POLICY.format(WEEK_S))
    policies = policies_of(server, host, FakeClock())
    assert asyncio.run(policies.policy_of("other.test")) is None
    assert host.fetched == []


@pytest.mark.parametrize("loss", ["404", "no record", "dns down", "other text"])
def test_a_kept_policy_holds_until_its_max_age_whatever_is_gone(
    server: DnsServer, loss: str
) -> None:
    host, clock = PolicyHost(POLICY.format(WEEK_S)), FakeClock()

    async def ask_over_time() -> list[bool]:
        policies = policies_of(server, host, clock)
        found = [await policies.policy_of("example.test") is not None]
        server.add("_mta-sts.example.test", "TXT", '"v=STSv1; id=2"')  # a newer one is announced
        host.text = "hello" if loss == "other text" else ""
        if loss == "no record":
            server.fail("_mta-sts.example.test", "TXT", Fault.NXDOMAIN)
        if loss == "dns down":
            server.fail("*", "*", Fault.SERVFAIL)
        for wait_s in (86_400, WEEK_S - 86_401, 2):
            clock.sleep(wait_s)
            found.append(await policies.policy_of("example.test") is not None)
        return found

    assert asyncio.run(ask_over_time()) == [True, True, True, False]


def test_a_new_id_brings_the_new_policy(server: DnsServer) -> None:
    host, clock = PolicyHost(POLICY.format(WEEK_S)), FakeClock()

    async def ask() -> Policy | None:
        policies = policies_of(server, host, clock)
        await policies.policy_of("example.test")
        server.add("_mta-sts.example.test", "TXT", '"v=STSv1; id=2"')
        host.text = POLICY.format(WEEK_S).replace("enforce", "testing")
        clock.sleep(301)
        return await policies.policy_of("example.test")

    found = asyncio.run(ask())
    assert found is not None
    assert found.mode is Mode.TESTING


def test_a_failed_fetch_is_tried_again_after_five_minutes(server: DnsServer) -> None:
    host, clock = PolicyHost(""), FakeClock()

    async def ask_over_time() -> tuple[list[int], str]:
        policies = policies_of(server, host, clock)
        fetched = []
        for wait_s in (0, 299, 2):
            clock.sleep(wait_s)
            assert await policies.policy_of("example.test") is None
            fetched.append(len(host.fetched))
        return fetched, await policies.trouble_of("example.test")

    assert asyncio.run(ask_over_time()) == ([1, 1, 2], "the web server says 404, not 200")


@pytest.mark.parametrize(
    ("pattern", "host", "is_allowed"),
    [
        ("mx.example.com", "mx.example.com", True),
        ("mx.example.com", "MX.Example.Com", True),
        ("*.example.com", "mx.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "example.com", False),
        ("mx.example.com", "mx.example.com.evil.test", False),
    ],
)
def test_a_wildcard_stands_for_exactly_one_label(pattern: str, host: str, is_allowed: bool) -> None:
    assert Policy(Mode.ENFORCE, (pattern,), 1.0).allows(host) is is_allowed


@pytest.mark.parametrize(
    ("texts", "identity"),
    [
        (("v=STSv1; id=20160831085700Z;",), "20160831085700Z"),
        (("v=spf1 -all", "v=STSv1;id=1"), "1"),
        (("v=STSv1; id=1", "v=STSv1; id=2"), ""),
        (("v=STSv1;",), ""),
        (("v=STSv1; id=not-alphanumeric",), ""),
        (("v=STSv12; id=1",), ""),
        ((), ""),
    ],
)
def test_the_record_announces_a_policy_only_in_its_one_form(
    texts: tuple[str, ...], identity: str
) -> None:
    assert read_record(texts) == identity


def test_an_unknown_key_and_a_repeated_one_do_no_harm() -> None:
    found = read_policy(
        "version: STSv1\nmode: testing\nmode: enforce\nnovelty: 1\n"
        "mx: A.Test.\nmax_age: 99999999999\n"
    )
    assert found == Policy(Mode.TESTING, ("a.test",), 31_557_600.0)


def test_mode_none_needs_no_mx() -> None:
    assert read_policy("version: STSv1\nmode: none\nmax_age: 60\n").mode is Mode.NONE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>404</html>",
        "mode: enforce\nmx: a.test\nmax_age: 1\n",
        "version: STSv1\nmode: maybe\nmx: a.test\nmax_age: 1\n",
        "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: -1\n",
        "version: STSv1\nmode: enforce\nmx: a.test\n",
        "version: STSv1\nmode: enforce\nmax_age: 1\n",
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(FetchError):
        read_policy(text)
