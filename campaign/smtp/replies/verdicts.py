"""What a reply asks of us.

In: the stage and the `Reply`.  Out: `Verdict`.  Touches: nothing.

Evidence is heard in this order: the stage, the provider's text, the enhanced code (RFC 3463,
5248), the basic code (RFC 5321, 4.2).  4xx is transient by default, an unknown 5xx to RCPT fails
the recipient without suppressing the address, an unknown 5xx anywhere else is about us.
"""

from __future__ import annotations

from dataclasses import replace

from campaign.records import Reply, ReplyClass, Stage, State, Verdict
from campaign.smtp.replies.phrases import PHRASES, Phrase

_TEXT_LIMIT = 2048  # characters looked at

_OPENING = frozenset({Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.AUTH})
_ABOUT_RECIPIENT = frozenset(
    {
        ReplyClass.RECIPIENT_GONE,
        ReplyClass.RECIPIENT_REFUSES,
        ReplyClass.RECIPIENT_TRANSIENT,
        ReplyClass.RECIPIENT_THROTTLE,
        ReplyClass.TOO_MANY_RECIPIENTS,
        ReplyClass.UNKNOWN,
    }
)

_OF_A_SESSION = ("session", "connection", "messages", "transactions", "mails ", "emails")
_OF_THE_PACE = (
    " connections", "closing connection", "rate", "per hour", "per minute", "per second", "per day",
    "daily", "hourly", "volume", "frequen", "throttl", "reputation", "complaints", "timeout",
    "timed out", "too fast", "slow", "blocked", "refused",
)  # fmt: skip

_TOO_MANY_CONNECTIONS = (
    "too many connections",
    "too many concurrent",
    "too many simultaneous",
    "too many sessions",
    "too many smtp sessions",
    "maximum number of connections",
    "max concurrent connections",
    "number of concurrent connections",
    "connection limit",
    "hl:icc",
)

VERDICTS: dict[ReplyClass, Verdict] = {
    ReplyClass.ACCEPTED: Verdict(ReplyClass.ACCEPTED, State.SENT),
    ReplyClass.RECIPIENT_GONE: Verdict(ReplyClass.RECIPIENT_GONE, State.FAILED, suppresses=True),
    ReplyClass.RECIPIENT_REFUSES: Verdict(ReplyClass.RECIPIENT_REFUSES, State.FAILED),
    ReplyClass.RECIPIENT_TRANSIENT: Verdict(ReplyClass.RECIPIENT_TRANSIENT, State.DEFERRED),
    ReplyClass.RECIPIENT_THROTTLE: Verdict(ReplyClass.RECIPIENT_THROTTLE, State.DEFERRED),
    ReplyClass.MESSAGE: Verdict(ReplyClass.MESSAGE, State.FAILED, counts_for_breaker=True),
    ReplyClass.POLICY: Verdict(
        ReplyClass.POLICY, State.DEFERRED, uses_attempt=False, counts_for_breaker=True
    ),
    ReplyClass.QUOTA: Verdict(ReplyClass.QUOTA, State.DEFERRED, uses_attempt=False),
    ReplyClass.THROTTLE: Verdict(ReplyClass.THROTTLE, State.DEFERRED, uses_attempt=False),
    ReplyClass.TOO_MANY_RECIPIENTS: Verdict(ReplyClass.TOO_MANY_RECIPIENTS, State.DEFERRED),
    ReplyClass.CONNECTION: Verdict(
        ReplyClass.CONNECTION, State.DEFERRED, uses_attempt=False, drops_connection=True
    ),
    ReplyClass.RECONNECT: Verdict(
        ReplyClass.RECONNECT, State.DEFERRED, uses_attempt=False, drops_connection=True
    ),
    ReplyClass.PROTOCOL: Verdict(ReplyClass.PROTOCOL, State.DEFERRED, drops_connection=True),
    ReplyClass.LOGIN: Verdict(
        ReplyClass.LOGIN,
        State.DEFERRED,
        uses_attempt=False,
        drops_connection=True,
        counts_for_breaker=True,
    ),
    ReplyClass.TLS: Verdict(
        ReplyClass.TLS,
        State.DEFERRED,
        uses_attempt=False,
        drops_connection=True,
        counts_for_breaker=True,
    ),
    ReplyClass.UNKNOWN: Verdict(ReplyClass.UNKNOWN, State.FAILED),
}
"""What each class asks of us where the reply itself adds nothing."""

