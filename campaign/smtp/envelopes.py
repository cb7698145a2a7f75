"""How the envelope of a letter is written for one server (RFC 5321, 4.1.1.2 and 4.1.1.3).

In: what the server offers, letters.  Out: MAIL and RCPT with the parameters of extensions, or how
this server would refuse the letter, unasked.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from campaign.records import Letter, Reply, Stage
from campaign.smtp.commands import (
    LONG_COMMAND_OCTETS,
    CommandError,
    Notifications,
    command_line,
    path_of,
    xtext,
)
from campaign.smtp.extensions import Extensions

_LEAST_LIMIT = 65_536
_NO_LIMIT = 1 << 62


class Unfit(Exception):
    """This server would refuse the letter: at which stage, with what reply."""

    def __init__(self, stage: Stage, code: int, text: str, enhanced: str) -> None:
        super().__init__(text)
        self.stage = stage
        self.reply = Reply(code, (text,), enhanced)


class Envelopes:
    """The envelopes of one session, once it is known what the server offers."""

    __slots__ = (
        "_from", "_max_size", "_notifications", "_offered", "_sender", "_wanted",
        "says_body", "states_size",
    )  # fmt: skip

    def __init__(self, notifications: Notifications | None) -> None:
        self._wanted = notifications  # None: none
        self._sender: str | None = None  # of the last letter
        self._from = b""  # MAIL FROM:<...> for it
        self.suit(Extensions(), ())

    def suit(self, offered: Extensions, usable: Collection[str]) -> None:
        """Write from now on as this server wants it; of what it offers some may not be used."""
        self._offered = offered
        # No server may take less than 64 KB (RFC 5321, 4.5.3.1.7): "SIZE 1" is a slip of its
        # config, and what it really takes it says itself.
        size = offered.max_size_bytes
        self._max_size = size if size >= _LEAST_LIMIT else _NO_LIMIT
        self.states_size = "SIZE" in usable
        self.says_body = "8BITMIME" in usable
        self._notifications = self._wanted if "DSN" in usable else None

    @property
    def asks_for_notices(self) -> bool:
        """Parameters of DSN (RFC 3461) are written."""
        return self._notifications is not None

    def written(self, letter: Letter) -> tuple[bytes, bytes]:
        """MAIL and RCPT, each with its CRLF.  Raises Unfit."""
        extras = b""
        if letter.size_bytes > self._max_size or letter.needs_smtputf8:
            self._refuse_unfit(letter)
            extras = b" BODY=8BITMIME" if self.says_body and letter.is_8bit else b""
            extras += b" SMTPUTF8" if letter.needs_smtputf8 else b""
        try:
            return self._mail(letter, extras), self._rcpt(letter)
        except CommandError as error:
            raise Unfit(Stage.RCPT, 553, str(error), "5.1.3") from None

    def _refuse_unfit(self, letter: Letter) -> None:
        if letter.size_bytes > self._max_size:
            text = (
                f"message of {letter.size_bytes} bytes exceeds the server's limit"
                f" of {self._max_size}"
            )
            raise Unfit(Stage.MAIL, 552, text, "5.3.4")
        if letter.needs_smtputf8 and "SMTPUTF8" not in self._offered:
            text = "the address needs SMTPUTF8, which the server does not offer"
            raise Unfit(Stage.RCPT, 553, text, "5.6.7")
        if letter.is_8bit and "8BITMIME" not in self._offered:
            text = "the message is 8-bit, which the server does not take"
            raise Unfit(Stage.MAIL, 554, text, "5.6.3")

    def _mail(self, letter: Letter, extras: bytes) -> bytes:
        sender = letter.sender
        if sender == self._sender:
            line = self._from
        else:
            text = f"MAIL FROM:<{path_of(sender)}>"
            line = command_line(text, LONG_COMMAND_OCTETS, utf8=letter.needs_smtputf8)[:-2]
            if sender.isascii():  # the same for the next letter, most likely
                self._sender, self._from = sender, line
        if self.states_size:
            line += b" SIZE=%d" % letter.size_bytes
        if self._notifications:
            if self._notifications.ret:
                extras += f" RET={self._notifications.ret.upper()}".encode()
            if self._notifications.envid:
                envid = xtext(f"{self._notifications.envid}.{letter.row}")
                extras += f" ENVID={envid}".encode()
        return line + extras + b"\r\n"

    def _rcpt(self, letter: Letter) -> bytes:
        text = f"RCPT TO:<{path_of(letter.recipient)}>"
        if self._notifications and self._notifications.notify:
            text += f" NOTIFY={','.join(self._notifications.notify).upper()}"
            if letter.recipient.isascii():
                text += f" ORCPT=rfc822;{xtext(letter.recipient)}"
        return command_line(text, LONG_COMMAND_OCTETS, utf8=letter.needs_smtputf8)
