"""The frozen nouns that travel between rooms.

In: nothing.  Out: plain immutable records.  Touches: nothing.

Those that a run makes for each letter are `Record`s; the rest are named tuples and frozen
dataclasses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, NamedTuple


class Record:
    """A record that is made for every letter: equal, hashed and shown by its FIELDS.

    Why fast: its `__init__` is written out.  Compiled, that makes one with eight fields in 0.04 µs,
    where a dataclass with slots takes 0.36 and a frozen one 1.2 (mypyc and `time.process_time`
    over 200,000 of each), and its fields are read without a dictionary.  A letter is six of them
    and some sixty reads: more than a twentieth of what the process with the sockets does for it.
    """

    __slots__ = ()
    FIELDS: ClassVar[tuple[str, ...]] = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, Record):
            return False
        return other._values() == self._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = ", ".join([f"{name}={_shown(getattr(self, name))}" for name in type(self).FIELDS])
        return f"{type(self).__name__}({shown})"

    def _values(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in type(self).FIELDS])


def _shown(value: object) -> str:
    """A value for `repr`; a whole letter as its size, which may be 50 MB."""
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else repr(value)


class State(StrEnum):
    """Where a recipient stands.  `claimed` is in memory only and therefore not here."""

    PLANNED = "planned"
    DEFERRED = "deferred"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    HELD = "held"


SETTLED = frozenset(
    {State.SENT, State.FAILED, State.SKIPPED, State.EXPIRED, State.CANCELLED, State.HELD}
)


def settled_of(counts: Mapping[State, int]) -> int:
    """How many of all these are settled."""
    return sum(count for state, count in counts.items() if state in SETTLED)


def unsettled_of(counts: Mapping[State, int]) -> int:
    """How many are still to be settled."""
    return sum(count for state, count in counts.items() if state not in SETTLED)


def is_begun(counts: Mapping[State, int]) -> bool:
    """Was anybody tried, or settled otherwise than by the plan?"""
    return any(counts.get(state) for state in State if state not in (State.PLANNED, State.SKIPPED))


class Stage(StrEnum):
    """The point of an SMTP session a reply belongs to (RFC 5321, 4.3.2)."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"
    RSET = "rset"
    QUIT = "quit"


class Source(NamedTuple):
    """One recipient file as it was read."""

    name: str  # relative to the campaign folder
    columns: tuple[str, ...]
    encoding: str
    confidence: float | None  # 0..1; None where nothing had to be guessed
    delimiter: str
    sha256: str = ""


class Entry(NamedTuple):
    """One row of a list, cleaned: a recipient to plan, or a reject with its reason."""

    source: int  # index of the Source
    line: int  # line of the file where the row starts, 1 = first line of the file
    address: str  # what goes into the envelope; for a reject the cell as typed
    key: str  # equal keys are the same person
    domain: str  # A-label, lower case; "" for a reject
    data: str  # JSON array of the cells, in the column order of the source
    reason: str  # "" = to be sent, otherwise why not, e.g. "address: no @ in 'ada'"
    group: str = ""  # rows with the same one become one message; "" stands alone


class Job(Record):
    """A recipient on the way to a render worker.

    row: 1-based number of the recipient in the plan
    data: as in Entry; of a group, with all its rows as the last item
    snapshot: what its own attachments were when it was planned; "" is not compared
    repeat: tells it from the first letter to the same person, whose is ""
    token: for its unsubscribe link; made where the secret is, when it goes to a worker
    date_s: Unix time that its Date says; 0.0: the plan's
    """

    FIELDS = ("row", "source", "address", "key", "data", "snapshot", "repeat", "token", "date_s")
    __slots__ = FIELDS

    def __init__(
        self, row: int, source: int, address: str, key: str, data: str,
        snapshot: str = "", repeat: str = "", token: str = "", date_s: float = 0.0,
    ) -> None:  # fmt: skip
        self.row: Final = row
        self.source: Final = source
        self.address: Final = address
        self.key: Final = key
        self.data: Final = data
        self.snapshot: Final = snapshot
        self.repeat: Final = repeat
        self.token: Final = token
        self.date_s: Final = date_s

    @property
    def letter_key(self) -> str:
        """What names of this one letter are made from, where `key` is the person."""
        return self.key + self.repeat


