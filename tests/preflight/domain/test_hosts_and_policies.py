"""Names of hosts, and the records for reports, logos and policies of transport."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from campaign.preflight.domain.hosts import hello_name, reverse_names
from campaign.preflight.domain.policies import bimi_record, sts_record, tls_reports
from campaign.preflight.host_checks import host_findings
from campaign.preflight.rules import CheckFinding
from campaign.preflight.sender_checks import SendingDomains
from campaign.routing.answers import DnsError
from campaign.routing.resolver import Resolver
from campaign.routing.tls.https import HttpsFetcher
from fakes.certificates import Authority
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, Fault, dns_server
from fakes.web.web_server import web_server

Result = TypeVar("Result")


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


def ask(
    server: DnsServer,
    question: Callable[[Resolver], Coroutine[Any, Any, Result]],
    timeout_s: float = 0.3,
) -> Result:
    async def run() -> Result:
        return await question(Resolver([server.address], clock=FakeClock(), timeout_s=timeout_s))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("address", "kind", "arpa"),
    [
        ("192.0.2.10", "A", "10.2.0.192.in-addr.arpa"),
        ("2001:db8::a", "AAAA", f"a.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa"),
    ],
)
def test_a_name_is_confirmed_when_it_leads_back(
    server: DnsServer, address: str, kind: str, arpa: str
) -> None:
    server.add(arpa, "PTR", "mail.example.test.", "liar.example.test.")
    server.add("mail.example.test", kind, address)
    found = ask(server, lambda resolver: reverse_names(resolver, address))
    assert set(found.names) == {"mail.example.test", "liar.example.test"}
    assert found.confirmed == ("mail.example.test",)
    assert not found.is_generic


def test_an_address_without_a_name_has_none(server: DnsServer) -> None:
    found = ask(server, lambda resolver: reverse_names(resolver, "192.0.2.10"))
    assert (found.names, found.confirmed) == ((), ())


@pytest.mark.parametrize(
    ("name", "is_generic"),
    [
        ("192-0-2-10.dsl.example.test.", True),
        ("host10.2.0.192.example.test.", False),
        ("static-10-2-0-192.example.test.", True),
        ("mail10.example.test.", False),
    ],
)
def test_a_name_that_repeats_the_address_looks_automatic(
    server: DnsServer, name: str, is_generic: bool
) -> None:
    server.add("10.2.0.192.in-addr.arpa", "PTR", name)
    found = ask(server, lambda resolver: reverse_names(resolver, "192.0.2.10"))
    assert found.is_generic is is_generic


def test_a_name_in_ehlo_is_whole_and_has_addresses(server: DnsServer) -> None:
    server.add("mail.example.test", "A", "192.0.2.10")
    good = ask(server, lambda resolver: hello_name(resolver, "mail.example.test"))
    assert good.is_qualified
    assert good.addresses == ("192.0.2.10",)
    for bad in ("localhost", "[192.0.2.10]", "192.0.2.10"):
        assert not ask(server, lambda resolver, bad=bad: hello_name(resolver, bad)).is_qualified


def test_hosts_the_dns_does_not_answer_for_are_not_known(server: DnsServer) -> None:
    server.fail("*", "*", Fault.SERVFAIL)
    with pytest.raises(DnsError):
        ask(server, lambda resolver: reverse_names(resolver, "192.0.2.10"))
    with pytest.raises(DnsError):
        ask(server, lambda resolver: hello_name(resolver, "mail.example.test"))


@pytest.mark.parametrize(
    ("texts", "identity", "is_faulty"),
    [
        ((), "", False),
        (("v=STSv1; id=2026",), "2026", False),
        (("v=STSv1; id=2026", "other"), "2026", False),
        (("v=STSv1; id=2026", "v=STSv1; id=2027"), "", True),
        (("v=STSv1;",), "", True),
        (("v=STSv1; id=no-dashes",), "", True),
    ],
)
def test_the_announcement_of_mta_sts_is_judged(
    server: DnsServer, texts: tuple[str, ...], identity: str, is_faulty: bool
) -> None:
    if texts:
        server.add("_mta-sts.example.test", "TXT", *(f'"{text}"' for text in texts))
    found = ask(server, lambda resolver: sts_record(resolver, "example.test"))
    assert (found.is_there, found.identity, bool(found.fault)) == (bool(texts), identity, is_faulty)


@pytest.mark.parametrize(
    ("texts", "is_faulty"),
    [
        ((), False),
        (("v=TLSRPTv1; rua=mailto:tls@example.test",), False),
        (("v=TLSRPTv1; rua=mailto:tls@example.test,https://example.test/r",), False),
        (("v=TLSRPTv1; rua=tls@example.test",), True),
        (("v=TLSRPTv1",), True),
        (("v=TLSRPTv1; rua=mailto:a@b.test", "v=TLSRPTv1; rua=mailto:c@d.test"), True),
    ],
)
def test_the_address_for_reports_on_tls_is_judged(
    server: DnsServer, texts: tuple[str, ...], is_faulty: bool
) -> None:
    if texts:
        server.add("_smtp._tls.example.test", "TXT", *(f'"{text}"' for text in texts))
    found = ask(server, lambda resolver: tls_reports(resolver, "example.test"))
    assert (found.is_there, bool(found.fault)) == (bool(texts), is_faulty)


@pytest.mark.parametrize(
    ("text", "logo", "is_faulty"),
    [
        ("v=BIMI1; l=https://example.test/l.svg; a=https://example.test/v.pem",
         "https://example.test/l.svg", False),
        ("v=BIMI1; l=https://example.test/l.svg; a=", "https://example.test/l.svg", False),
        ("v=BIMI1; l=; a=;", "", False),
        ("v=BIMI1; l=http://example.test/l.svg", "http://example.test/l.svg", True),
        ("v=BIMI1; l=https://example.test/l.svg; a=v.pem", "https://example.test/l.svg", True),
        ("v=BIMI1; a=https://example.test/v.pem", "", True),
    ],
)  # fmt: skip
def test_the_record_of_a_logo_is_judged(
    server: DnsServer, text: str, logo: str, is_faulty: bool
) -> None:
    server.add("default._bimi.example.test", "TXT", '"' + text.replace(";", "\\;") + '"')
    found = ask(server, lambda resolver: bimi_record(resolver, "example.test"))
    assert (found.logo, bool(found.fault)) == (logo, is_faulty)
    assert found.is_there


POLICY = b"version: STSv1\r\nmode: %s\r\nmx: *.sender.test\r\nmax_age: %d\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
SENDER = SendingDomains("sender.test", "sender.test", (), (), ("relay.test",), ())


def of_hosts(
    server: DnsServer, tmp_path: Path, response: bytes, *, host: str = "mta-sts.sender.test"
) -> dict[str, CheckFinding]:
    """The findings about hosts, with the file of the policy behind real HTTPS."""
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=authority.ca_file)
    server.add("_mta-sts.sender.test", "TXT", '"v=STSv1\\; id=1"')
    server.add("mta-sts.sender.test", "A", "127.0.0.1")

    async def look(resolver: Resolver, port: int) -> list[CheckFinding]:
        fetch = HttpsFetcher(resolver, allow_private=True, context=context, port=port)
        return await host_findings(resolver, SENDER, fetch)

    with web_server(authority.issue(host), response) as web:
        return {one.id: one for one in ask(server, lambda resolver: look(resolver, web.port), 10.0)}


@pytest.mark.parametrize(
    ("mode", "age_s", "mx", "level", "said"),
    [
        (b"enforce", 604800, "mx.sender.test", "ok", "mode: enforce, max_age 7d, names every MX"),
        (b"enforce", 604800, "mx.other.test", "fail", "does not name mx.other.test"),
        (b"testing", 604800, "mx.other.test", "warn", "does not name mx.other.test"),
        (b"testing", 604800, "mx.sender.test", "info", "unencrypted all the same"),
        (b"enforce", 3600, "mx.sender.test", "warn", "forgets it within a day"),
        (b"none", 604800, "mx.other.test", "info", "mode: none"),
        (b"some", 604800, "mx.sender.test", "warn", "lacks a good mode"),
    ],
)
def test_the_file_of_a_policy_is_fetched_and_held_against_the_mx(
    server: DnsServer, tmp_path: Path, mode: bytes, age_s: int, mx: str, level: str, said: str
) -> None:
    server.add("sender.test", "MX", f"10 {mx}.")
    finding = of_hosts(server, tmp_path, OK + POLICY % (mode, age_s))["mta-sts"]
    assert finding.level == level
    assert said in finding.evidence
    assert bool(finding.remedy) is (level in ("warn", "fail"))


def test_a_policy_whose_file_cannot_be_had_is_not_checked(
    server: DnsServer, tmp_path: Path
) -> None:
    found = of_hosts(server, tmp_path, OK + POLICY % (b"enforce", 604800), host="other.test")
    assert found["mta-sts"].level == "not-checked"
    assert "its file cannot be had" in found["mta-sts"].evidence


@pytest.mark.parametrize(
    ("record", "secure", "level", "said"),
    [
        (f"3 1 1 {'ab' * 32}", True, "ok", "TLSA records at mx.sender.test"),
        (f"3 1 1 {'ab' * 32}", False, "info", "have no TLSA records"),  # nobody vouches for it
        (f"1 1 1 {'ab' * 32}", True, "warn", "no usable TLSA record at mx.sender.test"),
        ("", True, "info", "have no TLSA records"),
    ],
)
def test_tlsa_records_count_where_the_nameserver_has_validated_them(
    server: DnsServer, tmp_path: Path, record: str, secure: bool, level: str, said: str
) -> None:
    server.add("sender.test", "MX", "10 mx.sender.test.", secure=secure)
    server.add("mx.sender.test", "A", "9.9.9.1", secure=secure)
    if record:
        server.add("_25._tcp.mx.sender.test", "TLSA", record, secure=secure)
    finding = of_hosts(server, tmp_path, OK + POLICY % (b"enforce", 604800))["dane"]
    assert (finding.level, said in finding.evidence) == (level, True), finding
