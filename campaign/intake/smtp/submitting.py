"""What each command of a submission is answered (RFC 6409), and how a message becomes letters.

In: aiosmtpd's session and envelope.  Out: replies.  Touches: the intake.

250 to the final dot is said when every recipient's letter is durable, and not before.  The
Message-ID is the key: the same message again, after a lost reply or a crash, is answered as it was
the first time and sent to nobody twice.
"""

from __future__ import annotations

import hashlib
import logging
import re
from typing import Protocol

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from campaign.addresses.syntax import AddressError, parse_address
from campaign.errors import (
    BacklogFullError,
    BadLetterError,
    CampaignError,
    KeyConflictError,
)
from campaign.intake.api.keys import ApiCredential, Keys
from campaign.intake.requests import AcceptedRequest, LetterRequest
from campaign.intake.smtp.eight_bit import in_seven_bits
from campaign.intake.troubles import Troubles
from campaign.rendering.finished import message_id_of

RECIPIENTS_MAX = 100  # of one message; RFC 5321, 4.5.3.1.8 asks for as many
LOGINS_MAX = 3  # that fail on one connection
_SHOWN = 300  # characters of a sentence in a reply
_log = logging.getLogger("campaign.smtp")


class Accepting(Protocol):
    """The intake, as far as it is used here."""

    async def accept_together(self, requests: list[LetterRequest], /) -> list[AcceptedRequest]: ...


class Submissions:
    """The hooks that aiosmtpd calls, the same object for all connections."""

    def __init__(self, intake: Accepting, keys: Keys, troubles: Troubles) -> None:
        self._intake = intake
        self._keys = keys
        self._troubles = troubles

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: object
    ) -> AuthResult:
        """The password is a key; the user name says nothing, and may be anything."""
        assert isinstance(login, LoginPassword)
        password = login.password.decode("utf-8", "surrogateescape")
        credential = self._keys.credential(f"Bearer {password}")
        if credential is None:
            failed = getattr(session, "failed_logins", 0) + 1
            session.failed_logins = failed  # type: ignore[attr-defined]
            if failed >= LOGINS_MAX:
                said = "421 4.7.0 Too many logins failed"
                return AuthResult(success=False, handled=False, message=said)
            return AuthResult(success=False, handled=False)
        if credential.templates:
            said = "535 5.7.8 This key is for templates, and SMTP takes finished messages"
            return AuthResult(success=False, handled=False, message=said)
        return AuthResult(success=True, auth_data=credential)

    async def handle_EHLO(  # noqa: N802  aiosmtpd looks hooks up by these names
        self, server: SMTP, session: Session, envelope: Envelope, name: str, lines: list[str]
    ) -> list[str]:
        session.host_name = name
        # 8-bit text is not offered: the relay behind us may not take it, and to convert a message
        # would break its signatures.  What comes nonetheless is converted where it has none.
        offered = [line[4:] for line in lines if not line.endswith((" HELP", "8BITMIME"))]
        offered = [line.removeprefix("-") for line in offered]
        offered += ["PIPELINING", "ENHANCEDSTATUSCODES"]
        last = len(offered) - 1
        return [f"250{' ' if at == last else '-'}{text}" for at, text in enumerate(offered)]

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= RECIPIENTS_MAX:
            return f"452 4.5.3 No more than {RECIPIENTS_MAX} recipients in one message"
        try:
            parse_address(address)
        except AddressError as error:
            return _reply("553 5.1.3", error.asked)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        credential: object = session.auth_data
        if not isinstance(credential, ApiCredential):
            return "530 5.7.0 Authentication required"
        assert isinstance(envelope.content, bytes)
        message: bytes | None = envelope.content
        if not envelope.content.isascii():
            message = in_seven_bits(envelope.content)
        if message is None:
            return (
                "554 5.6.3 The message holds 8-bit text in its header, or in what is signed, and "
                "8BITMIME is not offered here"
            )
        requests = letters_of(credential, envelope.rcpt_tos, message)
        try:
            accepted = await self._intake.accept_together(requests)
        except CampaignError as error:
            self._troubles.note(error)
            return refusal(error)
        return f"250 2.0.0 Accepted as {accepted[0].id}"

    async def handle_exception(self, error: Exception) -> str:
        """A fault of ours: the application keeps the message, and comes again."""
        _log.error("a submission failed", exc_info=error)
        return "451 4.3.0 A fault in this server; try again later"


def letters_of(
    credential: ApiCredential, recipients: list[str], message: bytes
) -> list[LetterRequest]:
    """A letter for each recipient, each named once; the key of each is Message-ID and address."""
    message_id = message_id_of(message)
    scope = f"smtp {credential.name}"
    return [
        LetterRequest(
            to=address,
            message=message,
            key=_key(message_id, parse_address(address).key) if message_id else "",
            scope=scope,
        )
        for address in {parse_address(each).key: each for each in recipients}.values()
    ]


def refusal(error: CampaignError) -> str:
    """The reply to a message that is not taken: 4xx where it may come again."""
    match error:
        case KeyConflictError():
            return "554 5.6.0 This Message-ID was used before, for another message"
        case BadLetterError():
            return _reply("554 5.6.0", error.what)
        case BacklogFullError():
            return _reply("451 4.3.1", str(error))
    # Nothing of the paths and urls of this machine is told to whoever asks.
    return "451 4.3.0 Letters cannot be accepted just now; try again later"


def _key(message_id: str, person: str) -> str:
    """Of one recipient; a digest, since a Message-ID may be longer than a key."""
    return hashlib.sha256(f"{message_id}\0{person}".encode("utf-8", "replace")).hexdigest()


def _reply(code: str, sentence: str) -> str:
    """On one line, in ASCII (RFC 5321, 4.2)."""
    said = re.sub(r"[^ -~]+", "?", sentence)[:_SHOWN]
    return f"{code} {said[:1].upper()}{said[1:]}"