class Message(Record):
    """A finished message.

    wire: RFC 5322 text with CRLF line ends, ending in CRLF, without the terminating dot, as it
        travels: dot-stuffed (RFC 5321, 4.5.2), which changes nothing where rendering made it,
        since no line of such a message begins with a dot.  ASCII, but for a message that needs
        SMTPUTF8: its headers may be UTF-8 (RFC 6532)
    size_bytes: for the SIZE parameter of MAIL (RFC 1870)
    problem: why the row could not be rendered; then wire is empty
    snapshot: SHA-256 over its own attachments, in hex; "" has none
    """

    FIELDS = ("row", "wire", "size_bytes", "needs_smtputf8", "problem", "snapshot")
    __slots__ = FIELDS

    def __init__(
        self, row: int, wire: bytes, size_bytes: int, needs_smtputf8: bool,
        problem: str = "", snapshot: str = "",
    ) -> None:  # fmt: skip
        self.row: Final = row
        self.wire: Final = wire
        self.size_bytes: Final = size_bytes
        self.needs_smtputf8: Final = needs_smtputf8
        self.problem: Final = problem
        self.snapshot: Final = snapshot


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete SMTP reply."""

    code: int
    lines: tuple[str, ...]  # text of each line, without code and separator; controls escaped
    enhanced: str = ""  # "4.7.28", from the first line that carries one (RFC 2034)

    @property
    def text(self) -> str:
        """All lines joined by a space, enhanced codes kept as sent."""
        return " ".join(self.lines)

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()


class ReplyClass(StrEnum):
    """What a reply is about; the rows of shared/replies.md."""

    ACCEPTED = "accepted"
    RECIPIENT_GONE = "recipient-gone"
    RECIPIENT_REFUSES = "recipient-refuses"
    RECIPIENT_TRANSIENT = "recipient-transient"
    RECIPIENT_THROTTLE = "recipient-throttle"
    MESSAGE = "message"
    POLICY = "policy"
    QUOTA = "quota"
    THROTTLE = "throttle"
    TOO_MANY_RECIPIENTS = "too-many-recipients"
    CONNECTION = "connection"
    RECONNECT = "reconnect"  # the server wants a new connection after n messages
    PROTOCOL = "protocol"
    LOGIN = "login"
    TLS = "tls"
    IN_DOUBT = "in-doubt"
    NOT_TAKEN = "not-taken"  # a relay's log settled the doubt: no copy was accepted
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reply asks of us."""

    class_: ReplyClass
    state: State  # SENT, FAILED or DEFERRED
    uses_attempt: bool = True  # a throttle, a policy, a lost connection do not
    drops_connection: bool = False
    suppresses: bool = False  # the address is dead: never again
    pause_s: float = 0.0  # how long the site should rest, where the provider says so
    counts_for_breaker: bool = False


TOKEN_MARK = "{token}"  # stands for the token in [bounces] envelope_from
TOKEN_LENGTH = 32  # characters of an envelope sender's token


class SoftPolicy(NamedTuple):
    """When soft bounces suppress: either number is enough; 0 is not counted."""

    in_a_row: int = 5  # without an accepted letter between
    campaigns: int = 0  # different ones, without an accepted letter between
    within_s: float = 90 * 86400.0  # older ones are forgotten


CHANGE_FIELDS = (
    "row", "state", "at", "attempts", "sendings", "resends", "due", "reason", "class_", "code",
    "enhanced", "reply", "relay", "date_s",
)  # fmt: skip