_SEARCHED: dict[int, list[tuple[str, Phrase]]] = {
    digit: [(phrase.parts[0], phrase) for phrase in PHRASES if phrase.digit in (0, digit)]
    for digit in (4, 5)
}

ENHANCED_5: dict[str, ReplyClass] = {  # subject.detail of 5.x.x
    "1.1": ReplyClass.RECIPIENT_GONE,
    "1.2": ReplyClass.RECIPIENT_GONE,
    "1.3": ReplyClass.RECIPIENT_GONE,
    "1.6": ReplyClass.RECIPIENT_GONE,
    "1.10": ReplyClass.RECIPIENT_GONE,  # null MX (RFC 7505)
    "1.7": ReplyClass.POLICY,  # the sender's address
    "1.8": ReplyClass.POLICY,
    "2.0": ReplyClass.RECIPIENT_REFUSES,
    "2.1": ReplyClass.RECIPIENT_GONE,  # disabled
    "2.2": ReplyClass.RECIPIENT_REFUSES,  # full
    "2.3": ReplyClass.RECIPIENT_REFUSES,
    "2.4": ReplyClass.RECIPIENT_REFUSES,
    "3.2": ReplyClass.CONNECTION,  # not accepting messages now
    "3.4": ReplyClass.MESSAGE,  # size
    "4.1": ReplyClass.RECIPIENT_REFUSES,
    "4.4": ReplyClass.RECIPIENT_REFUSES,
    "4.5": ReplyClass.THROTTLE,
    "4.6": ReplyClass.RECIPIENT_REFUSES,  # loop
    "4.14": ReplyClass.RECIPIENT_REFUSES,
    "5.3": ReplyClass.TOO_MANY_RECIPIENTS,
    "6.7": ReplyClass.RECIPIENT_REFUSES,  # needs SMTPUTF8 (RFC 6531)
    "7.8": ReplyClass.LOGIN,
    "7.9": ReplyClass.LOGIN,
    "7.10": ReplyClass.TLS,
    "7.11": ReplyClass.TLS,
    "7.12": ReplyClass.LOGIN,
    "7.14": ReplyClass.LOGIN,
    "7.17": ReplyClass.RECIPIENT_GONE,  # mailbox has a new owner (RFC 7293)
    "7.57": ReplyClass.LOGIN,  # Exchange
    "7.139": ReplyClass.LOGIN,
    "7.124": ReplyClass.RECIPIENT_REFUSES,  # Exchange: a group that we may not write to
    "7.129": ReplyClass.RECIPIENT_REFUSES,
    "7.133": ReplyClass.RECIPIENT_REFUSES,
    "7.134": ReplyClass.RECIPIENT_REFUSES,
    "7.135": ReplyClass.RECIPIENT_REFUSES,
    "7.136": ReplyClass.RECIPIENT_REFUSES,
    "7.193": ReplyClass.RECIPIENT_REFUSES,
}

ENHANCED_4: dict[str, ReplyClass] = {  # subject.detail of 4.x.x
    "1.7": ReplyClass.POLICY,
    "1.8": ReplyClass.POLICY,
    "3.1": ReplyClass.THROTTLE,  # their disk is full
    "3.2": ReplyClass.CONNECTION,  # not accepting messages now
    "4.2": ReplyClass.CONNECTION,
    "4.5": ReplyClass.THROTTLE,
    "5.3": ReplyClass.TOO_MANY_RECIPIENTS,
    "7.28": ReplyClass.THROTTLE,
    **dict.fromkeys(  # SPF, PTR, DKIM, DMARC behind a 4xx: Gmail, Outlook
        ("7.23", "7.25", "7.26", "7.27", "7.29", "7.30", "7.31", "7.32"), ReplyClass.POLICY
    ),
}


