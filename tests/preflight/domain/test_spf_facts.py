"""More facts of RFC 7208, by section: what a receiver makes of a record.

Of the kinds that the test suite of the RFC's authors has, in our words and with our names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from campaign.preflight.domain.spf import check_host
from campaign.routing.resolver import Resolver
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, dns_server

V4, V6 = "192.0.2.3", "2001:db8::cb01"
DOMAIN, SENDER = "email.example.com", "strong-bad@email.example.com"

# 5.3 and 5.4: record, address, result; host is 192.0.2.3 and 2001:db8::cb01, mx has host first.
BY_ADDRESS = [
    (f"v=spf1 {kind}:{name}{length} -all", address, result)
    for kind, name in (("a", "host.test"), ("mx", "mx.test"))
    for length, address, result in (
        ("", V4, "pass"), ("", V6, "pass"), ("", "192.0.2.4", "fail"), ("", "2001:db8::1", "fail"),
        ("/0", "203.0.113.9", "pass"), ("/0", V6, "pass"), ("/0", "2001:db8::1", "fail"),
        ("/24", "192.0.2.200", "pass"), ("/24", "192.0.3.3", "fail"), ("/31", "192.0.2.2", "pass"),
        ("/32", "192.0.2.2", "fail"), ("//0", "::1", "pass"), ("//64", "2001:db8::ffff", "pass"),
        ("//64", "2001:db8:0:1::1", "fail"), ("//128", V6, "pass"), ("//64", "192.0.2.4", "fail"),
        ("/24//64", "192.0.2.200", "pass"), ("/24//64", "2001:db8::ffff", "pass"),
        ("/33", V4, "permerror"), ("//129", V4, "permerror"), ("/", V4, "permerror"),
        ("/24/24", V4, "permerror"), ("//64/24", V4, "permerror"), ("/024", V4, "permerror"),
        ("/24//", V4, "permerror"), ("/-1", V4, "permerror"), ("/2x", V4, "permerror"),
    )
]  # fmt: skip
# 4.6.1, 5, 6 and 12: what is a term, and what makes the whole record worth nothing.
TERMS = [
    ("v=spf1 a: -all", "permerror"), ("v=spf1 mx: -all", "permerror"),
    ("v=spf1 ptr: -all", "permerror"), ("v=spf1 include -all", "permerror"),
    ("v=spf1 exists: -all", "permerror"), ("v=spf1 a:host -all", "permerror"),
    ("v=spf1 a:host..test -all", "fail"), ("v=spf1 a:host.test. -all", "pass"),
    ("v=spf1 a:host.t3st1. -all", "fail"), ("v=spf1 a:host.123 -all", "permerror"),
    ("v=spf1 a:host.te-st -all", "fail"), ("v=spf1 a:host.test- -all", "permerror"),
    ("v=spf1 A:HOST.TEST -ALL", "pass"), ("v=spf1 ++all", "permerror"),
    ("v=spf1 *all", "permerror"), ("v=spf1 all.", "permerror"), ("v=spf1 a-all", "permerror"),
    ("v=spf1 ip4:192.0.2.3:25 -all", "permerror"), ("v=spf1 ip4:192.0.2.003 -all", "permerror"),
    ("v=spf1 ip6:2001:db8::/x -all", "permerror"), ("v=spf1 ip6: -all", "permerror"),
    ("v=spf1 ip6:2001:db8:::1 -all", "permerror"), ("v=spf1 ip6:::1.1.1.1/0 -all", "fail"),
    ("v=spf1 redirect:good.test", "permerror"), ("v=spf1 redirect=good.test/24", "permerror"),
    ("v=spf1 =x -all", "permerror"), ("v=spf1 1mod=x -all", "permerror"),
    ("v=spf1 moo.cow-far_out=man:dog/cat ip4:192.0.2.3 -all", "pass"),
    ("v=spf1 mod=a%(b -all", "permerror"), ("v=spf1 exp= -all", "permerror"),
    ("v=spf1 default=pass ip4:192.0.2.3 -all", "pass"), ("v=spf1 a:%%.test -all", "fail"),
    ("v=spf1 ip4:192.0.2.3 redirect=wrong.test", "pass"),
    ("v=spf1 include:good.test/24 -all", "permerror"),
    ("v=spf1 ?include:good.test -all", "neutral"),
    ("v=spf1 -include:good.test +all", "fail"), ("v=spf1 ~include:good.test -all", "softfail"),
    ("v=spf1 include:wrong.test -all", "permerror"), ("v=spf1 include:none.test -all", "permerror"),
    ("v=spf1 include:bad.test ip4:192.0.2.3 -all", "pass"), ("v=spf1 redirect=bad.test", "fail"),
    ("v=spf1 redirect=good.test", "pass"), ("v=spf1 ?all redirect=good.test", "neutral"),
    ("v=spf1 exists:host.test/24 -all", "permerror"), ("v=spf1 -exists:host.test +all", "fail"),
    ("v=spf1 \t-all", "permerror"), ("v=spf1 ptr/24 -all", "permerror"),
]  # fmt: skip
# 7.4: the examples of the RFC, for strong-bad@email.example.com from 192.0.2.3.
EXPANDED = [
    ("%{s}", "strong-bad@email.example.com"), ("%{o}", "email.example.com"),
    ("%{d}", "email.example.com"), ("%{d4}", "email.example.com"),
    ("%{d3}", "email.example.com"), ("%{d2}", "example.com"), ("%{d1}", "com"),
    ("%{dr}", "com.example.email"), ("%{d2r}", "example.email"), ("%{l}", "strong-bad"),
    ("%{l-}", "strong.bad"), ("%{lr}", "strong-bad"), ("%{lr-}", "bad.strong"),
    ("%{l1r-}", "strong"), ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
    ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
    ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
    ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
    ("%{d2}.trusted-domains", "example.com.trusted-domains"), ("%{h}", "hello.example.com"),
    ("%{D2}", "example.com"), ("%%a", "%a"), ("%-b", "%20b"),
]  # fmt: skip


@pytest.fixture(scope="module")
def zone() -> Iterator[DnsServer]:
    with dns_server() as server:
        server.add("host.test", "A", V4)
        server.add("host.test", "AAAA", V6)
        server.add("mx.test", "MX", "10 host.test.", "20 nowhere.test.")
        for name, text in (
            ("good.test", f"v=spf1 ip4:{V4} -all"), ("bad.test", "v=spf1 -all"),
            ("wrong.test", "v=spf1 wrong"),
        ):  # fmt: skip
            server.add(name, "TXT", f'"{text}"')
        for _, expanded in EXPANDED:
            name = expanded.replace("@", "\\@")  # as a zone file writes it (RFC 1035, 5.1)
            server.add(f"{name}.x.test", "A", "127.0.0.2")
        yield server


def result_of(zone: DnsServer, record: str, address: str = V4) -> str:
    zone.add(DOMAIN, "TXT", '"' + record.replace("\t", "\\009") + '"')

    async def ask() -> str:
        resolver = Resolver([zone.address], clock=FakeClock(), timeout_s=10.0)
        found = await check_host(
            resolver, address, DOMAIN, sender=SENDER, hello="hello.example.com"
        )
        return str(found.result)

    return asyncio.run(ask())


@pytest.mark.parametrize(("record", "address", "result"), BY_ADDRESS)
def test_a_and_mx_match_by_address_and_length(
    zone: DnsServer, record: str, address: str, result: str
) -> None:
    assert result_of(zone, record, address) == result


@pytest.mark.parametrize(("record", "result"), TERMS)
def test_each_term_means_what_the_grammar_says(zone: DnsServer, record: str, result: str) -> None:
    assert result_of(zone, record) == result


@pytest.mark.parametrize(("macro", "expanded"), EXPANDED)
def test_macros_expand_as_in_the_examples(zone: DnsServer, macro: str, expanded: str) -> None:
    assert result_of(zone, f"v=spf1 exists:{macro}.x.test -all") == "pass"
    assert result_of(zone, f"v=spf1 exists:{macro}.y.test -all") == "fail"


def test_there_are_enough_facts() -> None:
    assert len(BY_ADDRESS) + len(TERMS) + len(EXPANDED) + 111 >= 200
