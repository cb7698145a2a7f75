"""The mail servers of a domain, whatever strangers write into the DNS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random

import pytest

from campaign.routing.answers import DnsError, MxRecord
from campaign.routing.destinations import Undeliverable
from campaign.routing.mx import (
    Addresses,
    Exchanges,
    ahead_of,
    find_addresses,
    find_exchanges,
    in_order,
)
from campaign.routing.resolver import Resolver
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, Fault, dns_server


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


def exchanges_of(
    server: DnsServer, domain: str, *, allow_private: bool = False
) -> Exchanges | Undeliverable:
    resolver = Resolver([server.address], clock=FakeClock())
    return asyncio.run(find_exchanges(resolver, domain, allow_private=allow_private))


def addresses_of(server: DnsServer, host: str, **how: bool) -> Addresses:
    resolver = Resolver([server.address], clock=FakeClock())
    return asyncio.run(find_addresses(resolver, host, **how))


def test_the_lower_preference_comes_first(server: DnsServer) -> None:
    server.add("example.test", "MX", "30 c.test.", "10 a.test.", "20 b.test.")
    found = exchanges_of(server, "example.test")
    assert isinstance(found, Exchanges)
    assert [record.exchange for record in found.hosts] == ["a.test", "b.test", "c.test"]
    assert not found.is_implicit


def test_equal_preferences_come_in_random_order_within_their_place() -> None:
    records = [MxRecord(10, "a"), MxRecord(20, "b"), MxRecord(20, "c"), MxRecord(30, "d")]
    seen = {
        "".join(record.exchange for record in in_order(records, Random(seed))) for seed in range(40)
    }
    assert seen == {"abcd", "acbd"}


def test_a_domain_without_mx_takes_mail_at_its_own_address(server: DnsServer) -> None:
    server.add("example.test", "A", "1.2.3.4")
    found = exchanges_of(server, "example.test")
    assert isinstance(found, Exchanges)
    assert found.is_implicit
    assert found.hosts == (MxRecord(0, "example.test"),)


def test_a_null_mx_takes_no_mail(server: DnsServer) -> None:
    server.add("example.test", "MX", "0 .")
    found = exchanges_of(server, "example.test")
    assert isinstance(found, Undeliverable)
    assert (found.code, found.enhanced, found.is_permanent) == (556, "5.1.10", True)


def test_a_null_mx_beside_a_host_is_ignored(server: DnsServer) -> None:
    server.add("example.test", "MX", "0 .", "10 mx.example.test.")
    found = exchanges_of(server, "example.test")
    assert isinstance(found, Exchanges)
    assert found.hosts == (MxRecord(10, "mx.example.test"),)


def test_a_domain_that_does_not_exist_is_said_so(server: DnsServer) -> None:
    found = exchanges_of(server, "nowhere.test")
    assert isinstance(found, Undeliverable)
    assert (found.code, found.enhanced) == (550, "5.1.2")


@pytest.mark.parametrize(
    "name",
    ["192.0.2.1.", "127.0.0.1.", "localhost.", "mail.localhost.", r"a\032b.test.", "*.test."],
)
def test_an_mx_that_is_no_public_host_is_refused(server: DnsServer, name: str) -> None:
    server.add("example.test", "MX", f"10 {name}")
    found = exchanges_of(server, "example.test")
    assert isinstance(found, Undeliverable)
    assert (found.code, found.enhanced) == (550, "5.4.4")


def test_an_mx_that_is_no_host_leaves_the_others(server: DnsServer) -> None:
    server.add("example.test", "MX", "10 192.0.2.1.", "20 mx.example.test.")
    found = exchanges_of(server, "example.test")
    assert isinstance(found, Exchanges)
    assert found.hosts == (MxRecord(20, "mx.example.test"),)
    assert found.refused == ("192.0.2.1",)


def test_an_mx_that_is_an_address_is_taken_where_private_ones_are_allowed(
    server: DnsServer,
) -> None:
    server.add("example.test", "MX", "10 127.0.0.1.")
    found = exchanges_of(server, "example.test", allow_private=True)
    assert isinstance(found, Exchanges)
    assert addresses_of(server, found.hosts[0].exchange).usable == ("127.0.0.1",)


def test_two_hundred_mx_are_as_many_as_we_look_at(server: DnsServer) -> None:
    server.add("example.test", "MX", *(f"{n} mx{n}.test." for n in range(300)))
    server.fail("example.test", "MX", Fault.TRUNCATED)
    found = exchanges_of(server, "example.test")
    assert isinstance(found, Exchanges)
    assert len(found.hosts) == 200


def test_fifty_addresses_of_a_family_are_as_many_as_we_look_at(server: DnsServer) -> None:
    server.add("mx.test", "A", *(f"1.2.3.{n}" for n in range(80)))
    server.fail("mx.test", "A", Fault.TRUNCATED)
    assert len(addresses_of(server, "mx.test").usable) == 50


def test_families_take_turns_with_ipv6_first(server: DnsServer) -> None:
    server.add("mx.test", "A", "1.2.3.4", "1.2.3.5")
    server.add("mx.test", "AAAA", "2a00::1")
    usable = addresses_of(server, "mx.test").usable
    assert [":" in address for address in usable] == [True, False, False]


def test_without_ipv6_nobody_asks_for_it(server: DnsServer) -> None:
    server.add("mx.test", "A", "1.2.3.4")
    server.add("mx.test", "AAAA", "2a00::1")
    assert addresses_of(server, "mx.test", ipv6=False).usable == ("1.2.3.4",)
    assert server.asked == [("mx.test", "A")]


def test_an_mx_that_is_an_alias_is_followed(server: DnsServer) -> None:
    server.add("mx.test", "CNAME", "real.test.")
    server.add("real.test", "A", "1.2.3.4")
    found = addresses_of(server, "mx.test")
    assert (found.usable, found.canonical) == (("1.2.3.4",), "real.test")


def test_private_addresses_are_refused_unless_allowed(server: DnsServer) -> None:
    server.add("mx.test", "A", "10.0.0.8", "1.2.3.4", "127.0.0.1")
    found = addresses_of(server, "mx.test")
    assert found.usable == ("1.2.3.4",)
    assert set(found.refused) == {"10.0.0.8", "127.0.0.1"}
    assert len(addresses_of(server, "mx.test", allow_private=True).usable) == 3


def test_one_family_that_fails_leaves_the_other(server: DnsServer) -> None:
    server.add("mx.test", "A", "1.2.3.4")
    server.fail("mx.test", "AAAA", Fault.SERVFAIL)
    assert addresses_of(server, "mx.test").usable == ("1.2.3.4",)


def test_one_family_that_fails_with_nothing_in_the_other_is_no_knowledge(
    server: DnsServer,
) -> None:
    server.add("mx.test", "TXT", "exists")
    server.fail("mx.test", "A", Fault.SERVFAIL)
    with pytest.raises(DnsError):
        addresses_of(server, "mx.test")


def test_we_never_send_to_ourselves_or_to_who_is_less_preferred() -> None:
    records = [MxRecord(10, "a"), MxRecord(20, "us"), MxRecord(20, "b"), MxRecord(30, "c")]
    assert ahead_of(records, frozenset({"us"})) == [MxRecord(10, "a")]
    assert ahead_of(records, frozenset()) == records
