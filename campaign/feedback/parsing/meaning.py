"""What a bounce means, by the same verdicts as a reply on the wire.

In: a `Notice`.  Out: a `ReplyClass`, and what that asks of us.  Touches: nothing.

A bounce is a reply that was told late, and in other words: the code may stand in the diagnostic,
only in the status, or nowhere, and the stage is said in brackets.  Where no server has spoken, what
is told is about the way there (name servers, addresses that do not answer), and about no mailbox.
"""

from __future__ import annotations

import re
from enum import StrEnum

from campaign.feedback.parsing.notices import Notice
from campaign.records import Reply, ReplyClass, Stage
from campaign.smtp.replies.verdicts import judge

_CODE = re.compile(r"(?<![\d.@:/#-])([45]\d\d)(?=[\s:#-])(?![- ]?(?:bytes|KB|MB|seconds|hours))")
_ADDRESS = re.compile(
    r"[A-Za-z0-9._%+=-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,250}(?![\w:.-])", re.ASCII
)
_ENHANCED = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")
_STAGES = (
    ("reply to mail from", Stage.MAIL), ("after mail from", Stage.MAIL),
    ("reply to rcpt to", Stage.RCPT), ("after rcpt to", Stage.RCPT),
    ("reply to end of data", Stage.DOT), ("after end of data", Stage.DOT),
    ("reply to data", Stage.DOT), ("after data", Stage.DOT),
    ("failed after i sent the message", Stage.DOT),
)  # fmt: skip
# Said by the reporting server itself, of the way there.
_NO_WAY = (
    "connection timed out", "connection refused", "connect to ", "connection reset",
    "no route to host", "network is unreachable", "network unreachable", "host is unreachable",
    "lost connection", "conversation with", "timed out while", "operation timed out",
    "could not connect", "couldn't connect", "unable to connect", "cannot connect",
    "did not accept our requests to connect", "timed out]",
    "to establish an smtp connection", "was not able to connect", "unable to contact",
    "try again)", "temporary lookup failure", "lookup failed temporarily", "dns soft error",
    "temporary resolution failure", "host lookup did not complete", "all hosts have been failing",
    "server did not respond", "no answer from host", "did not respond", "connection dropped",
    "connection died", "deferred: connection", "connection was dropped", "smtp protocol returned a"
    " connection error", "tls handshake", "cannot start tls", "bad connection",
)  # fmt: skip
_TOO_LONG = (
    "retry timeout exceeded", "retry time not reached", "message expired", "delivery time expired",
    "delivery expired", "in the queue too long", "in queue too long", "too long in queue",
    "message timed out", "could not be delivered for more than", "not been able to deliver",
    "undelivered for", "maximum queue lifetime", "message too old", "delivery timed out",
    "has been undeliverable", "been unable to deliver", "queue.expired", "has expired", "expired",
)  # fmt: skip
_EXPIRED_STATUS = frozenset({"4.7", "4.10"})
_WAY_STATUS = frozenset({"4.1", "4.2", "4.3"})


class Weight(StrEnum):
    """What a class of bounces does to the address."""

    HARD = "hard"  # suppressed at once
    SOFT = "soft"  # counted; suppressed by [suppression] soft
    MESSAGE = "message"  # this letter was not wanted; the address is good
    SENDER = "sender"  # we were not wanted, or were too fast
    WAY = "infrastructure"  # nobody was asked


_WEIGHTS = {
    ReplyClass.RECIPIENT_GONE: Weight.HARD,
    ReplyClass.RECIPIENT_REFUSES: Weight.SOFT,
    ReplyClass.RECIPIENT_TRANSIENT: Weight.SOFT,
    ReplyClass.UNKNOWN: Weight.SOFT,
    ReplyClass.MESSAGE: Weight.MESSAGE,
    ReplyClass.TOO_MANY_RECIPIENTS: Weight.MESSAGE,
    ReplyClass.CONNECTION: Weight.WAY,
    ReplyClass.RECONNECT: Weight.WAY,
    ReplyClass.PROTOCOL: Weight.WAY,
    ReplyClass.TLS: Weight.WAY,
}


def weight_of(class_: str) -> Weight:
    """Policy, quota, login and all throttles are about the sender."""
    try:
        return _WEIGHTS.get(ReplyClass(class_), Weight.SENDER)
    except ValueError:
        return Weight.SENDER


def class_of(notice: Notice) -> ReplyClass:
    """As `judge` says of the reply that it tells of."""
    said = notice.diagnostic
    low = " ".join(said.lower().split())
    code_found = _CODE.search(f"{said} ")
    status = _status(notice.status, said)
    tail = status[2:]
    code = int(code_found[1]) if code_found else 0
    if not code and (any(words in low for words in _NO_WAY) or (not low and tail in _WAY_STATUS)):
        return ReplyClass.CONNECTION
    is_late = tail in _EXPIRED_STATUS or any(words in low for words in _TOO_LONG)
    if is_late and code < 500 and not (status.startswith("5") and tail not in _EXPIRED_STATUS):
        code, status = code or 450, "" if tail in _EXPIRED_STATUS else status
    if not code:
        code = 450 if status.startswith("4") else 550
    text = _without_preface(said, code_found.start() if code_found else 0)
    text = _ADDRESS.sub(" ", text)  # "用户ada@example.org不存在" is one word to `judge`
    return judge(_stage(low), Reply(code, (text,), status)).class_


def _status(field: str, said: str) -> str:
    """The more exact of the two; what the refusing server said outweighs the reporter's field."""
    found = [each for each in _ENHANCED.findall(said) if not each.endswith(".0.0")]
    if found:
        return str(found[0])
    return "" if field.endswith(".0.0") or field.startswith("2") else field


def _stage(low: str) -> Stage:
    for words, stage in _STAGES:
        if words in low:
            return stage
    return Stage.RCPT


def _without_preface(said: str, at: int) -> str:
    """From the code on, which is the reply; what stands before is the reporter's."""
    reply = said[at:]
    if not reply[:3].isdigit():
        return said
    text = reply[3:].lstrip(" -#:")
    return text if sum(letter.isalpha() for letter in text) > 8 else said
