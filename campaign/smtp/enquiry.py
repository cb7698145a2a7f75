"""A session in which no letter is sent: would this recipient be taken?

In: `Endpoint`, addresses.  Out: replies to MAIL and RCPT.  Touches: one socket.
Fails: with ConnectRefused or RelayError; afterwards the session is gone.

DATA is never said.  Each question is a transaction of its own, forgotten by RSET: some servers
answer 452 to a second recipient whoever that is.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from campaign.errors import RelayError
from campaign.records import Reply, Stage
from campaign.smtp.commands import LONG_COMMAND_OCTETS, command_line, path_of
from campaign.smtp.endpoint import Endpoint, Timeouts
from campaign.smtp.opening.connect import Opening, opened
from campaign.smtp.tls import NoTls


async def enquire(endpoint: Endpoint, timeouts: Timeouts) -> Enquiry:
    """An open session; in clear text where security is opportunistic and TLS cannot be had."""
    try:
        return Enquiry(await opened(endpoint, timeouts))
    except NoTls:
        if endpoint.security != "opportunistic":
            raise
        return Enquiry(await opened(replace(endpoint, security="none"), timeouts))


class Enquiry:
    """See `enquire`."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._has_sender = False

    async def about(self, sender: str, recipient: str) -> tuple[Stage, Reply]:
        """The reply to RCPT, or that to MAIL or RSET where it was a refusal.

        Both addresses are ASCII.  CommandError for what cannot be written.
        """
        mail = command_line(f"MAIL FROM:<{path_of(sender)}>", LONG_COMMAND_OCTETS)
        rcpt = command_line(f"RCPT TO:<{path_of(recipient)}>", LONG_COMMAND_OCTETS)
        lines = [(Stage.MAIL, mail), (Stage.RCPT, rcpt)]
        if self._has_sender:
            lines.insert(0, (Stage.RSET, b"RSET\r\n"))
        for stage, line in lines:
            reply = await self._opening.ask(stage, line)
            if reply.code >= 300:
                break
            self._has_sender = stage is not Stage.RSET
        return stage, reply

    async def leave(self) -> None:
        """RSET and QUIT, as far as the server still listens."""
        with suppress(RelayError):
            if self._has_sender:
                await self._opening.ask(Stage.RSET, b"RSET\r\n")
            await self._opening.ask(Stage.QUIT, b"QUIT\r\n")
        self._opening.wire.close()
