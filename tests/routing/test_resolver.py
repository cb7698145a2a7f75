"""Questions to the DNS: what is knowledge, what is none, and for how long it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from campaign.errors import ConfigError
from campaign.routing.answers import DnsError, MxRecord, Status
from campaign.routing.resolver import Nameserver, Resolver, read_nameserver
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, Fault, dns_server

PATIENCE_S = 0.1  # for a nameserver that never answers


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


def resolver_for(*servers: DnsServer, clock: FakeClock | None = None) -> Resolver:
    return Resolver(
        [server.address for server in servers],
        clock=clock or FakeClock(),
        timeout_s=PATIENCE_S if any(server.is_mute for server in servers) else 5.0,
    )


def test_mx_records_come_with_preference_and_name(server: DnsServer) -> None:
    server.add("example.test", "MX", "20 MX2.example.test.", "10 mx1.example.test.")
    answer = asyncio.run(resolver_for(server).mx("example.test"))
    assert answer.status is Status.FOUND
    assert set(answer.records) == {
        MxRecord(10, "mx1.example.test"),
        MxRecord(20, "mx2.example.test"),
    }


def test_a_name_without_records_of_the_type_is_no_data(server: DnsServer) -> None:
    server.add("example.test", "A", "192.0.2.1")
    assert asyncio.run(resolver_for(server).mx("example.test")).status is Status.NO_DATA


def test_no_such_name_is_asked_twice_of_the_only_nameserver(server: DnsServer) -> None:
    answer = asyncio.run(resolver_for(server).mx("nowhere.test"))
    assert answer.status is Status.NO_NAME
    assert server.asked == [("nowhere.test", "MX")] * 2


def test_no_such_name_is_taken_back_when_the_second_nameserver_has_it(server: DnsServer) -> None:
    with dns_server() as other:
        other.add("example.test", "MX", "10 mx.example.test.")
        answer = asyncio.run(resolver_for(server, other).mx("example.test"))
    assert answer.records == (MxRecord(10, "mx.example.test"),)


def test_no_such_name_by_one_nameserver_alone_is_no_knowledge(server: DnsServer) -> None:
    with dns_server() as other:
        other.fail("*", "*", Fault.SERVFAIL)
        with pytest.raises(DnsError, match="only one nameserver") as caught:
            asyncio.run(resolver_for(server, other).mx("nowhere.test"))
    assert not caught.value.is_resolver_down


def test_two_nameservers_that_agree_are_believed(server: DnsServer) -> None:
    with dns_server() as other:
        answer = asyncio.run(resolver_for(server, other).mx("nowhere.test"))
        assert other.asked == [("nowhere.test", "MX")]
    assert answer.status is Status.NO_NAME


def test_a_policy_record_that_is_not_there_needs_no_second_opinion(server: DnsServer) -> None:
    answer = asyncio.run(resolver_for(server).texts("_mta-sts.nowhere.test"))
    assert answer.status is Status.NO_NAME
    assert len(server.asked) == 1


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.REFERRAL])
def test_a_fault_of_the_first_nameserver_sends_us_to_the_second(
    server: DnsServer, fault: Fault
) -> None:
    server.fail("*", "*", fault)
    with dns_server() as other:
        other.add("example.test", "MX", "10 mx.example.test.")
        answer = asyncio.run(resolver_for(server, other).mx("example.test"))
    assert answer.status is Status.FOUND


@pytest.mark.parametrize(
    "fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.REFERRAL, Fault.SILENCE, Fault.GARBAGE]
)
def test_a_fault_of_every_nameserver_is_no_knowledge(server: DnsServer, fault: Fault) -> None:
    server.add("example.test", "MX", "10 mx.example.test.")
    server.fail("example.test", "MX", fault)
    with pytest.raises(DnsError, match=r"MX of example\.test") as caught:
        asyncio.run(resolver_for(server).mx("example.test"))
    assert not caught.value.is_resolver_down


def test_a_question_is_repeated_when_the_first_was_lost(server: DnsServer) -> None:
    server.add("example.test", "A", "192.0.2.1")
    server.fail("example.test", "A", Fault.SILENCE, Fault.LATE)
    resolver = Resolver([server.address], clock=FakeClock(), timeout_s=1.0)
    answer = asyncio.run(resolver.addresses("example.test", ipv6=False))
    assert answer.records == ("192.0.2.1",)


def test_an_answer_too_long_for_udp_comes_over_tcp(server: DnsServer) -> None:
    server.add("example.test", "MX", *(f"10 mx{n}.example.test." for n in range(200)))
    server.fail("example.test", "MX", Fault.TRUNCATED)
    answer = asyncio.run(resolver_for(server).mx("example.test"))
    assert len(answer.records) == 200
    assert server.asked == [("example.test", "MX"), ("example.test", "MX/tcp")]


def test_a_truncated_answer_with_tcp_blocked_is_no_knowledge() -> None:
    with dns_server(tcp=False) as server:
        server.fail("example.test", "MX", Fault.TRUNCATED)
        with pytest.raises(DnsError) as caught:
            asyncio.run(resolver_for(server).mx("example.test"))
    assert not caught.value.is_resolver_down


@pytest.mark.parametrize("fault", [Fault.SILENCE, Fault.REFUSED, Fault.SERVFAIL])
def test_the_resolver_is_down_when_it_does_not_even_know_the_root(
    server: DnsServer, fault: Fault
) -> None:
    server.fail("*", "*", fault)

    async def ask_then_mend() -> tuple[bool, bool]:
        resolver = resolver_for(server)
        with pytest.raises(DnsError) as caught:
            await resolver.mx("example.test")
        server.mend()
        return caught.value.is_resolver_down, await resolver.is_up()

    assert asyncio.run(ask_then_mend()) == (True, True)


def test_a_resolver_that_hides_the_root_is_up_while_it_knows_what_it_knew(
    server: DnsServer,
) -> None:
    server.add("known.test", "A", "192.0.2.1")
    server.fail(".", "*", Fault.REFUSED)
    server.fail("broken.test", "*", Fault.SERVFAIL)

    async def ask() -> bool:
        resolver = resolver_for(server)
        await resolver.addresses("known.test", ipv6=False)
        with pytest.raises(DnsError) as caught:
            await resolver.mx("broken.test")
        return caught.value.is_resolver_down

    assert asyncio.run(ask()) is False


def test_an_answer_is_kept_for_its_ttl(server: DnsServer) -> None:
    server.add("example.test", "A", "192.0.2.1", ttl=60)
    clock = FakeClock()

    async def ask_over_time() -> list[int]:
        resolver = resolver_for(server, clock=clock)
        asked = []
        for wait_s in (0, 59, 2):
            clock.sleep(wait_s)
            await resolver.addresses("example.test", ipv6=False)
            asked.append(len(server.asked))
        return asked

    assert asyncio.run(ask_over_time()) == [1, 1, 2]


@pytest.mark.parametrize(("ttl", "kept_s"), [(0, 30), (315_360_000, 86_400)])
def test_a_ttl_is_held_between_half_a_minute_and_a_day(
    server: DnsServer, ttl: int, kept_s: float
) -> None:
    server.add("example.test", "MX", "10 mx.example.test.", ttl=ttl)
    assert asyncio.run(resolver_for(server).mx("example.test")).ttl_s == kept_s


def test_a_failure_is_not_asked_again_at_once(server: DnsServer) -> None:
    server.fail("broken.test", "MX", Fault.SERVFAIL)
    clock = FakeClock()

    async def ask_over_time() -> list[int]:
        resolver = resolver_for(server, clock=clock)
        asked = []
        for wait_s in (0, 29, 2):
            clock.sleep(wait_s)
            with pytest.raises(DnsError):
                await resolver.mx("broken.test")
            asked.append(server.asked.count(("broken.test", "MX")))
        return asked

    assert asyncio.run(ask_over_time()) == [2, 2, 4]


def test_everybody_who_asks_at_the_same_time_waits_for_one_question(server: DnsServer) -> None:
    server.add("example.test", "A", "192.0.2.1")
    server.fail("example.test", "A", Fault.LATE)

    async def ask_together() -> None:
        resolver = resolver_for(server)
        await asyncio.gather(*(resolver.addresses("example.test", ipv6=False) for _ in range(50)))

    asyncio.run(ask_together())
    assert server.asked == [("example.test", "A")]


@pytest.mark.parametrize("faults", [(), (Fault.SHORT_CHAIN,)])
def test_aliases_are_followed_to_the_name_that_owns_the_records(
    server: DnsServer, faults: tuple[Fault, ...]
) -> None:
    server.add("a.test", "CNAME", "b.test.", ttl=40)
    server.add("b.test", "CNAME", "c.test.")
    server.add("c.test", "A", "192.0.2.3")
    if faults:
        server.fail("*", "*", *faults)
    answer = asyncio.run(resolver_for(server).addresses("a.test", ipv6=False))
    assert (answer.records, answer.canonical, answer.ttl_s) == (("192.0.2.3",), "c.test", 40.0)


@pytest.mark.parametrize("faults", [(), (Fault.SHORT_CHAIN,)])
def test_aliases_that_go_round_are_no_knowledge(
    server: DnsServer, faults: tuple[Fault, ...]
) -> None:
    server.add("a.test", "CNAME", "b.test.")
    server.add("b.test", "CNAME", "a.test.")
    for name in ("a.test", "b.test"):
        if faults:
            server.fail(name, "*", *faults)
    with pytest.raises(DnsError):
        asyncio.run(resolver_for(server).addresses("a.test", ipv6=False))


def test_an_answer_is_secure_only_when_the_nameserver_validated_all_of_it(
    server: DnsServer,
) -> None:
    server.add("signed.test", "A", "192.0.2.1", secure=True)
    server.add("half.test", "CNAME", "plain.test.", secure=True)
    server.add("plain.test", "A", "192.0.2.2")

    async def ask() -> list[bool]:
        resolver = resolver_for(server)
        names = ("signed.test", "half.test", "plain.test")
        return [(await resolver.addresses(name, ipv6=False)).is_secure for name in names]

    assert asyncio.run(ask()) == [True, False, False]


def test_text_records_are_joined(server: DnsServer) -> None:
    server.add("_mta-sts.example.test", "TXT", '"v=STSv1; " "id=1;"')
    answer = asyncio.run(resolver_for(server).texts("_mta-sts.example.test"))
    assert answer.records == ("v=STSv1; id=1;",)


def test_a_name_too_long_to_exist_does_not_exist(server: DnsServer) -> None:
    answer = asyncio.run(resolver_for(server).texts(f"_mta-sts.{'a.' * 125}test"))
    assert answer.status is Status.NO_NAME
    assert server.asked == []


@pytest.mark.parametrize(
    ("text", "nameserver"),
    [
        ("9.9.9.9", Nameserver("9.9.9.9", 53)),
        ("127.0.0.1:5353", Nameserver("127.0.0.1", 5353)),
        ("2620:fe::fe", Nameserver("2620:fe::fe", 53)),
        ("[::1]:5353", Nameserver("::1", 5353)),
        ("[::1]", Nameserver("::1", 53)),
    ],
)
def test_a_nameserver_is_an_address_with_or_without_port(text: str, nameserver: Nameserver) -> None:
    assert read_nameserver(text) == nameserver


@pytest.mark.parametrize("text", ["", "dns.example.com", "9.9.9.9:dns", "[::1]:70000"])
def test_anything_else_is_no_nameserver(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a nameserver"):
        read_nameserver(text)
