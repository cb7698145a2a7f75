"""Block lists, asked of a nameserver of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from campaign.preflight.reputation.block_lists import block_list_findings, zone_of
from campaign.preflight.rules import CheckFinding
from campaign.routing.resolver import Resolver
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, Fault, dns_server

ADDRESS, NAME = "10.2.0.192.zen.list.test", "sender.test.dbl.list.test"


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


def asked(
    server: DnsServer,
    lists: Sequence[str] = ("zen.list.test", "domain:dbl.list.test"),
    addresses: Sequence[str] = ("192.0.2.10",),
    timeout_s: float = 10.0,
) -> list[CheckFinding]:
    resolver = Resolver([server.address], clock=FakeClock(), timeout_s=timeout_s)
    return asyncio.run(block_list_findings(resolver, lists, addresses, ["sender.test"]))


def test_without_a_list_in_the_settings_none_is_asked(server: DnsServer) -> None:
    (finding,) = asked(server, ())
    assert (finding.level, server.asked) == ("not-checked", [])


def test_who_stands_in_no_list_is_well(server: DnsServer) -> None:
    (finding,) = asked(server)
    assert finding.level == "ok"
    assert "192.0.2.10 at zen.list.test, sender.test at dbl.list.test" in finding.evidence


def test_an_entry_is_a_fail_with_the_reason_of_the_list(server: DnsServer) -> None:
    server.add(ADDRESS, "A", "127.0.0.3", "127.0.0.10")
    server.add(ADDRESS, "TXT", '"https://list.test/query/192.0.2.10"')
    server.add(NAME, "A", "127.0.1.2")
    first, second = asked(server)
    assert (first.level, second.level) == ("fail", "fail")
    assert "192.0.2.10 is at zen.list.test (127.0.0.3, 127.0.0.10): https://" in first.evidence
    assert "sender.test is at dbl.list.test (127.0.1.2)" in second.evidence


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("127.255.255.252", "refuses our question"),
        ("127.255.255.254", "refuses our question"),
        ("127.255.255.255", "refuses our question"),
        ("127.0.0.1", "refuses our question"),
        ("127.0.1.255", "refuses our question"),
        ("203.0.113.7", "no entry"),
    ],
)
def test_an_answer_that_is_no_entry_is_never_a_fail(server: DnsServer, code: str, why: str) -> None:
    server.add(ADDRESS, "A", code)
    levels = {finding.level: finding.evidence for finding in asked(server)}
    assert set(levels) == {"ok", "not-checked"}
    assert why in levels["not-checked"]


def test_a_list_that_has_everybody_says_nothing_about_us(server: DnsServer) -> None:
    server.add(ADDRESS, "A", "127.0.0.2")
    server.add("1.0.0.127.zen.list.test", "A", "127.0.0.2")
    assert "fail" not in {finding.level for finding in asked(server)}


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.SILENCE])
def test_a_list_that_does_not_answer_is_not_checked(server: DnsServer, fault: Fault) -> None:
    server.fail("*", "*", fault)
    assert {finding.level for finding in asked(server, timeout_s=0.3)} == {"not-checked"}


def test_addresses_that_only_the_relay_knows_are_not_checked(server: DnsServer) -> None:
    levels = {finding.level: finding.evidence for finding in asked(server, addresses=())}
    assert "zen.list.test: the addresses that the relay sends from" in levels["not-checked"]
    assert "sender.test at dbl.list.test" in levels["ok"]


def test_ipv6_is_asked_by_nibbles(server: DnsServer) -> None:
    server.add(f"1.{'0.' * 23}8.b.d.0.1.0.0.2.zen.list.test", "A", "127.0.0.3")
    assert asked(server, ["zen.list.test"], ["2001:db8::1"])[0].level == "fail"


def test_the_kind_of_a_list_is_known_or_said() -> None:
    assert zone_of("zen.spamhaus.org") == ("zen.spamhaus.org", False)
    assert zone_of("DBL.spamhaus.org.") == ("dbl.spamhaus.org", True)
    assert zone_of("domain:mine.test") == ("mine.test", True)
