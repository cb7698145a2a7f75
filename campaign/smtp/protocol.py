"""The client's half of an SMTP session, without a socket and without a clock.

In: bytes from the server, letters.  Out: bytes for the server (`out`), settled letters.
Touches: nothing.

Commands are answered in order (RFC 5321, 4.1.1; RFC 2920), so the session is a queue of stages
that await their reply, and `ANSWERS` is the table of what each reply does there.  What the table
does not list means that client and server are out of step: the session is `broken`.

At most two letters are under way: `sent`, whose end of data awaits its reply, and `open`, whose
envelope or body follows.  An end of data is never written while another is unanswered.

A letter goes in one of two forms.  In a steady flow: MAIL, RCPT, DATA behind the dot of the letter
before, then its body.  On a quiet connection to a server with CHUNKING (RFC 3030), whole: MAIL,
RCPT, `BDAT n LAST` and the body in one write, which saves a round trip.  While the replies to a
whole letter are awaited the table is `WHOLE_ANSWERS`; what may ride behind it is the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from campaign.records import Letter, Reply, Stage
from campaign.smtp.commands import Notifications
from campaign.smtp.envelopes import Envelopes, Unfit
from campaign.smtp.extensions import Extensions
from campaign.smtp.replies import ReplyParser

Settled = tuple[Letter | None, Stage, Reply]  # no letter: the reply to a command of `ask`


class Phase(Enum):
    """Where the open letter stands."""

    NONE = auto()
    ENVELOPE = auto()  # MAIL, RCPT, DATA under way
    REFUSED = auto()  # settled; replies to the rest of its pipelined envelope are still to come
    BODY = auto()  # 354 came; the dot is not yet written
    WHOLE = auto()  # to go in one write, nothing of it is written yet


class Client:
    """One session.  Append nothing to `out`; write it to the server and clear it."""

    __slots__ = (
        "_answers", "_awaited", "_chunking", "_envelopes", "_extensions", "_needs_rset", "_parser",
        "_pipelining", "_rcpt_taken", "_settled", "_unwritten", "_without", "broken",
        "led_astray_by", "letters", "open", "out", "phase", "progressed", "sent", "whole_row",
    )  # fmt: skip

    def __init__(self, notifications: Notifications | None = None) -> None:
        self.out: list[bytes] = []
        self.broken = ""  # why client and server are out of step
        self.letters = 0  # envelopes begun
        self.progressed = False  # the last bytes completed a reply
        self.sent: Letter | None = None
        self.open: Letter | None = None
        self.phase = Phase.NONE
        self._envelopes = Envelopes(notifications)
        self._parser = ReplyParser()
        self._awaited: deque[Stage] = deque()
        self._settled: list[Settled] = []
        self._rcpt_taken = False
        self._needs_rset = False
        self._answers = ANSWERS
        self._unwritten: list[bytes] = []  # commands of the open letter that wait for their turn
        self.whole_row = 0  # of the last letter that went whole
        self.led_astray_by: frozenset[str] = frozenset()  # to blame, if broken by being out of step
        self._without: frozenset[str] = frozenset()
        self.extensions = Extensions()

    @property
    def extensions(self) -> Extensions:
        """What the server offers; set when the opening is through."""
        return self._extensions

    @extensions.setter
    def extensions(self, extensions: Extensions) -> None:
        self._extensions = extensions
        usable = extensions.keywords.keys() - self._without
        self._pipelining = "PIPELINING" in usable
        self._chunking = self._pipelining and "CHUNKING" in usable
        self._envelopes.suit(extensions, usable)

    def do_without(self, extensions: frozenset[str]) -> None:
        """Do not use these although they are offered; before the first envelope."""
        self._without = extensions
        self.extensions = self._extensions

    def uses(self, letter: Letter) -> frozenset[str]:
        """The extensions that this letter makes use of."""
        flags = {
            "PIPELINING": self._pipelining,
            "SIZE": self._envelopes.states_size,
            "DSN": self._envelopes.asks_for_notices,
            "CHUNKING": letter.row == self.whole_row,
            "8BITMIME": self._envelopes.says_body and letter.is_8bit,
        }
        return frozenset(name for name, is_used in flags.items() if is_used)

    @property
    def awaits(self) -> Stage | None:
        """The command whose reply comes next."""
        return self._awaited[0] if self._awaited else None

    @property
    def is_quiet(self) -> bool:
        """No command awaits its reply, and not a byte came that is not accounted for."""
        return not self._awaited and self._parser.is_empty and not self.broken

    @property
    def can_take(self) -> bool:
        """A further envelope may be written now."""
        if self.phase is not Phase.NONE:
            return False
        return not self._awaited or (self._pipelining and self._awaited[-1] is Stage.DOT)

    def under_way(self) -> list[tuple[Letter, Stage]]:
        """Letters not settled, each with the stage whose reply is missing."""
        letters = [(self.sent, Stage.DOT)] if self.sent else []
        if self.open:
            stage = self.awaits if self.awaits in (Stage.RCPT, Stage.DATA) else Stage.MAIL
            letters.append((self.open, Stage.DATA if self.phase is Phase.BODY else stage))
        return letters

    def ask(self, stage: Stage, line: bytes = b"") -> None:
        """Queue a command outside of a letter; its reply is settled with no letter."""
        self._awaited.append(stage)
        if line:
            self.out.append(line)

    def envelope(self, letter: Letter, *, may_go_whole: bool = False) -> tuple[Stage, Reply] | None:
        """Queue the envelope; or say how the server would refuse this letter, unasked.

        Only when `can_take`.  With `may_go_whole` nothing is queued where the server and the
        session allow it (`Phase.WHOLE`): ask for the permission to end the data, then `whole()`.
        """
        try:
            mail, rcpt = self._envelopes.written(letter)
        except Unfit as unfit:
            return unfit.stage, unfit.reply
        self.open = letter
        self.letters += 1
        self._rcpt_taken = False
        awaited = self._awaited
        if may_go_whole and self._chunking and not awaited:
            self.phase = Phase.WHOLE
            self._unwritten = [mail, rcpt]
            return None
        self.phase = Phase.ENVELOPE
        if self._needs_rset:
            self._needs_rset = False
            awaited.append(Stage.RSET)
            self.out.append(b"RSET\r\n")
            if not self._pipelining:
                self._unwritten = [mail, rcpt]
                return None
        if self._pipelining:
            self.out.append(mail + rcpt + b"DATA\r\n")
            awaited += _ENVELOPE
        else:
            self.out.append(mail)
            self._unwritten = [rcpt]
            awaited.append(Stage.MAIL)
        return None

    def whole(self) -> tuple[bytes, bytes]:
        """Envelope and body of the open letter, which is `sent` with them.

        The body is not dot-stuffed (RFC 3030, 2).  Should its envelope be refused, the transaction
        may be left open: RSET goes before the next MAIL unless the letter was accepted before.
        """
        assert self.phase is Phase.WHOLE
        letter = self.open
        assert letter is not None
        body = _without_stuffing(letter.wire)
        reset = b"RSET\r\n" if self._needs_rset else b""
        self._awaited += (Stage.RSET, *_WHOLE) if reset else _WHOLE
        self._answers = WHOLE_ANSWERS
        self.whole_row = letter.row
        self._needs_rset = True
        self.sent, self.open = letter, None
        self.phase = Phase.NONE
        mail, rcpt = self._unwritten
        return b"%b%b%bBDAT %d LAST\r\n" % (reset, mail, rcpt, len(body)), body

    def end_data(self) -> None:
        """Queue the final dot of the open letter, whose body is written."""
        assert self.phase is Phase.BODY
        self.out.append(b".\r\n")
        self._awaited.append(Stage.DOT)
        self.sent, self.open = self.open, None
        self.phase = Phase.NONE

    def receive(self, data: bytes) -> list[Settled]:
        """What these bytes settle, in order; then look at `broken`, `phase` and `out`."""
        settled = self._settled = []
        awaited = self._awaited
        replies = self._parser.feed(data)
        self.progressed = bool(replies)
        for reply in replies:
            if not awaited:
                self._unasked(reply)
                continue
            stage = awaited.popleft()
            act = self._answers[stage].get(reply.code // 100)
            if act is None:
                self._go_astray(f"reply to {stage.upper()} out of step: {reply}", reply)
                awaited.appendleft(stage)
                return settled
            act(self, stage, reply)
        if self._parser.problem:
            self.broken = self._parser.problem
        return settled

    # What replies do; the table below says which when.

    def _hear(self, stage: Stage, reply: Reply) -> None:
        self._settled.append((None, stage, reply))

    def _forgotten(self, stage: Stage, reply: Reply) -> None:
        """The answer to RSET; without PIPELINING the MAIL behind it has waited for this."""
        if not self._pipelining and self.open is not None:
            self.out.append(self._unwritten.pop(0))
            self._awaited.append(Stage.MAIL)

    def _mail_taken(self, stage: Stage, reply: Reply) -> None:
        if not self._pipelining and self.open is not None:
            self.out.append(self._unwritten.pop(0))
            self._awaited.append(Stage.RCPT)

    def _recipient_taken(self, stage: Stage, reply: Reply) -> None:
        self._rcpt_taken = True
        if not self._pipelining:
            self.out.append(b"DATA\r\n")
            self._awaited.append(Stage.DATA)

    def _refuse(self, stage: Stage, reply: Reply) -> None:
        """A refusal settles the letter; those of the commands pipelined after it say nothing."""
        if self.phase is Phase.ENVELOPE:
            self._settled.append((self.open, stage, reply))
            self.open = None
            self.phase = Phase.REFUSED
        if stage is Stage.DATA or not self._pipelining:
            self.phase = Phase.NONE
            self._needs_rset = True

    def _go_ahead(self, stage: Stage, reply: Reply) -> None:
        """354: the body; or where the envelope was refused, a lone dot (RFC 2920, 3.1)."""
        if self.phase is Phase.ENVELOPE:
            self.phase = Phase.BODY
        elif self._rcpt_taken:  # a dot here would send somebody an empty message
            self._go_astray("DATA accepted after MAIL was refused", reply)
        else:
            self.phase = Phase.NONE
            self.out.append(b".\r\n")
            self._awaited.append(Stage.DOT)

    def _settle_sent(self, stage: Stage, reply: Reply) -> None:
        """A letter that went whole is settled by the refusal of MAIL or RCPT already: whatever
        BDAT is answered, nobody was to get it."""
        if self.sent is not None:  # else it is settled, or it was a lone dot
            self._settled.append((self.sent, stage, reply))
            self.sent = None

    def _take_whole_recipient(self, stage: Stage, reply: Reply) -> None:
        if self.sent is None:  # then somebody may get the letter after all
            self._go_astray("RCPT accepted after MAIL was refused", reply)

    def _whole_answered(self, stage: Stage, reply: Reply) -> None:
        self._answers = ANSWERS
        if self.sent is not None and reply.code < 300:
            self._needs_rset = False
        self._settle_sent(stage, reply)

    def _ignore(self, stage: Stage, reply: Reply) -> None:
        pass

    def _unasked(self, reply: Reply) -> None:
        """A reply nobody waits for: the server's early word on a body, its farewell, or garbage."""
        if self.phase is Phase.BODY and reply.code >= 400:
            self._settled.append((self.open, Stage.DATA, reply))
            self.open = None
            self.phase = Phase.NONE
            self.broken = f"the server answered before the end of the message: {reply}"
        elif reply.code == 421:
            self.broken = f"the server closes the connection: {reply}"
            self._settled.append((None, Stage.QUIT, reply))
        else:
            self._go_astray(f"a reply to nothing: {reply}", reply)

    def _go_astray(self, why: str, reply: Reply) -> None:
        self.broken = why
        if reply.code < 400 and self._pipelining and self.letters:  # else it is their farewell
            name = "PIPELINING" if self._answers is ANSWERS else "CHUNKING"
            self.led_astray_by = frozenset({name})


