"""SPF and DMARC read by us and by checkdmarc: the same, or different for a reason in an RFC."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import dns.resolver
import pytest
from checkdmarc.dmarc import check_dmarc
from checkdmarc.mta_sts import MTASTSError, parse_mta_sts_record
from checkdmarc.smtp_tls_reporting import check_smtp_tls_reporting
from checkdmarc.spf import check_spf

from campaign.preflight.domain.dmarc import Discovery, discover
from campaign.preflight.domain.policies import (
    StsRecord,
    TlsReports,
    sts_record,
    tls_reports,
)
from campaign.preflight.domain.spf_tree import SpfTree, survey
from campaign.routing.resolver import Resolver
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, dns_server


class Made(NamedTuple):
    """A domain of its own for every record."""

    domain: str
    text: str


_TERMS = (
    "ip4:192.0.2.0/24",
    "a:host.test",
    "mx:mxd.test",
    "include:inner.test",
    "include:deep.test",
    "a:void.test",
    "ptr:host.test",
    "exists:%{i}.list.test",
)
_WRONG = ("ip4:192.0.2.300", "ip4:192.0.2.0/33", "wrong", "include:", "a:host.test/40", "all:x")
_LIMITS = (
    "v=spf1 " + "a:host.test " * 10 + "-all",
    "v=spf1 " + "a:host.test " * 11 + "-all",
    "v=spf1 a:v1.test a:v2.test -all",
    "v=spf1 a:v1.test a:v2.test a:v3.test -all",
    "v=spf1 redirect=inner.test",
    "v=spf1 redirect=nothing.test",
    "v=spf1 include:nothing.test -all",
)
SPF = [
    Made(f"s{number}.test", text)
    for number, text in enumerate(
        [f"v=spf1 {one} {two} -all" for one, two in itertools.combinations(_TERMS, 2)]
        + [f"v=spf1 {one} {end}" for one in _TERMS for end in ("~all", "?all")]
        + [f"v=spf1 {' '.join(some)} ~all" for some in itertools.combinations(_TERMS[:6], 4)]
        + [f"v=spf1 {wrong} -all" for wrong in _WRONG]
        + list(_LIMITS)
    )
]
# RFC 9989, 4.10.1: neither a policy nor an address for reports is no DMARC at all; checkdmarc shows
# p=none, under which receivers do the same: nothing.
_WITHOUT_EFFECT = "v=DMARC1; adkim=s"
_POLICIES = ("none", "quarantine", "reject")
DMARC = [
    Made(f"d{number}.test", f"v=DMARC1; {text}")
    for number, text in enumerate(
        [f"p={p}; sp={sp}" for p in _POLICIES for sp in _POLICIES]
        + [f"p={p}; np={np}; psd=n" for p, np in itertools.product(("none", "reject"), repeat=2)]
        + [
            "p=reject; adkim=s; aspf=s",
            "p=reject; adkim=r",
            "p=reject; t=y",
            "p=none; pct=50",
            "p=none; fo=1; ruf=mailto:f@example.test",
            "p=Reject",
            "rua=mailto:a@example.test",
            "adkim=s",
            "p=reject; madeup=1",
            "p=quarantine; psd=y",
        ]
    )
]  # fmt: skip


TLS_REPORTS = [
    Made(f"t{number}.test", text)
    for number, text in enumerate(
        (
            "v=TLSRPTv1; rua=mailto:tls@example.test",
            "v=TLSRPTv1;rua=mailto:tls@example.test",
            "v=TLSRPTv1; rua=https://reports.example.test/tls",
            "v=TLSRPTv1; rua=mailto:a@example.test,https://example.test/t",
            "v=TLSRPTv1; rua=mailto:tls@example.test;",
            "v=TLSRPTv1; rua=ftp://example.test",
            "v=TLSRPTv1;",
        )
    )
]
STS = [
    Made(f"m{number}.test", text)
    for number, text in enumerate(
        ("v=STSv1; id=1", "v=STSv1; id=20261127T000000;", "v=STSv1;id=abc", "v=STSv1; id=a-b",
         "v=STSv1;", "v=STSv1; id=")
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        server.add("host.test", "A", "192.0.2.10")
        server.add("mxd.test", "MX", "10 host.test.")
        server.add("inner.test", "TXT", '"v=spf1 a:host.test -all"')
        server.add("deep.test", "TXT", '"v=spf1 include:inner.test mx:mxd.test ~all"')
        for made in SPF:
            server.add(made.domain, "TXT", f'"{made.text[:200]}" "{made.text[200:]}"')
        for made in DMARC:
            server.add(made.domain, "A", "192.0.2.10")
            text = made.text.replace(";", "\\;")
            server.add(f"_dmarc.{made.domain}", "TXT", f'"{text}"')
        for prefix, all_made in (("_smtp._tls", TLS_REPORTS), ("_mta-sts", STS)):
            for made in all_made:
                text = made.text.replace(";", "\\;")
                server.add(made.domain, "A", "192.0.2.10")
                server.add(f"{prefix}.{made.domain}", "TXT", f'"{text}"')
        yield server


@pytest.fixture(scope="module")
def theirs(server: DnsServer) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [server.host]
    resolver.port = server.port
    return resolver


def tree_of(server: DnsServer, domain: str) -> SpfTree:
    async def ask() -> SpfTree:
        return await survey(Resolver([server.address], clock=FakeClock()), domain)

    return asyncio.run(ask())


def policy_of(server: DnsServer, domain: str) -> Discovery:
    async def ask() -> Discovery:
        return await discover(Resolver([server.address], clock=FakeClock()), domain)

    return asyncio.run(ask())


def test_a_hundred_domains_were_made() -> None:
    assert len(SPF) + len(DMARC) + len(TLS_REPORTS) + len(STS) >= 100


@pytest.mark.parametrize("made", SPF, ids=lambda made: made.text[:60])
def test_spf_records_are_valid_and_count_the_same(
    server: DnsServer, theirs: dns.resolver.Resolver, made: Made
) -> None:
    judged = check_spf(made.domain, resolver=theirs)
    tree = tree_of(server, made.domain)
    assert (not tree.faults) == judged["valid"], (tree.faults, judged)
    if judged["valid"]:
        assert (tree.terms, tree.voids) == (
            judged["dns_lookups"],
            judged["void_dns_lookups"],
        ), judged


@pytest.mark.parametrize("made", DMARC, ids=lambda made: made.text[10:])
def test_dmarc_records_ask_for_the_same(
    server: DnsServer, theirs: dns.resolver.Resolver, made: Made
) -> None:
    judged = check_dmarc(made.domain, resolver=theirs)
    found = policy_of(server, made.domain)
    if made.text == _WITHOUT_EFFECT:
        assert found.policy == ""
        assert judged["tags"]["p"]["value"] == "none"
        return
    assert bool(found.policy) == judged["valid"], (found, judged)
    if judged["valid"]:
        assert found.policy == judged["tags"]["p"]["value"], judged


@pytest.mark.parametrize("made", TLS_REPORTS, ids=lambda made: made.text)
def test_addresses_for_reports_on_tls_are_valid_alike(
    server: DnsServer, theirs: dns.resolver.Resolver, made: Made
) -> None:
    async def ask() -> TlsReports:
        return await tls_reports(Resolver([server.address], clock=FakeClock()), made.domain)

    found = asyncio.run(ask())
    assert found.is_there
    judged = check_smtp_tls_reporting(made.domain, resolver=theirs)
    assert (not found.fault) == judged["valid"], (found, judged)


@pytest.mark.parametrize("made", STS, ids=lambda made: made.text)
def test_announcements_of_mta_sts_are_valid_alike(server: DnsServer, made: Made) -> None:
    async def ask() -> StsRecord:
        return await sts_record(Resolver([server.address], clock=FakeClock()), made.domain)

    found = asyncio.run(ask())
    assert found.is_there
    try:
        parse_mta_sts_record(made.text)
        is_valid = True
    except MTASTSError:
        is_valid = False
    assert (not found.fault) == is_valid, found
