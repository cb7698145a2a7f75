"""What a mail server says for itself: an opening of a session, written down.

In: a host and a port.  Out: `ProbeReport`.  Touches: that server, twice at most.

First without verifying, to see everything; then, where there was TLS, once more with the
certificate verified as a run would.  No letter, no login.
"""

from __future__ import annotations

import asyncio
import io
from contextlib import suppress
from dataclasses import dataclass, replace

from campaign.clock import Clock
from campaign.errors import RelayError
from campaign.records import Letter, Reply, Stage
from campaign.routing.tls.certificates import Certificate, read_certificate
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import ConnectRefused, Endpoint, Security, Timeouts
from campaign.smtp.ends import End
from campaign.smtp.inspect import TlsFacts, tls_facts
from campaign.smtp.opening.connect import connect
from campaign.smtp.transcript import Transcript

SUBMISSIONS = 465  # TLS from the first byte (RFC 8314, 3.3)
PATIENCE = Timeouts(connect=15, greeting=60, hello=60, starttls=30, quit=5)  # a person waits


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What came of it."""

    host: str
    port: int
    transcript: tuple[str, ...]
    trouble: str = ""  # why the session did not open; then what follows is empty
    calls_itself: str = ""
    extensions: tuple[tuple[str, str], ...] = ()  # keyword, parameters; as offered last
    mechanisms: tuple[str, ...] = ()
    tls_version: str = ""  # "" for clear text
    cipher: str = ""
    chain: tuple[Certificate, ...] = ()  # the server's own first
    tls_trouble: str = ""  # why there is no TLS, or the certificate is not good


async def probe(
    host: str,
    port: int,
    *,
    clock: Clock,
    security: Security | None = None,
    hello: str = "",
    ca_file: str = "",
    timeouts: Timeouts = PATIENCE,
) -> ProbeReport:
    """Open a session and leave; `security` None: TLS by the port, else STARTTLS if it is there."""
    endpoint = Endpoint(
        name=host,
        host=host,
        port=port,
        security=security or ("tls" if port == SUBMISSIONS else "starttls"),
        hello=hello,
        ca_file=ca_file,
        verify=False,
    )
    lines = _Lines()
    tls_trouble = ""
    try:
        seen = await _visit(endpoint, timeouts, Transcript(lines, clock))
    except RelayError as error:
        stage = error.stage if isinstance(error, ConnectRefused) else Stage.STARTTLS
        if security or stage is not Stage.STARTTLS or endpoint.security == "tls":
            return ProbeReport(host, port, lines.whole, error.what)
        tls_trouble = error.what
        lines = _Lines()
        clear = replace(endpoint, security="none")
        try:
            seen = await _visit(clear, timeouts, Transcript(lines, clock))
        except RelayError as error:
            return ProbeReport(host, port, lines.whole, error.what)
    report = _report(seen, host, port, lines.whole, tls_trouble)
    if seen.tls is None:
        return report
    try:
        await _visit(replace(endpoint, verify=True), timeouts, None)
    except RelayError as error:
        return replace(report, tls_trouble=error.what)
    return report


@dataclass(frozen=True, slots=True)
class _Seen:
    """What an open session showed."""

    calls_itself: str
    keywords: dict[str, str]
    mechanisms: frozenset[str]
    tls: TlsFacts | None


async def _visit(endpoint: Endpoint, timeouts: Timeouts, transcript: Transcript | None) -> _Seen:
    visitor = Visitor()
    connection = await connect(endpoint, visitor, limit=1, timeouts=timeouts, transcript=transcript)
    offered = connection.extensions
    seen = _Seen(
        offered.name, dict(offered.keywords), offered.login_mechanisms, tls_facts(connection)
    )
    connection.finish()
    with suppress(TimeoutError):
        async with asyncio.timeout(timeouts.quit * 2):
            await visitor.has_left.wait()
    return seen


def _report(
    seen: _Seen, host: str, port: int, transcript: tuple[str, ...], tls_trouble: str
) -> ProbeReport:
    tls = seen.tls or TlsFacts("", "", ())
    try:
        chain = tuple(read_certificate(der) for der in tls.chain)
    except ValueError as error:
        chain, tls_trouble = (), f"a certificate cannot be read: {error}"
    return ProbeReport(
        host,
        port,
        transcript,
        calls_itself=seen.calls_itself,
        extensions=tuple(sorted(seen.keywords.items())),
        mechanisms=tuple(sorted(seen.mechanisms)),
        tls_version=tls.version,
        cipher=tls.cipher,
        chain=chain,
        tls_trouble=tls_trouble,
    )


class _Lines(io.StringIO):
    """A transcript in memory, still to be read when the session has closed it."""

    whole: tuple[str, ...] = ()

    def write(self, text: str) -> int:
        self.whole += tuple(text.splitlines())
        return len(text)


class Visitor:
    """A courier without letters."""

    def __init__(self) -> None:
        self.has_left = asyncio.Event()

    def next_letter(self, connection: Connection) -> Letter | None:
        return None

    def permit_dot(self, connection: Connection, letter: Letter, go: object) -> None:
        raise AssertionError("there is no letter")

    def answered(self, connection: Connection, letter: Letter, stage: Stage, reply: Reply) -> None:
        raise AssertionError("there is no letter")

    def lost(
        self, connection: Connection, letter: Letter, stage: Stage, dot_written: bool, why: str
    ) -> None:
        raise AssertionError("there is no letter")

    def closed(self, connection: Connection, end: End) -> None:
        self.has_left.set()