def _without_stuffing(wire: bytes) -> bytes:
    """The message as it is, its dot-stuffing taken away (RFC 5321, 4.5.2)."""
    body = wire.replace(b"\r\n..", b"\r\n.")
    return body[1:] if body.startswith(b"..") else body


Act = Callable[[Client, Stage, Reply], None]

_ENVELOPE = (Stage.MAIL, Stage.RCPT, Stage.DATA)
_WHOLE = (Stage.MAIL, Stage.RCPT, Stage.DOT)  # BDAT LAST ends the data as the dot does

_TOLD: dict[int, Act] = dict.fromkeys((2, 3, 4, 5), Client._hear)

ANSWERS: dict[Stage, dict[int, Act]] = {
    Stage.GREETING: _TOLD,
    Stage.EHLO: _TOLD,
    Stage.STARTTLS: _TOLD,
    Stage.AUTH: _TOLD,
    Stage.QUIT: _TOLD,
    Stage.RSET: {2: Client._forgotten},
    Stage.MAIL: {2: Client._mail_taken, 4: Client._refuse, 5: Client._refuse},
    Stage.RCPT: {2: Client._recipient_taken, 4: Client._refuse, 5: Client._refuse},
    Stage.DATA: {3: Client._go_ahead, 4: Client._refuse, 5: Client._refuse},
    Stage.DOT: {2: Client._settle_sent, 4: Client._settle_sent, 5: Client._settle_sent},
}
"""What a reply of each class (its first digit) does to the session, by the stage it answers."""

WHOLE_ANSWERS: dict[Stage, dict[int, Act]] = {
    **ANSWERS,
    Stage.MAIL: {2: Client._ignore, 4: Client._settle_sent, 5: Client._settle_sent},
    Stage.RCPT: {2: Client._take_whole_recipient, 4: Client._settle_sent, 5: Client._settle_sent},
    Stage.DOT: {2: Client._whole_answered, 4: Client._whole_answered, 5: Client._whole_answered},
}
"""The same for MAIL and RCPT of a letter that went whole, up to the reply to its BDAT."""