def judge(stage: Stage, reply: Reply, *, has_carried: bool = False) -> Verdict:
    """The verdict on a reply at a stage; the cost is some 30 µs, and only refusals pay it.

    `has_carried`: other letters went over the same connection before.
    """
    if reply.code < 300:
        return VERDICTS[ReplyClass.ACCEPTED]
    if reply.code < 400:
        return VERDICTS[ReplyClass.PROTOCOL]
    if stage is Stage.AUTH:
        return _judge_login(reply)
    text = _plain(reply)
    if has_carried and stage is Stage.MAIL and _counts_a_session(reply.code, text):
        return VERDICTS[ReplyClass.RECONNECT]
    class_, pause_s = _by_text(stage, reply.code, text)
    if class_ is None and stage is Stage.STARTTLS and reply.code != 421:
        class_ = ReplyClass.TLS
    if class_ is None:
        class_ = _by_enhanced(stage, reply)
    if class_ is None:
        class_ = _by_code(stage, reply)
    verdict = VERDICTS[class_]
    if reply.code < 500:
        verdict = _softened(verdict)
    if stage in _OPENING and verdict.state is not State.DEFERRED:
        verdict = VERDICTS[ReplyClass.CONNECTION]
    if reply.code == 421 or stage in _OPENING:
        verdict = replace(verdict, drops_connection=True)
    if class_ is ReplyClass.MESSAGE and _is_about_size(reply):
        verdict = replace(verdict, counts_for_breaker=False)
    return replace(verdict, pause_s=pause_s) if pause_s else verdict


def counts_connections(reply: Reply) -> bool:
    """Is it the number of connections at the same time that the server complains of?"""
    text = reply.text.lower()
    return any(phrase in text for phrase in _TOO_MANY_CONNECTIONS)


def _counts_a_session(code: int, text: str) -> bool:
    """Does a reply to MAIL say that this connection has carried enough?

    Every server has its own words for that, so what counts is when it is said, and of what.
    """
    return (
        code < 500
        and any(word in text for word in _OF_A_SESSION)
        and not any(word in text for word in _OF_THE_PACE)
    )


def _is_about_size(reply: Reply) -> bool:
    """The message is too large for this server (RFC 1870, 6): not what it is, nor who sends it."""
    said = reply.text.lower()
    return reply.enhanced == "5.3.4" or "too large" in said or "size" in said


def _softened(verdict: Verdict) -> Verdict:
    """The same class said with a 4xx: nobody fails, no address is dead."""
    if verdict.class_ in (ReplyClass.RECIPIENT_GONE, ReplyClass.RECIPIENT_REFUSES):
        return VERDICTS[ReplyClass.RECIPIENT_TRANSIENT]
    if verdict.state is State.FAILED:
        return replace(verdict, state=State.DEFERRED)
    return verdict


def _judge_login(reply: Reply) -> Verdict:
    """A refusal of AUTH (RFC 4954, 6): 5xx is final; 4xx asks for one slow retry."""
    if reply.code >= 500:
        return VERDICTS[ReplyClass.LOGIN]
    text = _plain(reply)
    many = "too many" in text or "too much" in text
    return replace(
        VERDICTS[ReplyClass.LOGIN], counts_for_breaker=False, pause_s=3600.0 if many else 300.0
    )


def _plain(reply: Reply) -> str:
    """The text to be searched: lower case, one line, without codes and without addresses.

    An address is the recipient's business: nobody@ratelimit.example is no throttle.
    """
    words: list[str] = []
    for line in reply.lines:
        line_words = line[:_TEXT_LIMIT].lower().split()
        if line_words and line_words[0].replace(".", "").isdigit() and "." in line_words[0]:
            del line_words[0]  # the enhanced code, which cuts sentences where lines end
        words += line_words
        if len(words) > _TEXT_LIMIT:
            break
    plain = " ".join([word if "@" not in word else _behind_address(word) for word in words])
    return f" {plain[:_TEXT_LIMIT]} "


