"""SPF as receivers evaluate it: RFC 7208, its rules put to a nameserver of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from campaign.preflight.domain.spf import MOST_TERMS, MOST_VOIDS, Spf, SpfResult, check_host
from campaign.preflight.domain.spf_record import SpfSyntaxError, is_spf, read_spf
from campaign.preflight.domain.spf_tree import SpfTree, survey
from campaign.routing.resolver import Resolver
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, Fault, dns_server

OURS = "192.0.2.10"
OURS6 = "2001:db8::10"
FAR = "198.51.100.7"
LONG = "a" * 63

# record of d.test, address that connects, result
EVALUATED = [
    # 5.1 all, 4.6.2 qualifiers, 4.7 default
    ("v=spf1 -all", OURS, "fail"),
    ("v=spf1 ~all", OURS, "softfail"),
    ("v=spf1 ?all", OURS, "neutral"),
    ("v=spf1 +all", OURS, "pass"),
    ("v=spf1 all", OURS, "pass"),
    ("v=spf1", OURS, "neutral"),
    ("v=spf1   -ALL", OURS, "fail"),
    ("V=SPF1 -all", OURS, "fail"),
    ("v=spf1 -all ip4:192.0.2.10", OURS, "fail"),
    ("v=spf10 -all", OURS, "none"),
    ("v=spf1-all", OURS, "none"),
    ("v=spf1 -all:d.test", OURS, "permerror"),
    ("v=spf1 -all/8", OURS, "permerror"),
    # 5.6 ip4 and ip6
    ("v=spf1 ip4:192.0.2.10 -all", OURS, "pass"),
    ("v=spf1 ip4:192.0.2.0/24 -all", OURS, "pass"),
    ("v=spf1 ip4:192.0.2.77/24 -all", OURS, "pass"),
    ("v=spf1 ip4:0.0.0.0/0 -all", FAR, "pass"),
    ("v=spf1 ip4:192.0.2.0/24 -all", FAR, "fail"),
    ("v=spf1 ip4:0.0.0.0/0 -all", OURS6, "fail"),
    ("v=spf1 ip4:192.0.2.10 -all", f"::ffff:{OURS}", "pass"),
    ("v=spf1 ip6:2001:db8::/32 -all", OURS6, "pass"),
    ("v=spf1 ip6:2001:db8::10 -all", OURS6, "pass"),
    ("v=spf1 ip6:::/0 -all", OURS, "fail"),
    ("v=spf1 -ip4:192.0.2.10 +all", OURS, "fail"),
    ("v=spf1 ip4 -all", OURS, "permerror"),
    ("v=spf1 ip4: -all", OURS, "permerror"),
    ("v=spf1 ip4:192.0.2 -all", OURS, "permerror"),
    ("v=spf1 ip4:192.0.2.10/33 -all", OURS, "permerror"),
    ("v=spf1 ip4:192.0.2.10/032 -all", OURS, "permerror"),
    ("v=spf1 ip4:192.0.2.10/ -all", OURS, "permerror"),
    ("v=spf1 ip4:192.0.2.10//32 -all", OURS, "permerror"),
    ("v=spf1 ip6:2001:db8::10/129 -all", OURS, "permerror"),
    ("v=spf1 ip6:192.0.2.10 -all", OURS, "permerror"),
    ("v=spf1 ip4:2001:db8::10 -all", OURS, "permerror"),
    # 5.3 a
    ("v=spf1 a:host.test -all", OURS, "pass"),
    ("v=spf1 a:host.test -all", OURS6, "pass"),
    ("v=spf1 a:host.test -all", FAR, "fail"),
    ("v=spf1 a:other.test/24 -all", OURS, "pass"),
    ("v=spf1 a:other.test/24//64 -all", OURS, "pass"),
    ("v=spf1 a:other.test//64 -all", OURS6, "pass"),
    ("v=spf1 a:other.test/24 -all", OURS6, "fail"),
    ("v=spf1 a:other.test/0 -all", FAR, "pass"),
    ("v=spf1 a -all", OURS, "fail"),
    ("v=spf1 a/33 -all", OURS, "permerror"),
    ("v=spf1 a//129 -all", OURS, "permerror"),
    ("v=spf1 a:host.123 -all", OURS, "permerror"),
    ("v=spf1 a:host -all", OURS, "permerror"),
    ("v=spf1 a: -all", OURS, "permerror"),
    ("v=spf1 a:alias.test -all", OURS, "pass"),
    # 5.4 mx
    ("v=spf1 mx:mxd.test -all", OURS, "pass"),
    ("v=spf1 mx:mxd.test -all", FAR, "fail"),
    ("v=spf1 mx:mxd.test/0 -all", FAR, "pass"),
    ("v=spf1 mx:nullmx.test -all", OURS, "fail"),
    ("v=spf1 mx:host.test -all", OURS, "fail"),
    ("v=spf1 mx:manymx.test -all", OURS, "permerror"),
    # 5.2 include: what each inner result means
    ("v=spf1 include:passes.test -all", OURS, "pass"),
    ("v=spf1 ?include:passes.test -all", OURS, "neutral"),
    ("v=spf1 include:fails.test ~all", OURS, "softfail"),
    ("v=spf1 include:soft.test -all", OURS, "fail"),
    ("v=spf1 include:neutral.test -all", OURS, "fail"),
    ("v=spf1 include:nothing.test -all", OURS, "permerror"),
    ("v=spf1 include:wrong.test -all", OURS, "permerror"),
    ("v=spf1 include:broken.test -all", OURS, "temperror"),
    ("v=spf1 include -all", OURS, "permerror"),
    ("v=spf1 include: -all", OURS, "permerror"),
    ("v=spf1 ip4:192.0.2.10 include:nothing.test -all", OURS, "pass"),
    # 6.1 redirect, 6 modifiers
    ("v=spf1 redirect=passes.test", OURS, "pass"),
    ("v=spf1 redirect=fails.test", OURS, "fail"),
    ("v=spf1 redirect=passes.test -all", OURS, "fail"),
    ("v=spf1 redirect=nothing.test", OURS, "permerror"),
    ("v=spf1 redirect=wrong.test", OURS, "permerror"),
    ("v=spf1 redirect=a.test redirect=b.test", OURS, "permerror"),
    ("v=spf1 redirect= -all", OURS, "permerror"),
    ("v=spf1 exp=why.test exp=why.test -all", OURS, "permerror"),
    ("v=spf1 exp=why.test -all", OURS, "fail"),
    ("v=spf1 made-up=%{d} -all", OURS, "fail"),
    ("v=spf1 made-up=a made-up=b -all", OURS, "fail"),
    ("v=spf1 made-up=%bad -all", OURS, "permerror"),
    # 5.7 exists, 7 macros
    ("v=spf1 exists:host.test -all", FAR, "pass"),
    ("v=spf1 exists:six.test -all", OURS6, "fail"),
    ("v=spf1 exists:none.test -all", FAR, "fail"),
    ("v=spf1 exists -all", FAR, "permerror"),
    ("v=spf1 exists:%{i}.list.test -all", OURS, "pass"),
    ("v=spf1 exists:%{ir}.rev.test -all", OURS, "pass"),
    ("v=spf1 exists:%{l}.users.test -all", OURS, "pass"),
    ("v=spf1 exists:%{l1r-}.users.test -all", OURS, "pass"),
    ("v=spf1 exists:%{d1}.%{v}.zone.test -all", OURS, "pass"),
    ("v=spf1 exists:%{h}.zone.test -all", OURS, "pass"),
    ("v=spf1 exists:%{p}.zone.test -all", OURS, "pass"),
    ("v=spf1 exists:%{i}.list.test -all", OURS6, "pass"),
    ("v=spf1 exists:%{x}.zone.test -all", OURS, "permerror"),
    ("v=spf1 exists:%{d0}.zone.test -all", OURS, "permerror"),
    ("v=spf1 exists:%{t}.zone.test -all", OURS, "permerror"),
    ("v=spf1 exists:%(d).zone.test -all", OURS, "permerror"),
    # 5.5 ptr
    ("v=spf1 ptr:test -all", OURS, "permerror"),
    ("v=spf1 ptr:named.test -all", OURS, "pass"),
    ("v=spf1 ptr:liar.test -all", OURS, "fail"),
    ("v=spf1 ptr:amed.test -all", OURS, "fail"),
    ("v=spf1 ptr:named.test -all", FAR, "fail"),
    # 4.6.4 limits
    ("v=spf1 " + "a:host.test " * 10 + "-all", FAR, "fail"),
    ("v=spf1 " + "a:host.test " * 11 + "-all", FAR, "permerror"),
    ("v=spf1 " + "a:host.test " * 11 + "-all", OURS, "pass"),
    ("v=spf1 a:void1.test a:void2.test -all", FAR, "fail"),
    ("v=spf1 a:void1.test a:void2.test a:void3.test -all", FAR, "permerror"),
    ("v=spf1 include:d.test -all", OURS, "permerror"),
    # 4.6.1 and 12: what is no term
    ("v=spf1 wrong -all", OURS, "permerror"),
    ("v=spf1 ip4:192.0.2.10 wrong", OURS, "permerror"),
    ("v=spf1 - all", OURS, "permerror"),
    ("v=spf1 a:h\\195\\164.test -all", OURS, "permerror"),
    # 4.4 and 2.6.6: the DNS fails
    ("v=spf1 a:broken.test -all", OURS, "temperror"),
    ("v=spf1 mx:broken.test -all", OURS, "temperror"),
]


def _fill(server: DnsServer) -> None:
    server.add("host.test", "A", OURS)
    server.add("host.test", "AAAA", OURS6)
    server.add("other.test", "A", "192.0.2.200")
    server.add("other.test", "AAAA", "2001:db8::99")
    server.add("six.test", "AAAA", OURS6)
    server.add("alias.test", "CNAME", "host.test.")
    server.add("mxd.test", "MX", "20 other.test.", "10 host.test.")
    server.add("nullmx.test", "MX", "0 .")
    server.add("manymx.test", "MX", *(f"{n} m{n}.test." for n in range(11)))
    for name, text in {
        "passes": f"v=spf1 ip4:{OURS} -all",
        "fails": "v=spf1 -all",
        "soft": "v=spf1 ~all",
        "neutral": "v=spf1 ?all",
        "wrong": "v=spf1 wrong",
    }.items():
        server.add(f"{name}.test", "TXT", f'"{text}"')
    for kind in ("TXT", "A", "AAAA", "MX"):
        server.fail("broken.test", kind, Fault.SERVFAIL)
    for name in (
        "192.0.2.10.list.test",
        "10.2.0.192.rev.test",
        "ann-lee.users.test",
        "ann.users.test",
        "test.in-addr.zone.test",
        "mail.d.test.zone.test",
        "named.test.zone.test",
    ):
        server.add(name, "A", "127.0.0.2")
    nibbles = ".".join("20010db8000000000000000000000010")
    server.add(f"{nibbles}.list.test", "A", "127.0.0.2")
    server.add("10.2.0.192.in-addr.arpa", "PTR", "named.test.", "liar.test.")
    server.add("named.test", "A", OURS)
    server.add("liar.test", "A", FAR)


@pytest.fixture(scope="module")
def zone() -> Iterator[DnsServer]:
    with dns_server() as server:
        _fill(server)
        yield server


def evaluate(server: DnsServer, address: str, domain: str = "d.test") -> SpfResult:
    async def ask() -> SpfResult:
        resolver = Resolver([server.address], clock=FakeClock(), timeout_s=0.3)
        return await check_host(
            resolver, address, domain, sender="ann-lee@d.test", hello="mail.d.test"
        )

    return asyncio.run(ask())


def tree_of(server: DnsServer, domain: str = "d.test") -> SpfTree:
    async def ask() -> SpfTree:
        resolver = Resolver([server.address], clock=FakeClock(), timeout_s=0.3)
        return await survey(resolver, domain)

    return asyncio.run(ask())


@pytest.mark.parametrize(("record", "address", "result"), EVALUATED)
def test_a_record_gives_the_result_of_rfc_7208(
    zone: DnsServer, record: str, address: str, result: str
) -> None:
    zone.add("d.test", "TXT", f'"{record[:200]}" "{record[200:]}"')
    assert evaluate(zone, address).result == result


@pytest.mark.parametrize(
    "domain", ["test", "", "a..test", f"{LONG}a.test", "nothing.test", "192.0.2.1"]
)
def test_a_domain_without_a_record_or_that_can_have_none_gives_none(
    zone: DnsServer, domain: str
) -> None:
    assert evaluate(zone, OURS, domain).result is Spf.NONE


def test_two_records_are_a_permanent_error(zone: DnsServer) -> None:
    zone.add("d.test", "TXT", '"v=spf1 -all"', '"v=spf1 +all"')
    found = evaluate(zone, OURS)
    assert found.result is Spf.PERMERROR
    assert "2 SPF records" in found.why


def test_other_texts_beside_the_record_are_let_be(zone: DnsServer) -> None:
    zone.add("d.test", "TXT", '"google-site-verification=x"', '"v=spf1 ip4:192.0.2.10 -all"')
    assert evaluate(zone, OURS).result is Spf.PASS


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.SILENCE, Fault.GARBAGE])
def test_a_nameserver_that_does_not_answer_is_a_temporary_error(fault: Fault) -> None:
    with dns_server() as server:
        server.fail("d.test", "TXT", fault)
        assert evaluate(server, OURS).result is Spf.TEMPERROR


def test_terms_and_empty_answers_are_counted_through_includes(zone: DnsServer) -> None:
    zone.add("d.test", "TXT", '"v=spf1 include:inner.test a:void1.test redirect=fails.test"')
    zone.add("inner.test", "TXT", '"v=spf1 a:other.test mx:void2.test ?all"')
    found = evaluate(zone, OURS)
    assert (found.result, found.terms, found.voids) == (Spf.FAIL, 5, 2)
    assert found.voids <= MOST_VOIDS <= MOST_TERMS


def test_the_tree_counts_what_a_receiver_that_gets_to_the_end_asks(zone: DnsServer) -> None:
    zone.add(
        "d.test",
        "TXT",
        '"v=spf1 ip4:192.0.2.10 include:inner.test a:void1.test ptr include:soft.test -all"',
    )
    zone.add("inner.test", "TXT", '"v=spf1 a:other.test mx:void2.test ?all"')
    tree = tree_of(zone)
    assert (tree.terms, tree.voids, tree.ends, tree.faults) == (6, 2, "-all", [])
    assert [(line.depth, line.text) for line in tree.lines] == [
        (0, "ip4:192.0.2.10"),
        (0, "include:inner.test"),
        (1, "a:other.test"),
        (1, "mx:void2.test"),
        (1, "?all"),
        (0, "a:void1.test"),
        (0, "ptr"),
        (0, "include:soft.test"),
        (1, "~all"),
        (0, "-all"),
    ]
    assert tree.includes == ["inner.test", "soft.test"]
    assert any("ptr" in advice for advice in tree.advice)


def test_the_all_of_a_redirect_is_the_all_of_the_record(zone: DnsServer) -> None:
    zone.add("d.test", "TXT", '"v=spf1 redirect=soft.test"')
    assert tree_of(zone).ends == "~all"
    zone.add("d.test", "TXT", '"v=spf1 include:soft.test"')
    assert tree_of(zone).ends.startswith("?all")


def test_a_tree_beyond_the_limits_and_in_circles_ends_and_says_why(zone: DnsServer) -> None:
    zone.add("d.test", "TXT", '"v=spf1 ' + "a:host.test " * 12 + 'include:back.test -all"')
    zone.add("back.test", "TXT", '"v=spf1 include:d.test -all"')
    faults = " / ".join(tree_of(zone).faults)
    assert "14 terms ask the DNS, and 10 may" in faults
    assert "include:d.test leads back" in faults


def test_a_tree_with_a_part_that_cannot_be_asked_is_not_known_and_no_fault(
    zone: DnsServer,
) -> None:
    zone.add("d.test", "TXT", '"v=spf1 include:broken.test a:broken.test -all"')
    tree = tree_of(zone)
    assert len(tree.unknown) == 2
    assert tree.faults == []


def test_what_stands_behind_all_is_told(zone: DnsServer) -> None:
    zone.add("d.test", "TXT", '"v=spf1 -all include:soft.test"')
    assert tree_of(zone).advice == ["1 terms behind -all are never looked at"]


def test_a_record_is_told_by_its_first_word() -> None:
    assert is_spf("v=spf1")
    assert is_spf("v=spf1 -all")
    assert not is_spf(" v=spf1 -all")
    assert not is_spf("v=spf2 -all")


def test_a_syntax_error_names_the_term() -> None:
    with pytest.raises(SpfSyntaxError, match=r"ip4:1\.2\.3"):
        read_spf("v=spf1 ip4:1.2.3 -all")
