"""What a class of replies means, said so that nobody needs an RFC to act on it.

In: a reply class.  Out: sentences.  Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from campaign.records import ReplyClass


class Cause(NamedTuple):
    """One class in plain words."""

    title: str
    means: str
    advice: str


_CAUSES = {
    ReplyClass.RECIPIENT_GONE: Cause(
        "The mailbox does not exist",
        "The provider knows no such address, or closed it.",
        "Take these addresses off your list before the next campaign.",
    ),
    ReplyClass.RECIPIENT_REFUSES: Cause(
        "The mailbox takes nothing at the moment",
        "It is full, or its owner lets nothing of yours in.",
        "Leave them out this time. Take whoever refuses three campaigns in a row off the list.",
    ),
    ReplyClass.RECIPIENT_TRANSIENT: Cause(
        "The mailbox asks to try again later",
        "Many providers greet a new sender like this (greylisting), or are busy.",
        "Nothing: they are tried again by themselves.",
    ),
    ReplyClass.RECIPIENT_THROTTLE: Cause(
        "This person gets too much mail at once",
        "The provider slows down mail to this one mailbox.",
        "Nothing: they are tried again by themselves.",
    ),
    ReplyClass.MESSAGE: Cause(
        "The provider does not like the message",
        "Its size, its content, or a link in it looks bad to the filter.",
        "Send yourself a test, look for links to other sites and for big attachments.",
    ),
    ReplyClass.POLICY: Cause(
        "The provider refuses you as a sender",
        "Its policy, a block list, or missing SPF, DKIM or DMARC is the reason.",
        "Mend what the reply names and `campaign resume`: nobody was marked failed for it.",
    ),
    ReplyClass.QUOTA: Cause(
        "The relay's quota is used up",
        "Your account has sent as many a day or an hour as it may.",
        "Wait until it renews, or write the limit into rates.",
    ),
    ReplyClass.THROTTLE: Cause(
        "The provider asks you to slow down",
        "Too many messages or connections in a short time.",
        "Nothing: this provider rests and is then pressed less. Lower its rate in [limits].",
    ),
    ReplyClass.TOO_MANY_RECIPIENTS: Cause(
        "Too many recipients in one transaction",
        "The server takes fewer at once.",
        "Nothing: the rest go in a new transaction.",
    ),
    ReplyClass.CONNECTION: Cause(
        "The connection was lost",
        "The server, or something between, hung up before the message was handed over.",
        "Nothing: they are tried again by themselves. If it goes on, ask whoever runs the relay.",
    ),
    ReplyClass.RECONNECT: Cause(
        "The server wanted a new connection",
        "It takes only so many messages on one connection.",
        "Nothing: the number was learned.",
    ),
    ReplyClass.PROTOCOL: Cause(
        "The server did not speak SMTP as it should",
        "Its answer was out of step or could not be read.",
        "Run again with --transcript and show it to whoever runs the server.",
    ),
    ReplyClass.LOGIN: Cause(
        "The relay refused the login",
        "Name, password or the way to log in is wrong.",
        "Look at username and password in [relay].",
    ),
    ReplyClass.TLS: Cause(
        "No safe connection",
        "Encryption failed, or its certificate does not belong to the server.",
        "Check host and port in [relay]; nothing was sent in clear text.",
    ),
    ReplyClass.IN_DOUBT: Cause(
        "Nobody knows whether it arrived",
        "The connection ended after the last byte and before the answer.",
        "Ask these people, or the relay's log, before you send again.",
    ),
    ReplyClass.NOT_TAKEN: Cause(
        "The relay's log shows that it was not taken",
        "Nobody knew whether it had arrived, until `resume --resolve` asked the log.",
        "Nothing: who still waits is sent to.",
    ),
}
# Classes of our own, beside those of replies.
_OURS = {
    "paced": Cause(
        "They wait for your own limits",
        "A rate, a quota or a number of connections of campaign.toml lets no more through.",
        "Nothing: their turn comes. Raise rates in [relay] or [limits] if it is too slow.",
    ),
    "dns": Cause(
        "The domain could not be looked up",
        "No name server answered.",
        "Nothing: they are tried again by themselves. If it goes on, look at [dns] nameservers.",
    ),
    "render": Cause(
        "The message could not be made",
        "The template, a cell or an attachment of this row is at fault.",
        "Mend what the reason names, then `campaign plan --amend` and `campaign resume`.",
    ),
}
_UNKNOWN = Cause(
    "Another reason",
    "The reply fits no class we know.",
    "Read the reply: these are the server's own words.",
)
_UNSENT = Cause("Not tried", "They were set aside without asking a server.", "Look at the reason.")


def cause_of(class_: str) -> Cause:
    """The words for a class as the journal has it; "" is a letter no server has judged."""
    if not class_:
        return _UNSENT
    if class_ in _OURS:
        return _OURS[class_]
    return _CAUSES.get(ReplyClass(class_), _UNKNOWN) if class_ in list(ReplyClass) else _UNKNOWN
