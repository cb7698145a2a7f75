"""`campaign probe`: what a mail server says for itself.

In: a host and a port.  Out: transcript, extensions, login mechanisms, TLS and certificates.
Touches: that server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from campaign.cli.arguments import JsonOption
from campaign.cli.terminal.tables import escape, table
from campaign.clock import Clock, iso
from campaign.errors import EXIT_DONE, EXIT_SOME_FAILED, EXIT_UNAVAILABLE, UsageError
from campaign.units import show_duration

if TYPE_CHECKING:
    from campaign.preflight.probe import ProbeReport
    from campaign.routing.tls.certificates import Certificate

EXAMPLES = (
    "campaign probe smtp.example.com:587",
    "campaign probe mx.example.com",
)
_DEFAULT_PORT = 25  # between servers, where `campaign mx` leads


def command(
    server: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="Port 25 if none is given.")],
    security: Annotated[
        Literal["auto", "starttls", "tls", "none"],
        typer.Option(help="auto: TLS on port 465, elsewhere STARTTLS if it is offered."),
    ] = "auto",
    hello: Annotated[str, typer.Option(metavar="NAME", help="Name to give in EHLO.")] = "",
    ca_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Certificates to trust instead of the system's (PEM)."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Print what a mail server says and shows.

    Opens a session and leaves. The exit code is 1 where its TLS or certificate is not good.
    """
    import asyncio  # 50 ms

    from campaign.clock import SystemClock
    from campaign.preflight.probe import probe

    host, port = split_server(server)
    clock = SystemClock()
    report = asyncio.run(
        probe(
            host,
            port,
            clock=clock,
            security=None if security == "auto" else security,
            hello=hello,
            ca_file=str(ca_file or ""),
        )
    )
    if as_json:
        print(json.dumps(as_object(report), ensure_ascii=False))
    else:
        print("\n".join(as_lines(report, clock)))
    if report.trouble:
        return EXIT_UNAVAILABLE
    return EXIT_SOME_FAILED if report.tls_trouble else EXIT_DONE


def split_server(text: str) -> tuple[str, int]:
    """ "mx.example.com", "mx.example.com:587", "[::1]:25", "::1".  UsageError."""
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise UsageError(
            f"'{text}' is not a server", remedy="write mx.example.com or 192.0.2.1:587"
        )
    return host, int(port or _DEFAULT_PORT)


def as_lines(report: ProbeReport, clock: Clock) -> Iterator[str]:
    """For a person; the transcript in full, whatever its width."""
    yield f"{escape(report.host)} port {report.port}"
    yield from (f"  {escape(line)}" for line in report.transcript)
    if report.trouble:
        yield f"No session: {escape(report.trouble)}"
        return
    yield f"It calls itself {escape(report.calls_itself)}" if report.calls_itself else ""
    if report.extensions:
        yield "Extensions"
        yield from table(report.extensions)
    yield f"Login: {escape(' '.join(report.mechanisms)) or 'not offered'}"
    yield f"TLS: {f'{report.tls_version}, {report.cipher}' if report.tls_version else 'none'}"
    for number, certificate in enumerate(report.chain):
        yield f"Certificate {number + 1}"
        yield from table(_facts(certificate, clock.now_s()))
    if report.tls_trouble:
        yield f"Not good: {escape(report.tls_trouble)}"
    elif report.chain:
        yield "The certificate is good for this host."


def _facts(certificate: Certificate, now_s: float) -> list[tuple[str, str]]:
    left_s = certificate.ends_s - now_s
    left = f"in {show_duration(left_s)}" if left_s > 0 else f"{show_duration(-left_s)} ago"
    return [
        ("for", certificate.subject),
        ("names", ", ".join(certificate.names) or "none"),
        ("by", certificate.issuer),
        ("expires", f"{iso(certificate.ends_s)[:10]} ({left})"),
        ("key", certificate.key),
        ("TLSA 3 1 1", certificate.key_sha256),
    ]


def as_object(report: ProbeReport) -> dict[str, Any]:
    """For --json."""
    found = asdict(report)
    found["extensions"] = dict(report.extensions)
    for certificate in found["chain"]:
        certificate["begins"] = iso(certificate.pop("begins_s"))
        certificate["ends"] = iso(certificate.pop("ends_s"))
    return found
