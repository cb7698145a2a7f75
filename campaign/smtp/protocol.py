"""The client's half of an SMTP session, without a socket and without a clock.

In: bytes from the server, letters.  Out: bytes for the server (`out`), settled letters.
Touches: nothing.

Commands are answered in order (RFC 5321, 4.1.1; RFC 2920), so the session is a queue of stages
that await their reply, and `ANSWERS` is the table of what each reply does there.  What the table
does not list means that client and server are out of step: the session is `broken`.

At most two letters are under way: `sent`, whose end of data awaits its reply, and `open`, whose
envelope or body follows.  An end of data is never written while another is unanswered.

How far ahead of the replies an envelope is written is its `Step`.  The session knows three and
takes the one that it is told, since some servers cannot bear what PIPELINING promises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, IntEnum, auto

from campaign.records import Letter, Reply, Stage
from campaign.smtp.commands import Notifications
from campaign.smtp.envelopes import Envelopes, Unfit
from campaign.smtp.extensions import Extensions
from campaign.smtp.replies.parsing import ReplyParser

Settled = tuple[Letter | None, Stage, Reply]  # no letter: the reply to a command of `ask`


class Phase(Enum):
    """Where the open letter stands."""

    NONE = auto()
    ENVELOPE = auto()  # MAIL, RCPT, DATA under way
    REFUSED = auto()  # settled; replies to the rest of its pipelined envelope are still to come
    BODY = auto()  # 354 came; the dot is not yet written


class Step(IntEnum):
    """How far ahead of the server's replies an envelope is written."""

    SINGLY = 0  # MAIL, RCPT and DATA each wait for the reply before them
    TOGETHER = 1  # the three in one write (RFC 2920), after the reply to the dot before them
    BEHIND_DOT = 2  # the three in the same write as the dot of the letter before


