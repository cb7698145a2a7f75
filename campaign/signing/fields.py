"""Which header fields a signature covers, and how often it names each of them (h=).

In: the names of a letter's fields.  Out: the names for h=, and which fields they mean.
Touches: nothing.

To name a field once more than it is there (oversigning, RFC 6376, 8.15) makes the signature fail
when somebody adds another: a second From or Subject that is shown in place of ours, a second
List-Unsubscribe that leads elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple


class Mark(Enum):
    """How often h= names a field that is there n times."""

    ALWAYS = "n + 1"  # also where it is not there: nobody may add one
    IF_PRESENT = "n + 1, or never"  # relays may add it where it is missing, such as a Date
    ONCE = "n"


TABLE = {
    "from": Mark.ALWAYS,
    "subject": Mark.ALWAYS,
    "to": Mark.ALWAYS,
    "reply-to": Mark.ALWAYS,
    "cc": Mark.ALWAYS,
    "list-unsubscribe": Mark.ALWAYS,  # RFC 8058, 4: both must be covered for one-click
    "list-unsubscribe-post": Mark.ALWAYS,
    "date": Mark.IF_PRESENT,
    "message-id": Mark.IF_PRESENT,
    "mime-version": Mark.IF_PRESENT,
    "content-type": Mark.IF_PRESENT,
    "content-transfer-encoding": Mark.IF_PRESENT,
    "sender": Mark.IF_PRESENT,
    "in-reply-to": Mark.IF_PRESENT,
    "references": Mark.IF_PRESENT,
    "list-id": Mark.ONCE,
    "feedback-id": Mark.ONCE,
    "auto-submitted": Mark.ONCE,
}
"""All other fields are `ONCE`, but for those of `is_left_out`."""

# What servers write or change on the way (RFC 6376, 5.4.1), and what a signature may not cover.
_LEFT_OUT = frozenset(
    ("return-path", "received", "comments", "keywords", "bcc", "resent-bcc", "dkim-signature",
     "authentication-results", "received-spf", "delivered-to", "x-smtpapi")
)  # fmt: skip
# Instructions to the servers of a provider, which takes them out before it sends the letter on.
_TAKEN_OUT = ("arc-", "x-ses-", "x-mailgun-", "x-mc-", "x-msys-", "x-pm-", "x-mj-", "x-spam-",
              "x-mailjet-", "x-sib-", "x-postmark-")  # fmt: skip


class Cover(NamedTuple):
    """What one signature covers of a letter."""

    names: tuple[str, ...]  # for h=, in its order
    indexes: tuple[int, ...]  # of the fields that are hashed, in the order of the names


def is_left_out(name: str) -> bool:
    """Whether no signature of ours covers a field of this (lower-case) name."""
    return name in _LEFT_OUT or name.startswith(_TAKEN_OUT)


def cover_of(names: Sequence[str]) -> Cover:
    """For a letter whose fields have these lower-case names, from the top."""
    chosen: list[str] = []
    indexes: list[int] = []
    others = dict.fromkeys(name for name in names if name not in TABLE and not is_left_out(name))
    for name in (*TABLE, *others):
        mark = TABLE.get(name, Mark.ONCE)
        # A name that stands in h= several times means the lowest field first (RFC 6376, 5.4.2).
        there = [at for at in reversed(range(len(names))) if names[at] == name]
        once_more = mark is Mark.ALWAYS or (mark is Mark.IF_PRESENT and bool(there))
        chosen += [name] * (len(there) + once_more)
        indexes += there
    return Cover(tuple(chosen), tuple(indexes))
