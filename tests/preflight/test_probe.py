"""`campaign probe`: what a mail server says for itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from campaign.cli.commands.before import probe as probe_command
from campaign.errors import UsageError
from campaign.preflight.probe import PATIENCE, ProbeReport, probe
from fakes.certificates import Authority
from fakes.clock import FakeClock
from fakes.mail.scripted_smtp import PIPELINING, SILENCE, Script, ScriptedServer, drop, on, say

Serve = Callable[[Script], ScriptedServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(ScriptedServer(script))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def report_on(server: ScriptedServer, host: str = "127.0.0.1", **how: Any) -> ProbeReport:
    return asyncio.run(probe(host, server.port, clock=FakeClock(), hello="me.example", **how))


def test_a_plain_server_shows_its_extensions_and_a_transcript(serve: Serve) -> None:
    server = serve(Script(mechanisms=("PLAIN", "LOGIN")))
    report = report_on(server)
    assert report.calls_itself == "scripted.example"
    assert {keyword for keyword, _ in report.extensions} == {
        *(line.split()[0] for line in PIPELINING),
        "AUTH",
    }
    assert report.mechanisms == ("login", "plain")
    assert report.transcript[0].endswith("SERVER -> CLIENT: 220 scripted.example ESMTP")
    assert any(line.endswith("CLIENT -> SERVER: EHLO me.example") for line in report.transcript)
    assert (report.tls_version, report.chain) == ("", ())
    assert "does not offer STARTTLS" in report.tls_trouble
    assert server.commands[-1] == "QUIT"
    assert not server.letters


def test_a_certificate_is_shown_and_verified(serve: Serve, authority: Authority) -> None:
    server = serve(Script(certificate=authority.issue("127.0.0.1", days=30)))
    report = report_on(server, ca_file=authority.ca_file)
    assert report.tls_version == "TLSv1.3"
    assert report.chain[0].names == ("127.0.0.1",)
    assert report.tls_trouble == ""


@pytest.mark.parametrize(
    ("name", "days", "trouble"),
    [("127.0.0.1", -1, "expired"), ("other.test", 30, "another host")],
)
def test_a_certificate_that_is_not_good_is_shown_all_the_same(
    serve: Serve, authority: Authority, name: str, days: int, trouble: str
) -> None:
    server = serve(Script(certificate=authority.issue(name, days=days)))
    report = report_on(server, ca_file=authority.ca_file)
    assert report.chain[0].names == (name,)
    assert trouble in report.tls_trouble
    assert report.trouble == ""


def test_tls_that_is_not_good_ends_the_command_with_1(
    serve: Serve, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(Script(certificate=authority.issue("other.test")))
    address = f"127.0.0.1:{server.port}"
    assert probe_command.command(address, ca_file=Path(authority.ca_file)) == 1
    out = capsys.readouterr().out
    assert "Not good: " in out
    assert "another host" in out
    assert "The certificate is good" not in out


def test_an_unknown_issuer_is_said_so(serve: Serve, authority: Authority) -> None:
    server = serve(Script(certificate=authority.issue("127.0.0.1")))
    assert "unknown issuer" in report_on(server).tls_trouble


def test_tls_from_the_first_byte_is_asked_for_by_name(serve: Serve, authority: Authority) -> None:
    certificate = authority.issue("127.0.0.1")
    server = serve(Script(certificate=certificate, implicit_tls=True))
    report = report_on(server, security="tls", ca_file=authority.ca_file)
    assert report.tls_version
    assert report.tls_trouble == ""


def test_a_failed_handshake_leaves_the_session_in_clear_text(
    serve: Serve, authority: Authority
) -> None:
    certificate = authority.issue("127.0.0.1")
    server = serve(Script(on("STARTTLS", drop("220 go ahead")), certificate=certificate))
    report = report_on(server)
    assert report.extensions
    assert report.tls_trouble


def test_a_server_that_refuses_us_shows_with_what(serve: Serve) -> None:
    server = serve(Script(on("CONNECT", say("554 5.7.1 go away"))))
    report = report_on(server)
    assert "554 5.7.1 go away" in report.trouble
    assert any("554 5.7.1 go away" in line for line in report.transcript)


def test_a_silent_server_is_not_waited_for_for_long(serve: Serve) -> None:
    server = serve(Script(on("CONNECT", SILENCE)))
    report = report_on(server, timeouts=replace(PATIENCE, greeting=0.1))
    assert "no greeting" in report.trouble


def test_the_command_prints_everything(
    serve: Serve, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(Script(certificate=authority.issue("127.0.0.1", days=30)))
    address = f"127.0.0.1:{server.port}"
    assert probe_command.command(address, ca_file=Path(authority.ca_file)) == 0
    out = capsys.readouterr().out
    for part in ("SERVER -> CLIENT: 220", "PIPELINING", "Login: not offered", "TLS: TLSv1.3"):
        assert part in out
    assert "The certificate is good for this host." in out
    assert "(in 29d" in out or "(in 30d" in out  # a certificate of 30 days, just made


def test_the_command_prints_json(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    server = serve(Script())
    assert probe_command.command(f"127.0.0.1:{server.port}", as_json=True) == 1  # no TLS: not good
    found = json.loads(capsys.readouterr().out)
    assert found["extensions"]["SIZE"] == "10485760"
    assert found["transcript"]


def test_a_server_that_cannot_be_reached_ends_the_command_with_69(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(Script())
    server.stop()
    assert probe_command.command(f"127.0.0.1:{server.port}") == 69
    assert "No session: cannot connect" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("mx.example.com", "mx.example.com", 25),
        ("mx.example.com:587", "mx.example.com", 587),
        ("[::1]:465", "::1", 465),
        ("::1", "::1", 25),
    ],
)
def test_a_server_is_a_host_with_or_without_port(text: str, host: str, port: int) -> None:
    assert probe_command.split_server(text) == (host, port)


@pytest.mark.parametrize("text", ["", ":25", "mx.example.com:smtp", "mx.example.com:0"])
def test_anything_else_is_no_server(text: str) -> None:
    with pytest.raises(UsageError, match="is not a server"):
        probe_command.split_server(text)
