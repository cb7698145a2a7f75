"""What became of letters, as it is read and shown: events, results, waits.

In: nothing.  Out: plain immutable records.  Touches: nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class EventKind(StrEnum):
    """What may come back of a letter."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    REPLIED = "replied"
    OPENED = "opened"
    CLICKED = "clicked"


MACHINE = "machine"  # class of an opening or a click that no person made


class Event(NamedTuple):
    """Something that came back after a server had accepted a message.

    `digest` is made from what told it: the same told twice is one event.
    """

    digest: str
    row: int  # of the plan
    at: float  # Unix time of what happened, as far as it is known
    kind: str  # an `EventKind`
    class_: str  # as a verdict on a reply would say; "" where it says nothing
    evidence: str  # the text that says so
    source: str  # where it was read: a file, a mailbox, a provider
    message_id: str  # of the message it is about, in angle brackets; "" where it is not known


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
    bounced_at: str = ""  # what came back stands beside the state
    bounce_class: str = ""
    complained_at: str = ""
    unsubscribed_at: str = ""


class ListRow(NamedTuple):
    """A recipient as the list has it."""

    file: str
    line: int  # of the file, 1 is its first
    cells: dict[str, str]  # by column; of a group those of its first row


class Awaited(NamedTuple):
    """What planned recipients wait for."""

    words: str = ""  # "": nothing that is known holds them up
    until_s: float | None = None  # Unix time when the first of them may go; None: nobody knows


NO_WAIT = Awaited()
