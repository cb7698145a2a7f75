"""The server that takes submissions, until it is told to stop.

In: an intake, keys, where to listen, a certificate.  Out: served connections.
Touches: a port.  Fails with UsageError, ConfigError.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP

from campaign.errors import ConfigError, UsageError
from campaign.intake.api.keys import Keys
from campaign.intake.smtp.submitting import Accepting, Submissions
from campaign.intake.troubles import Troubles

CONNECTIONS_MAX = 200  # each may hold one message in memory
IDLE_S = 300.0  # RFC 5321, 4.5.3.2.7
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# Enhanced codes (RFC 3463) for the replies that aiosmtpd writes itself without any.
_ENHANCED = {
    "250": "2.0.0", "221": "2.0.0", "500": "5.5.2", "501": "5.5.4", "502": "5.5.1",
    "503": "5.5.1", "530": "5.7.0", "538": "5.7.11", "552": "5.3.4", "555": "5.5.4",
}  # fmt: skip
_BARE = re.compile(r"(?!220|250[- ][A-Z])([245]\d\d) (?!\d\.\d{1,3}\.\d{1,3}\b)")


def _is_news(record: logging.LogRecord) -> bool:
    """aiosmtpd warns of its own `login_data` at every login, and nobody here uses it."""
    return "login_data" not in record.getMessage()


logging.getLogger("mail.log").addFilter(_is_news)


class SubmissionDialogue(SMTP):
    """One connection."""

    def __init__(self, hooks: Submissions, alive: set[SubmissionDialogue], **options: Any) -> None:
        super().__init__(
            hooks,
            loop=asyncio.get_running_loop(),
            authenticator=hooks.authenticate,
            auth_exclude_mechanism=["CRAM-MD5"],  # would need the key itself
            timeout=IDLE_S,
            ident="campaign",
            **options,
        )
        # Set here, as the constructor would warn of loopback, where no certificate is needed.
        self._auth_required = True
        self._alive = alive

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._alive) >= CONNECTIONS_MAX:
            assert isinstance(transport, asyncio.Transport)
            transport.write(b"421 4.3.2 Too many connections, try again later\r\n")
            transport.close()
            return
        self._alive.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._alive:
            self._alive.discard(self)
            super().connection_lost(error)

    async def push(self, status: Any) -> None:
        if isinstance(status, str) and (bare := _BARE.match(status)):
            code = bare[1]
            status = f"{code} {_ENHANCED.get(code, code[0] + '.0.0')} {status[4:]}"
        await super().push(status)
        if isinstance(status, str) and status.startswith("421") and self.transport:
            self.transport.close()

    def hang_up(self) -> None:
        if isinstance(self.transport, asyncio.Transport):
            self.transport.close()


def refuse_clear_text(host: str, *, has_certificate: bool) -> None:
    """Raises ConfigError where keys would travel in clear text beyond this machine."""
    if not has_certificate and host not in _LOOPBACK:
        raise ConfigError(
            "without a certificate the keys of applications would travel in clear text",
            remedy='add certificate = { cert = "mail.pem", key = "mail.key" } to [serve], or listen'
            " on 127.0.0.1",
        )


@asynccontextmanager
async def taking_submissions(
    intake: Accepting,
    keys: Keys,
    host: str,
    port: int,
    *,
    size_max: int,
    troubles: Troubles,
    context: Any = None,
) -> AsyncIterator[int]:
    """Submissions are taken while the block lasts; its value is the port.

    context: an ssl.SSLContext for STARTTLS, which is required then
    """
    refuse_clear_text(host, has_certificate=context is not None)
    hooks = Submissions(intake, keys, troubles)
    alive: set[SubmissionDialogue] = set()

    def dialogue() -> SubmissionDialogue:
        return SubmissionDialogue(
            hooks,
            alive,
            data_size_limit=size_max,
            tls_context=context,
            require_starttls=context is not None,
            auth_require_tls=context is not None,
        )

    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(dialogue, host, port, backlog=512)
    except OSError as trouble:
        raise UsageError(
            f"cannot listen on {host}:{port} for SMTP: {trouble.strerror}",
            remedy="name another place: --smtp 127.0.0.1:2525",
        ) from None
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in list(alive):
            each.hang_up()
        await server.wait_closed()
