"""One connection to the sandbox: aiosmtpd's dialogue with the simulator's answers.

In: commands on a socket.  Out: replies, kept messages, noted refusals.
Touches: the mailbox it is given.

aiosmtpd reads one command after the other from a stream and never throws away what waits in it
(save after STARTTLS, which is not offered here), so pipelined commands (RFC 2920) are answered
one by one and in order, and PIPELINING is announced although aiosmtpd itself does not.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from aiosmtpd.smtp import SMTP, Envelope, Session

from campaign.sandbox.mailbox import Mailbox
from campaign.sandbox.simulator import Simulator

HOST_NAME = "sandbox.example"
# Enhanced codes (RFC 3463) for the replies that aiosmtpd writes itself, without any; the greeting
# has none (RFC 2034, 4).
_ENHANCED = {
    "250": "2.0.0", "221": "2.0.0", "500": "5.5.2", "501": "5.5.4", "502": "5.5.1",
    "503": "5.5.1", "552": "5.3.4", "555": "5.5.4",
}  # fmt: skip
_WITHOUT_ENHANCED = re.compile(r"(?!220)([245]\d\d) (?!\d\.\d{1,3}\.\d{1,3}\b)")


@dataclass
class Counters:
    """What has happened since the start."""

    connections: int = 0
    messages: int = 0  # kept, also those whose sender was not told
    refused: int = 0  # 5xx
    deferred: int = 0  # 4xx
    dropped: int = 0  # connection lost instead of a reply


class Dialogue(SMTP):
    """aiosmtpd's protocol, kept in a set while it lives, with enhanced codes (RFC 2034)."""

    def __init__(self, answers: Answers, alive: set[Dialogue]) -> None:
        super().__init__(
            answers,
            hostname=HOST_NAME,
            ident="campaign sandbox: nothing leaves this machine",
            enable_SMTPUTF8=True,
            loop=asyncio.get_running_loop(),
        )
        self._alive = alive

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._alive.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._alive.discard(self)
        super().connection_lost(error)

    async def push(self, status: Any) -> None:
        if isinstance(status, str) and (bare := _WITHOUT_ENHANCED.match(status)):
            code = bare[1]
            status = f"{code} {_ENHANCED.get(code, code[0] + '.0.0')} {status[4:]}"
        await super().push(status)

    def hang_up(self) -> None:
        """Close at once, throwing away what was not sent."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


class Answers:
    """The hooks aiosmtpd calls, the same object for all connections."""

    def __init__(self, mailbox: Mailbox, simulator: Simulator, counters: Counters) -> None:
        self._mailbox = mailbox
        self._simulator = simulator
        self._counters = counters

    async def handle_EHLO(  # noqa: N802  aiosmtpd looks hooks up by these names
        self, server: Dialogue, session: Session, envelope: Envelope, name: str, lines: list[str]
    ) -> list[str]:
        session.host_name = name
        self._counters.connections += 1
        offered = [line[4:] for line in lines if not line.endswith(" HELP")]
        offered += ["PIPELINING", "ENHANCEDSTATUSCODES"]
        last = len(offered) - 1
        # In one string: one write, and not taken for a reply that lacks an enhanced code.
        separated = (f"250{' ' if at == last else '-'}{text}" for at, text in enumerate(offered))
        return ["\r\n".join(separated)]

    async def handle_MAIL(  # noqa: N802
        self,
        server: Dialogue,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(  # noqa: N802
        self,
        server: Dialogue,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        reply = self._simulator.at_rcpt(address)
        if not reply:
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 Recipient ok"
        self._refuse("rcpt", envelope, [address], reply)
        if reply.startswith("421"):  # RFC 5321, 3.8: the server closes after it
            await server.push(reply)
            _end()
        return reply

    async def handle_DATA(  # noqa: N802
        self, server: Dialogue, session: Session, envelope: Envelope
    ) -> str:
        outcome = self._simulator.at_dot(envelope.rcpt_tos)
        if outcome.refusal:
            self._refuse("dot", envelope, envelope.rcpt_tos, outcome.refusal)
            return outcome.refusal
        if outcome.delay_s:
            await asyncio.sleep(outcome.delay_s)
        assert isinstance(envelope.content, bytes)
        sender = _sender(envelope)
        kept = self._mailbox.keep(sender, envelope.rcpt_tos, envelope.content)
        self._counters.messages += 1
        if outcome.hangs_up:
            self._counters.dropped += 1
            self._mailbox.refuse("dot", sender, envelope.rcpt_tos, "", kept.name)
            server.hang_up()
            _end()
        return f"250 2.0.0 Kept as {kept.name}"

    def _refuse(self, stage: str, envelope: Envelope, recipients: list[str], reply: str) -> None:
        if reply.startswith("4"):
            self._counters.deferred += 1
        else:
            self._counters.refused += 1
        self._mailbox.refuse(stage, _sender(envelope), recipients, reply)


def _sender(envelope: Envelope) -> str:
    """The envelope's sender; aiosmtpd calls the null sender "<>"."""
    return "" if envelope.mail_from in (None, "<>") else str(envelope.mail_from)


def _end() -> NoReturn:
    """Leave the dialogue: aiosmtpd closes the connection of a cancelled handler."""
    raise asyncio.CancelledError