def _behind_address(word: str) -> str:
    """Of "(ada@example.org:blocked)" what the server says of the address: ":blocked)"."""
    _, colon, said = word.rpartition("@")[2].partition(":")
    return colon + said if "[" not in word else ""


def _by_text(stage: Stage, code: int, text: str) -> tuple[ReplyClass | None, float]:
    no_recipient = stage is Stage.MAIL or stage in _OPENING
    for needle, phrase in _SEARCHED[code // 100]:
        if needle in text and not (no_recipient and phrase.class_ in _ABOUT_RECIPIENT):
            if len(phrase.parts) > 1 and not all(part in text for part in phrase.parts):
                continue
            return phrase.class_, phrase.pause_s
    return None, 0.0


def _by_enhanced(stage: Stage, reply: Reply) -> ReplyClass | None:
    if not reply.enhanced:
        return None
    # Code and enhanced code may disagree ("421 5.7.0"): the code then says whether to retry.
    tail = reply.enhanced[2:]
    subject, _, detail = tail.partition(".")
    class_ = (ENHANCED_4 if reply.code < 500 else ENHANCED_5).get(tail)
    if class_ is None and subject == "7":
        class_ = _by_policy_code(stage, reply.code, int(detail))
    if class_ is None and subject == "6" and reply.code >= 500:
        class_ = ReplyClass.MESSAGE
    if class_ in _ABOUT_RECIPIENT and (stage is Stage.MAIL or stage in _OPENING):
        return None
    return class_


def _by_policy_code(stage: Stage, code: int, detail: int) -> ReplyClass | None:
    """x.7.detail: security and policy."""
    if code < 500:
        if 500 <= detail < 800 or (detail == 0 and code == 421):
            return ReplyClass.THROTTLE  # Outlook's 4.7.500 to 4.7.7xx; Gmail's 421 4.7.0
        return None
    if code == 525 and detail == 13:
        return ReplyClass.RECIPIENT_GONE  # account disabled (RFC 5248)
    if detail == 0 and code in (530, 552):
        return ReplyClass.TLS if code == 530 else ReplyClass.MESSAGE
    return ReplyClass.POLICY


_BY_CODE: dict[int, ReplyClass] = {
    421: ReplyClass.CONNECTION,
    500: ReplyClass.PROTOCOL,
    501: ReplyClass.PROTOCOL,
    502: ReplyClass.PROTOCOL,
    503: ReplyClass.PROTOCOL,
    504: ReplyClass.PROTOCOL,
    555: ReplyClass.PROTOCOL,
    523: ReplyClass.TLS,
    530: ReplyClass.LOGIN,
    534: ReplyClass.LOGIN,
    535: ReplyClass.LOGIN,
    538: ReplyClass.LOGIN,
}

_RCPT_BY_CODE: dict[int, ReplyClass] = {
    521: ReplyClass.RECIPIENT_GONE,  # takes no mail at all (RFC 7504)
    552: ReplyClass.RECIPIENT_REFUSES,
    556: ReplyClass.RECIPIENT_GONE,  # null MX (RFC 7505)
    571: ReplyClass.POLICY,
}


def _by_code(stage: Stage, reply: Reply) -> ReplyClass:
    code = reply.code
    class_ = _BY_CODE.get(code)
    if class_ is ReplyClass.PROTOCOL and reply.enhanced and reply.enhanced[2] not in "05":
        class_ = None  # "500 5.3.0": some servers know no other code
    if class_ is not None:
        return class_
    if stage in _OPENING:
        return ReplyClass.CONNECTION
    if code < 500:  # a reply to MAIL says nothing of a recipient: the server is out of order
        return ReplyClass.THROTTLE if stage is Stage.MAIL else ReplyClass.RECIPIENT_TRANSIENT
    if stage is Stage.RCPT:
        return _RCPT_BY_CODE.get(code, ReplyClass.UNKNOWN)
    return ReplyClass.MESSAGE if code == 552 else ReplyClass.POLICY
