"""What the readers of bounces make: one notice for each recipient that is told of.

In: nothing.  Out: records.  Touches: nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

EVIDENCE_MAX = 1000  # characters kept of what was said


class Sort(StrEnum):
    """What a mail is."""

    BOUNCE = "bounce"  # of any kind: failed, delayed, delivered
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    REPLY = "reply"  # of a person
    AUTO_REPLY = "auto-reply"
    CHALLENGE = "challenge"  # asks the sender to prove that he is one
    RECEIPT = "read-receipt"
    PROVIDER = "provider"  # not a mail: what a sending service told over HTTP
    REPORT = "report"  # DMARC, TLS: about many messages, not about one
    OTHER = "other"
    UNREADABLE = "unreadable"


class Notice(NamedTuple):
    """What is said of one recipient.

    kind: the event: "bounced", "delayed", "delivered", "complained", "unsubscribed", "replied",
        "opened", "clicked"
    address: as the reporter knows it; "" where it does not say
    original: as we wrote it (Original-Recipient); "" where it does not say
    status: RFC 3463, "" without one
    diagnostic: the words, with the code of the server that refused where it is known
    is_field: the address stands in a field made for it, not in prose
    class_: of an opening or a click: whether a machine made it
    """

    kind: str
    address: str = ""
    original: str = ""
    status: str = ""
    diagnostic: str = ""
    is_field: bool = False
    class_: str = ""


class Clues(NamedTuple):
    """What may say whose letter a mail is about, in the order in which it is believed.

    senders: text that may hold VERP tokens
    message_ids: of the form that ours have, without brackets, those of the returned original first
    unsubscribe: text that may hold an unsubscribe token
    foreign_id: Message-ID of a returned original
    """

    senders: str = ""
    message_ids: tuple[str, ...] = ()
    unsubscribe: str = ""
    foreign_id: str = ""


class Returned(NamedTuple):
    """One mail, read.

    digest: the same mail has the same, whatever it was read from
    at: Unix time that it says; 0.0 where it does not
    why: why it is of that sort, for people
    sender, to: addresses of From and of To, in small letters
    source: the provider that told it; "" of mails
    """

    sort: Sort
    digest: str
    at: float
    notices: tuple[Notice, ...]
    clues: Clues
    subject: str
    why: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    source: str = ""
