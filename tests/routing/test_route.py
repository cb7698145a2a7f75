"""The way to a domain; what is permanent, what is not, and when nothing at all is known."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from campaign.routing.answers import TlsaRecord
from campaign.routing.destinations import Host, Route, TlsNeed, Undeliverable
from campaign.routing.resolver import Resolver
from campaign.routing.route import Router, share_out
from campaign.routing.tls.mta_sts import FetchError, Policies
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, Fault, dns_server


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


def router_for(
    server: DnsServer, clock: FakeClock | None = None, *, policy: str = "", **how: Any
) -> Router:
    clock = clock or FakeClock()
    resolver = Resolver([server.address], clock=clock, timeout_s=0.1 if server.is_mute else 5.0)

    async def fetch(_host: str) -> str:
        if not policy:
            raise FetchError("none")
        return policy

    policies = Policies(resolver, fetch, clock)
    return Router(resolver, clock=clock, random=Random(1), policies=policies, **how)


def find(server: DnsServer, domain: str, **how: Any) -> Route | Undeliverable:
    return asyncio.run(router_for(server, **how).route(domain))


def route_of(server: DnsServer, domain: str, **how: Any) -> Route:
    found = find(server, domain, **how)
    assert isinstance(found, Route), found
    return found


def trouble_of(server: DnsServer, domain: str, **how: Any) -> Undeliverable:
    found = find(server, domain, **how)
    assert isinstance(found, Undeliverable), found
    return found


def add_domain(server: DnsServer, domain: str, *exchanges: tuple[int, str, str]) -> None:
    """A domain with (preference, host, address) each."""
    server.add(domain, "MX", *(f"{preference} {host}." for preference, host, _ in exchanges))
    for _, host, address in exchanges:
        server.add(host, "A", address)


def test_a_domain_leads_to_its_hosts_in_order(server: DnsServer) -> None:
    add_domain(server, "example.test", (20, "mx2.test", "1.2.3.2"), (10, "mx1.test", "1.2.3.1"))
    route = route_of(server, "example.test")
    assert route.hosts == (
        Host("mx1.test", 10, ("1.2.3.1",)),
        Host("mx2.test", 20, ("1.2.3.2",)),
    )
    assert (route.site, route.provider) == ("(mx1|mx2).test", "(mx1|mx2).test")


def test_domains_that_share_their_mx_share_a_site(server: DnsServer) -> None:
    for domain, first, second in (("a.test", 10, 20), ("b.test", 5, 5)):
        server.add(domain, "MX", f"{first} mx1.test.", f"{second} mx2.test.")
    server.add("mx1.test", "A", "1.2.3.1")
    server.add("mx2.test", "A", "1.2.3.2")
    assert route_of(server, "a.test").site == route_of(server, "b.test").site


def test_a_hosted_domain_belongs_to_its_provider(server: DnsServer) -> None:
    add_domain(server, "workspace.test", (1, "aspmx.l.google.com", "1.2.3.1"))
    add_domain(server, "gmail.test", (1, "gmail-smtp-in.l.google.com", "1.2.3.2"))
    workspace, gmail = (route_of(server, name) for name in ("workspace.test", "gmail.test"))
    assert workspace.provider == gmail.provider == "google"
    assert workspace.site != gmail.site
    assert (workspace.connections, workspace.messages_per_connection) == (5, 50)
    assert workspace.hosts[0].tls == TlsNeed(is_required=True)


def test_customers_of_a_filter_are_governed_each_by_themselves(server: DnsServer) -> None:
    add_domain(server, "a.test", (1, "mx1.a.iphmx.com", "1.2.3.1"))
    assert route_of(server, "a.test").provider == "mx1.a.iphmx.com"


def test_a_domain_without_mx_leads_to_its_own_address(server: DnsServer) -> None:
    server.add("example.test", "A", "1.2.3.4")
    assert route_of(server, "example.test").hosts == (Host("example.test", 0, ("1.2.3.4",)),)


def test_nxdomain_is_permanent(server: DnsServer) -> None:
    trouble = trouble_of(server, "nowhere.test")
    assert (trouble.code, trouble.enhanced, trouble.is_permanent) == (550, "5.1.2", True)
    assert trouble.reply.enhanced == "5.1.2"
    assert str(trouble.reply) == "550 5.1.2 there is no domain nowhere.test"


def test_neither_mx_nor_address_is_permanent(server: DnsServer) -> None:
    server.add("example.test", "TXT", "exists")
    trouble = trouble_of(server, "example.test")
    assert (trouble.code, trouble.enhanced) == (550, "5.1.2")


def test_null_mx_is_permanent(server: DnsServer) -> None:
    server.add("example.test", "MX", "0 .")
    trouble = trouble_of(server, "example.test")
    assert (trouble.code, trouble.enhanced) == (556, "5.1.10")


def test_mx_without_any_address_is_permanent(server: DnsServer) -> None:
    server.add("example.test", "MX", "10 gone.test.", "20 gone2.test.")
    trouble = trouble_of(server, "example.test")
    assert (trouble.code, trouble.enhanced) == (550, "5.4.4")


@pytest.mark.parametrize(
    "fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.SILENCE, Fault.GARBAGE, Fault.REFERRAL]
)
@pytest.mark.parametrize("kind", ["MX", "A"])
def test_a_failed_look_up_is_never_permanent(server: DnsServer, fault: Fault, kind: str) -> None:
    server.fail("example.test", kind, fault)
    server.add("example.test", "TXT", "exists")
    trouble = trouble_of(server, "example.test")
    assert (trouble.code, trouble.enhanced, trouble.is_permanent) == (451, "4.4.3", False)
    assert not trouble.is_resolver_down


def test_a_host_that_cannot_be_looked_up_is_never_permanent(server: DnsServer) -> None:
    server.add("example.test", "MX", "10 gone.test.", "20 broken.test.")
    server.fail("broken.test", "*", Fault.SERVFAIL)
    assert trouble_of(server, "example.test").code == 451


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.SILENCE])
def test_a_resolver_that_is_down_is_told_from_a_domain_that_is_broken(
    server: DnsServer, fault: Fault
) -> None:
    server.fail("*", "*", fault)

    async def ask() -> tuple[bool, bool, Route | Undeliverable]:
        router = router_for(server)
        found = await router.route("example.test")
        assert isinstance(found, Undeliverable)
        was_up = await router.is_up()
        server.mend()
        add_domain(server, "example.test", (10, "mx.test", "1.2.3.4"))
        return found.is_resolver_down, was_up, await router.route("example.test")

    was_down, was_up, after = asyncio.run(ask())
    assert (was_down, was_up) == (True, False)
    assert isinstance(after, Route)


def test_a_first_mx_that_cannot_be_looked_up_leaves_the_second(server: DnsServer) -> None:
    server.add("example.test", "MX", "10 broken.test.", "20 mx.test.")
    server.add("mx.test", "A", "1.2.3.4")
    server.fail("broken.test", "*", Fault.SERVFAIL)
    assert [host.name for host in route_of(server, "example.test").hosts] == ["mx.test"]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "0.0.0.0"])
def test_mail_servers_at_private_addresses_are_refused(server: DnsServer, address: str) -> None:
    add_domain(server, "example.test", (10, "mx.test", address))
    trouble = trouble_of(server, "example.test")
    assert (trouble.code, trouble.enhanced) == (550, "5.4.4")
    assert address in trouble.text
    assert route_of(server, "example.test", allow_private=True).hosts[0].addresses == (address,)


def test_two_hundred_mx_of_fifty_addresses_make_a_route_of_five(server: DnsServer) -> None:
    server.add("example.test", "MX", *(f"10 mx{n}.test." for n in range(200)))
    server.fail("example.test", "MX", Fault.TRUNCATED)
    for n in range(200):
        server.add(f"mx{n}.test", "A", *(f"1.2.{n}.{m}" for m in range(50)))
    route = route_of(server, "example.test")
    assert sum(len(host.addresses) for host in route.hosts) == 5
    assert len(server.asked) < 20


def test_a_hundred_dead_mx_are_not_all_asked_for_nor_called_permanent(server: DnsServer) -> None:
    server.add("example.test", "MX", *(f"10 mx{n}.test." for n in range(100)))
    server.fail("example.test", "MX", Fault.TRUNCATED)
    assert trouble_of(server, "example.test").code == 451
    assert len({name for name, _ in server.asked}) < 30


def test_we_do_not_send_to_ourselves(server: DnsServer) -> None:
    add_domain(server, "example.test", (10, "us.test", "1.2.3.1"), (20, "mx2.test", "1.2.3.2"))
    trouble = trouble_of(server, "example.test", own_names=["US.test"])
    assert (trouble.code, trouble.enhanced) == (550, "5.4.6")


def test_a_policy_that_is_enforced_needs_verified_tls_and_its_hosts_alone(
    server: DnsServer,
) -> None:
    add_domain(server, "example.test", (10, "evil.test", "1.2.3.1"), (20, "mx.test", "1.2.3.2"))
    server.add("_mta-sts.example.test", "TXT", '"v=STSv1; id=1"')
    text = "version: STSv1\nmode: enforce\nmx: mx.test\nmax_age: 86400\n"
    route = route_of(server, "example.test", policy=text)
    assert route.hosts == (Host("mx.test", 20, ("1.2.3.2",), TlsNeed(True, True)),)
    assert route.site == "mx.test (verified)"


def test_a_policy_that_names_none_of_the_mx_makes_mail_wait(server: DnsServer) -> None:
    add_domain(server, "example.test", (10, "evil.test", "1.2.3.1"))
    server.add("_mta-sts.example.test", "TXT", '"v=STSv1; id=1"')
    text = "version: STSv1\nmode: {}\nmx: mx.test\nmax_age: 86400\n"
    trouble = trouble_of(server, "example.test", policy=text.format("enforce"))
    assert (trouble.code, trouble.enhanced) == (451, "4.7.5")
    tested = route_of(server, "example.test", policy=text.format("testing"))
    assert tested.hosts[0].tls == TlsNeed()


def test_dane_is_needed_of_the_host_that_publishes_it(server: DnsServer) -> None:
    digest = hashlib.sha256(b"key").digest()
    server.add("example.test", "MX", "10 signed.test.", "20 plain.test.", secure=True)
    server.add("signed.test", "A", "1.2.3.1", secure=True)
    server.add("signed.test", "AAAA", "2a00::1", secure=True)
    server.add("_25._tcp.signed.test", "TLSA", f"3 1 1 {digest.hex()}", secure=True)
    server.add("plain.test", "A", "1.2.3.2")
    signed, plain = route_of(server, "example.test").hosts
    assert signed.tls == TlsNeed(True, False, (TlsaRecord(3, 1, 1, digest),))
    assert plain.tls == TlsNeed()


def test_a_route_is_kept_and_then_made_anew(server: DnsServer) -> None:
    add_domain(server, "example.test", (10, "mx.test", "1.2.3.4"))
    clock = FakeClock()

    async def ask_over_time() -> list[bool]:
        router = router_for(server, clock)
        first = await router.route("example.test")
        same = []
        for wait_s in (0, 299, 2):
            clock.sleep(wait_s)
            same.append(await router.route("example.test") is first)
        assert router.known("example.test") is not None
        assert router.known("other.test") is None
        return same

    assert asyncio.run(ask_over_time()) == [True, True, False]


def hosts_with(*addresses: tuple[str, ...]) -> list[Host]:
    return [Host(f"mx{n}", 10, some) for n, some in enumerate(addresses)]


@pytest.mark.parametrize(
    ("hosts", "shares"),
    [
        ([("6a", "4a")], [2]),
        ([tuple("abcdefgh")], [5]),
        ([("6a", "4a"), ("6b", "4b"), ("6c", "4c")], [2, 2, 1]),
        ([tuple("abcdefgh"), ("x",)], [4, 1]),
        ([("a",), ("b",), ("c",), ("d",), ("e",), ("f",)], [1, 1, 1, 1, 1]),
    ],
)
def test_five_addresses_are_shared_out_by_pairs(
    hosts: list[tuple[str, ...]], shares: list[int]
) -> None:
    assert [len(host.addresses) for host in share_out(hosts_with(*hosts))] == shares