class Client:
    """One session.  Append nothing to `out`; write it to the server and clear it."""

    __slots__ = (
        "_awaited", "_envelopes", "_extensions", "_has_recipient", "_has_sender", "_is_grouped",
        "_most_step", "_needs_rset", "_parser", "_sent_step", "_settled", "_step", "_unwritten",
        "_without", "broken", "led_astray_by", "letters", "open", "open_step", "out", "phase",
        "progressed", "resets", "sent",
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
        self._has_sender = False
        self._has_recipient = False
        self._needs_rset = False
        self.resets = 0  # RSET said so far
        self._unwritten: list[bytes] = []  # commands of the open letter that wait for their turn
        self._most_step = Step.BEHIND_DOT
        self._step = Step.SINGLY
        self._is_grouped = False  # the open letter's MAIL, RCPT and DATA went in one write
        self.open_step = Step.SINGLY  # of the envelope written last
        self._sent_step = Step.SINGLY  # of the letter whose dot was written last
        self.led_astray_by = Step.SINGLY  # the step to blame, if client and server are out of step
        self._without: frozenset[str] = frozenset()
        self.extensions = Extensions()

    @property
    def extensions(self) -> Extensions:
        """What the server offers; set when the opening is through."""
        return self._extensions

    @extensions.setter
    def extensions(self, extensions: Extensions) -> None:
        self._extensions = extensions
        self.step = self._most_step
        self._envelopes.suit(extensions, extensions.keywords.keys() - self._without)

    def do_without(self, extensions: frozenset[str]) -> None:
        """Do not use these although they are offered; before the first envelope."""
        self._without = extensions
        self.extensions = self._extensions

    @property
    def step(self) -> Step:
        """That of the next envelopes: as set, at any time, where the server offers PIPELINING."""
        return self._step

    @step.setter
    def step(self, step: Step) -> None:
        self._most_step = step
        self._step = step if "PIPELINING" in self._extensions.keywords else Step.SINGLY

    def step_used(self, stage: Stage) -> Step:
        """That of the letter which the last reply at this stage has settled."""
        return self._sent_step if stage is Stage.DOT else self.open_step

    def parameters_used(self, letter: Letter) -> frozenset[str]:
        """The extensions whose parameters stand in the envelope of this letter."""
        flags = {
            "SIZE": self._envelopes.states_size,
            "DSN": self._envelopes.asks_for_notices,
            "8BITMIME": self._envelopes.says_body and letter.is_8bit,
        }
        # mypyc makes a set of a generator in frozenset().
        return frozenset([name for name, is_used in flags.items() if is_used])

    @property
    def is_ride_unanswered(self) -> bool:
        """An envelope was written behind a dot, and no word came on any of it."""
        return (
            self.open_step is Step.BEHIND_DOT
            and self.open is not None
            and self.awaits in (Stage.DOT, Stage.RSET, Stage.MAIL)
        )

    @property
    def awaits(self) -> Stage | None:
        """The command whose reply comes next."""
        return self._awaited[0] if self._awaited else None

    @property
    def is_at_rest(self) -> bool:
        """No letter is under way, and no reply is awaited."""
        return not self._awaited and self.phase is Phase.NONE

    @property
    def needs_reset(self) -> bool:
        """RSET goes before the next envelope."""
        return self._needs_rset

    @property
    def is_quiet(self) -> bool:
        """No command awaits its reply, and not a byte came that is not accounted for."""
        return not self._awaited and self._parser.is_empty and not self.broken

    @property
    def can_take(self) -> bool:
        """A further envelope may be written now."""
        if self.phase is not Phase.NONE:
            return False
        if not self._awaited:
            return True
        return self._awaited[-1] is Stage.DOT and self._step is Step.BEHIND_DOT

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

    def envelope(self, letter: Letter) -> tuple[Stage, Reply] | None:
        """Queue the envelope; or say how the server would refuse this letter, unasked.

        Only when `can_take`.
        """
        step = self._step
        try:
            mail, rcpt = self._envelopes.written(letter)
        except Unfit as unfit:
            self.open_step = Step.SINGLY
            return unfit.stage, unfit.reply
        awaited = self._awaited
        self.open = letter
        is_behind = step is Step.BEHIND_DOT and len(awaited) > 0
        self.open_step = step if is_behind or step is Step.SINGLY else Step.TOGETHER
        self._is_grouped = is_grouped = step is not Step.SINGLY
        self.letters += 1
        self._has_sender = False
        self._has_recipient = False
        self.phase = Phase.ENVELOPE
        if self._needs_rset:
            self._needs_rset = False
            self.resets += 1
            awaited.append(Stage.RSET)
            self.out.append(b"RSET\r\n")
            if not is_grouped:
                self._unwritten = [mail, rcpt]
                return None
        if is_grouped:
            self.out.append(mail + rcpt + b"DATA\r\n")
            awaited += _ENVELOPE
        else:
            self.out.append(mail)
            self._unwritten = [rcpt]
            awaited.append(Stage.MAIL)
        return None

    def end_data(self) -> None:
        """Queue the final dot of the open letter, whose body is written."""
        assert self.phase is Phase.BODY
        self.out.append(b".\r\n")
        self._awaited.append(Stage.DOT)
        self.sent, self.open = self.open, None
        self._sent_step = self.open_step
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
            act = ANSWERS[stage].get(reply.code // 100)
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
        """RSET is done; the MAIL behind it may have waited for that."""
        if not self._is_grouped and self.open is not None:
            self.out.append(self._unwritten.pop(0))
            self._awaited.append(Stage.MAIL)

    def _mail_taken(self, stage: Stage, reply: Reply) -> None:
        self._has_sender = True
        if not self._is_grouped and self.open is not None:
            self.out.append(self._unwritten.pop(0))
            self._awaited.append(Stage.RCPT)

    def _recipient_taken(self, stage: Stage, reply: Reply) -> None:
        self._has_recipient = True
        if not self._is_grouped:
            self.out.append(b"DATA\r\n")
            self._awaited.append(Stage.DATA)

    def _refuse(self, stage: Stage, reply: Reply) -> None:
        """A refusal settles the letter; those of the commands pipelined after it say nothing."""
        if self.phase is Phase.ENVELOPE:
            self._settled.append((self.open, stage, reply))
            self.open = None
            self.phase = Phase.REFUSED
        if stage is Stage.DATA or not self._is_grouped:
            self.phase = Phase.NONE
            self._needs_rset = self._has_sender

    def _go_ahead(self, stage: Stage, reply: Reply) -> None:
        """354: the body; or where the envelope was refused, a lone dot (RFC 2920, 3.1)."""
        if self.phase is Phase.ENVELOPE:
            self.phase = Phase.BODY
        elif self._has_recipient:  # a dot here would send somebody an empty message
            self._go_astray("DATA accepted after MAIL was refused", reply)
        else:
            self.phase = Phase.NONE
            self.out.append(b".\r\n")
            self._awaited.append(Stage.DOT)

    def _settle_sent(self, stage: Stage, reply: Reply) -> None:
        if self.sent is not None:  # else it was a lone dot
            self._settled.append((self.sent, stage, reply))
            self.sent = None

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
        if reply.code < 400 and self.letters:  # else it is their farewell
            self.led_astray_by = self.open_step


Act = Callable[[Client, Stage, Reply], None]

_ENVELOPE = (Stage.MAIL, Stage.RCPT, Stage.DATA)

_TOLD: dict[int, Act] = dict.fromkeys((2, 3, 4, 5), Client._hear)

ANSWERS: dict[Stage, dict[int, Act]] = {
    Stage.GREETING: _TOLD,
    Stage.EHLO: _TOLD,
    Stage.STARTTLS: _TOLD,
    Stage.AUTH: _TOLD,
    Stage.QUIT: _TOLD,
    Stage.RSET: {2: Client._forgotten, 4: Client._hear, 5: Client._hear},
    Stage.MAIL: {2: Client._mail_taken, 4: Client._refuse, 5: Client._refuse},
    Stage.RCPT: {2: Client._recipient_taken, 4: Client._refuse, 5: Client._refuse},
    Stage.DATA: {3: Client._go_ahead, 4: Client._refuse, 5: Client._refuse},
    Stage.DOT: {2: Client._settle_sent, 4: Client._settle_sent, 5: Client._settle_sent},
}
"""What a reply of each class (its first digit) does to the session, by the stage it answers."""
