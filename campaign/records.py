"""The frozen nouns that travel between rooms.

In: nothing.  Out: plain immutable records.  Touches: nothing.

Two kinds: `NamedTuple` for what exists once per recipient (a million of them are made and
pickled, and a tuple costs a third of a frozen dataclass), frozen dataclasses for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


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


class Job(NamedTuple):
    """A recipient on the way to a render worker."""

    row: int  # 1-based number of the recipient in the plan
    source: int
    address: str
    key: str
    data: str  # as in Entry; of a group, with all its rows as the last item
    snapshot: str = ""  # what its own attachments were when it was planned; "" is not compared
    repeat: str = ""  # tells it from the first letter to the same person, whose is ""

    @property
    def letter_key(self) -> str:
        """What names of this one letter are made from, where `key` is the person."""
        return self.key + self.repeat


class Message(NamedTuple):
    """A finished message.

    `wire` is RFC 5322 text with CRLF line ends, ending in CRLF, without the terminating dot, as it
    travels: dot-stuffed (RFC 5321, 4.5.2), which changes nothing where rendering made it, since
    no line of such a message begins with a dot.
    `size_bytes` is for the SIZE parameter of MAIL (RFC 1870).
    """

    row: int
    wire: bytes
    size_bytes: int
    needs_smtputf8: bool
    problem: str = ""  # why the row could not be rendered; then wire is empty
    snapshot: str = ""  # SHA-256 over its own attachments, in hex; "" has none


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


class Change(NamedTuple):
    """One transition of one recipient, as the journal takes it.

    `attempts` counts tries against the retry schedule; `sendings` counts how often the final
    dot was permitted, ever; `resends` how often a recipient in doubt was sent again.
    """

    row: int
    state: State
    at: float  # Unix time
    attempts: int
    sendings: int
    resends: int
    due: float = 0.0  # for DEFERRED: not before this Unix time
    reason: str = ""
    class_: str = ""
    code: int = 0
    enhanced: str = ""
    reply: str = ""
    relay: str = ""


class Letter(NamedTuple):
    """A message with its envelope, ready for a connection."""

    row: int
    sender: str  # MAIL FROM, without angle brackets; "" is the null sender
    recipient: str  # RCPT TO
    wire: bytes  # as Message.wire
    size_bytes: int
    needs_smtputf8: bool
    claim: Claim


class Claim(NamedTuple):
    """A recipient that may be sent now, as read from the journal."""

    row: int
    source: int
    address: str
    key: str
    domain: str
    data: str
    attempts: int
    sendings: int
    resends: int
    first_at: float  # Unix time when a server first had to do with it; 0.0 before it
    state: State = State.PLANNED  # what it was claimed from: PLANNED or DEFERRED
    snapshot: str = ""  # as in Job
    repeat: str = ""  # as in Job


class PlanRecord(NamedTuple):
    """What was frozen when the plan was made."""

    campaign: str
    plan_id: str  # random; two plans never share it
    key: bytes  # HMAC key of Message-IDs and boundaries
    date_s: float  # Unix time that every message carries as its Date
    hashes: dict[str, str]  # file, relative to the campaign folder -> SHA-256
    created_s: float
    message_id_domain: str  # what stands after the @ of every Message-ID: the domain of From


class Result(NamedTuple):
    """One line of `campaign results`; the fields of the contract, in its order."""

    row: int
    address: str
    key: str
    state: str
    reason: str
    class_: str  # written as "class"
    attempts: int
    code: int
    enhanced: str
    reply: str
    message_id: str
    relay: str
    sent_at: str  # RFC 3339, "" if never
    updated_at: str
