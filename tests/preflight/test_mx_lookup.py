"""`campaign mx`: where mail for a domain goes, printed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from campaign.cli.commands.before import mx
from campaign.config.settings import Dns
from campaign.errors import UsageError
from campaign.preflight.mx_lookup import MxReport, look_up_mx
from fakes.clock import FakeClock
from fakes.mail.dns_server import DnsServer, Fault, dns_server


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


def report_on(server: DnsServer, domain: str) -> MxReport:
    return asyncio.run(look_up_mx(domain, Dns(nameservers=(server.address,)), FakeClock()))


def add_workspace(server: DnsServer) -> None:
    server.add("example.test", "MX", "5 alt1.aspmx.l.google.com.", "1 aspmx.l.google.com.")
    server.add("aspmx.l.google.com", "A", "1.2.3.1", secure=True)
    server.add("aspmx.l.google.com", "AAAA", "2a00::1", secure=True)
    server.add("alt1.aspmx.l.google.com", "A", "1.2.3.2", "10.0.0.1")
    server.add("_25._tcp.aspmx.l.google.com", "TLSA", f"3 1 1 {'ab' * 32}", secure=True)


def test_hosts_stand_in_order_with_addresses_provider_and_tlsa(server: DnsServer) -> None:
    add_workspace(server)
    report = report_on(server, "example.test")
    assert report.provider is not None
    assert report.provider.name == "google"
    assert [host.name for host in report.hosts] == ["aspmx.l.google.com", "alt1.aspmx.l.google.com"]
    assert report.hosts[0].addresses == ("2a00::1", "1.2.3.1")
    assert [str(record) for record in report.hosts[0].dane.tlsa] == [f"3 1 1 {'ab' * 32}"]
    assert report.hosts[1].refused == ("10.0.0.1",)
    assert report.problem is None


@pytest.mark.parametrize(
    ("setup", "code"), [("null", 556), ("nothing", 550), ("servfail", 451), ("private", 550)]
)
def test_a_domain_without_a_way_says_why(server: DnsServer, setup: str, code: int) -> None:
    if setup == "null":
        server.add("example.test", "MX", "0 .")
    elif setup == "servfail":
        server.fail("example.test", "MX", Fault.SERVFAIL)
    elif setup == "private":
        server.add("example.test", "MX", "0 mx.test.")
        server.add("mx.test", "A", "127.0.0.1")
    report = report_on(server, "example.test")
    assert report.problem is not None
    assert report.problem.code == code


def test_a_policy_that_cannot_be_had_is_said_so(server: DnsServer) -> None:
    add_workspace(server)
    server.add("_mta-sts.example.test", "TXT", '"v=STSv1; id=1"')
    server.add("mta-sts.example.test", "A", "127.0.0.1")
    assert report_on(server, "example.test").policy_trouble


def test_the_command_prints_a_table(server: DnsServer, capsys: pytest.CaptureFixture[str]) -> None:
    add_workspace(server)
    assert mx.command("Ada@Example.Test", nameserver=[server.address]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "example.test: Google (Gmail, Workspace)"
    assert "aspmx.l.google.com       2a00::1" in out
    assert "10.0.0.1 (private, refused)" in out
    assert "MTA-STS: none" in out
    assert "5 connections, 50 messages on each, TLS required" in out


def test_the_command_prints_json(server: DnsServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.add("example.test", "A", "1.2.3.4")
    assert mx.command("example.test", nameserver=[server.address], as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["implicit"] is True
    assert found["hosts"][0]["addresses"] == ["1.2.3.4"]
    assert found["provider"] is None


@pytest.mark.parametrize(("fault", "code"), [(Fault.NXDOMAIN, 1), (Fault.SERVFAIL, 69)])
def test_the_command_ends_with_1_for_good_and_69_for_now(
    server: DnsServer, capsys: pytest.CaptureFixture[str], fault: Fault, code: int
) -> None:
    server.fail("*", "*", fault)
    assert mx.command("example.test", nameserver=[server.address]) == code
    assert "Nothing can be sent: " in capsys.readouterr().out


def test_what_is_no_domain_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(UsageError, match="not a domain"):
        mx.command("not a domain")