class Change(Record):
    """One transition of one recipient, as the journal takes it.

    at: Unix time
    attempts: tries against the retry schedule
    sendings: how often the final dot was permitted, ever
    resends: how often a recipient in doubt was sent again
    due: for DEFERRED, not before this Unix time
    before: the state that is left, for the sums; None: whoever writes it has not kept it
    date_s: of SENDING, the Date of the message whose dot is permitted (Unix time)

    SENDING says nothing of a reply: it has no due, reason, class, code, enhanced code or reply.
    """

    FIELDS = (*CHANGE_FIELDS, "before")
    __slots__ = FIELDS

    def __init__(
        self, row: int, state: State, at: float, attempts: int, sendings: int, resends: int,
        due: float = 0.0, reason: str = "", class_: str = "", code: int = 0, enhanced: str = "",
        reply: str = "", relay: str = "", before: State | None = None, date_s: float = 0.0,
    ) -> None:  # fmt: skip
        self.row: Final = row
        self.state: Final = state
        self.at: Final = at
        self.attempts: Final = attempts
        self.sendings: Final = sendings
        self.resends: Final = resends
        self.due: Final = due
        self.reason: Final = reason
        self.class_: Final = class_
        self.code: Final = code
        self.enhanced: Final = enhanced
        self.reply: Final = reply
        self.relay: Final = relay
        self.before: Final = before
        self.date_s: Final = date_s


class Claim(Record):
    """A recipient that may be sent now, as read from the journal.

    first_at: Unix time when a server first had to do with it; 0.0 before it
    state: what it was claimed from, PLANNED or DEFERRED
    data, snapshot, repeat: as in Job
    date_s: the Date that its message had when its dot was first permitted; 0.0 before it
    expires_s: Unix time from which its dot is not written any more; 0.0: its attempts decide
    """

    FIELDS = (
        "row", "source", "address", "key", "domain", "data", "attempts", "sendings", "resends",
        "first_at", "state", "snapshot", "repeat", "date_s", "expires_s",
    )  # fmt: skip
    __slots__ = FIELDS

    def __init__(
        self, row: int, source: int, address: str, key: str, domain: str, data: str,
        attempts: int, sendings: int, resends: int, first_at: float,
        state: State = State.PLANNED, snapshot: str = "", repeat: str = "", date_s: float = 0.0,
        expires_s: float = 0.0,
    ) -> None:  # fmt: skip
        self.expires_s: Final = expires_s
        self.row: Final = row
        self.source: Final = source
        self.address: Final = address
        self.key: Final = key
        self.domain: Final = domain
        self.data: Final = data
        self.attempts: Final = attempts
        self.sendings: Final = sendings
        self.resends: Final = resends
        self.first_at: Final = first_at
        self.state: Final = state
        self.snapshot: Final = snapshot
        self.repeat: Final = repeat
        self.date_s: Final = date_s


class Letter(Record):
    """A message with its envelope, ready for a connection.

    sender: MAIL FROM, without angle brackets; "" is the null sender
    recipient: RCPT TO
    wire: as Message.wire
    date_s: Unix time that its Date says
    """

    FIELDS = (
        "row", "sender", "recipient", "wire", "size_bytes", "needs_smtputf8", "claim", "date_s",
    )  # fmt: skip
    __slots__ = FIELDS

    def __init__(
        self, row: int, sender: str, recipient: str, wire: bytes, size_bytes: int,
        needs_smtputf8: bool, claim: Claim, date_s: float = 0.0,
    ) -> None:  # fmt: skip
        self.row: Final = row
        self.sender: Final = sender
        self.recipient: Final = recipient
        self.wire: Final = wire
        self.size_bytes: Final = size_bytes
        self.needs_smtputf8: Final = needs_smtputf8
        self.claim: Final = claim
        self.date_s: Final = date_s

    @property
    def is_8bit(self) -> bool:
        """Whether the wire is more than ASCII (RFC 6152)."""
        return self.needs_smtputf8 and not self.wire.isascii()


class PlanRecord(NamedTuple):
    """What was frozen when the plan was made."""

    campaign: str
    plan_id: str  # random; two plans never share it
    key: bytes  # HMAC key of Message-IDs and boundaries
    date_s: float  # Unix time that messages carry as their Date until one is to be sent
    hashes: dict[str, str]  # file, relative to the campaign folder -> SHA-256; setting -> JSON
    created_s: float
    message_id_domain: str  # what stands after the @ of every Message-ID: the domain of From
