"""What a reply to RCPT says of a mailbox.

In: the stage and the reply.  Out: `Told`.  Touches: nothing.

The verdicts are those of a run.  Only a reply that says that there is no such mailbox makes it
bad; one that is about us (policy, throttle) says nothing of it, and ends the questions there.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from campaign.preflight.verify.findings import Standing
from campaign.records import Reply, ReplyClass, Stage
from campaign.smtp.replies.verdicts import judge

_SHOWN = 200  # characters of a reply


class Next(Enum):
    """What the reply asks of the prober."""

    GO_ON = auto()
    CATCH_ALL = auto()  # it was taken: would a random name be taken too?
    LATER = auto()  # once, after the greylist delay
    STOP = auto()  # nothing more is asked at this site


class Told(NamedTuple):
    """What to think of the mailbox, and what to do now."""

    standing: Standing
    cause: str
    detail: str
    next: Next


def told_by(stage: Stage, reply: Reply) -> Told:
    """Of a reply to RCPT, or of a refusal before it."""
    said = str(reply)[:_SHOWN]
    if reply.code < 300 and stage is Stage.RCPT:
        return Told(Standing.GOOD, "", "", Next.CATCH_ALL)
    class_ = judge(stage, reply).class_
    if stage is not Stage.RCPT:
        return Told(Standing.UNKNOWN, "refuses our questions", said, Next.STOP)
    if class_ is ReplyClass.RECIPIENT_GONE and reply.code >= 500:
        return Told(Standing.BAD, "no such mailbox", said, Next.GO_ON)
    if class_ is ReplyClass.RECIPIENT_REFUSES:
        return Told(Standing.DOUBTFUL, "full or refusing", said, Next.GO_ON)
    if class_ is ReplyClass.RECIPIENT_TRANSIENT:
        return Told(Standing.UNKNOWN, "put off", said, Next.LATER)
    if class_ is ReplyClass.UNKNOWN:
        return Told(Standing.UNKNOWN, "unclear reply", said, Next.GO_ON)
    return Told(Standing.UNKNOWN, "refuses our questions", said, Next.STOP)
