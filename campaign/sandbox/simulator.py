"""How the sandbox answers an address: what stands before its @ says which mailbox it plays.

In: addresses and the time.  Out: replies, delays, hang-ups.  Touches: nothing but its own memory
of who was turned away before.

The texts are those of real servers, so that a verdict on them is a verdict on the real thing.
"""

from __future__ import annotations

from typing import NamedTuple

from campaign.clock import Clock

# Local part (before any +tag) and what happens, for people who ask what there is.
MAILBOXES: tuple[tuple[str, str], ...] = (
    ("bounce@", "refused: no such user (550 5.1.1)"),
    ("full@", "refused: mailbox full (552 5.2.2)"),
    ("policy@", "refused: the sender is blocked (550 5.7.1)"),
    ("spam@", "refused after the message: looks like spam (554 5.7.1)"),
    ("greylist@", "deferred the first time (450 4.7.1), taken when it comes again"),
    ("throttle@", "deferred the first time: too much mail (421 4.7.0)"),
    ("slow@", "taken after a while"),
    ("drop@", "the connection is lost before the answer: in doubt"),
    ("anybody else", "taken"),
)

_AT_RCPT = {
    "bounce": "550 5.1.1 <{address}>: Recipient address rejected: User unknown",
    "full": "552 5.2.2 <{address}>: Mailbox full, quota exceeded",
    "policy": "550 5.7.1 <{address}>: Service unavailable; client host is on our block list",
}
_GREYLISTED = "450 4.7.1 <{address}>: Recipient address rejected: Greylisted, try again later"
_THROTTLED = "421 4.7.0 Too many messages from your address, try again later, closing connection"
_SPAM = "554 5.7.1 Message rejected as spam by content scanner"


class AtDot(NamedTuple):
    """What happens when the message is complete."""

    refusal: str = ""  # "" = taken
    delay_s: float = 0.0
    hangs_up: bool = False  # no answer at all


class Simulator:
    """The mailboxes, and their memory of who came before."""

    def __init__(
        self, clock: Clock, *, greylist_s: float = 2.0, slow_s: float = 2.0, throttles: int = 1
    ) -> None:
        """`throttles`: how often one address is throttled before it is taken."""
        self._clock = clock
        self._greylist_s = greylist_s
        self._slow_s = slow_s
        self._throttles = throttles
        self._first_seen_s: dict[str, float] = {}
        self._throttled: dict[str, int] = {}

    def at_rcpt(self, address: str) -> str:
        """The reply that refuses or defers this recipient; "" if it is taken."""
        mailbox = mailbox_of(address)
        if mailbox == "greylist":
            now_s = self._clock.tick_s()
            waited_s = now_s - self._first_seen_s.setdefault(address, now_s)
            reply = "" if waited_s >= self._greylist_s and waited_s > 0 else _GREYLISTED
        elif mailbox == "throttle":
            before = self._throttled.get(address, 0)
            self._throttled[address] = before + 1
            reply = _THROTTLED if before < self._throttles else ""
        else:
            reply = _AT_RCPT.get(mailbox, "")
        return reply.format(address=address)

    def at_dot(self, addresses: list[str]) -> AtDot:
        """What becomes of a message to these recipients."""
        mailboxes = {mailbox_of(address) for address in addresses}
        if "spam" in mailboxes:
            return AtDot(refusal=_SPAM)
        return AtDot(
            delay_s=self._slow_s if "slow" in mailboxes else 0.0, hangs_up="drop" in mailboxes
        )


def mailbox_of(address: str) -> str:
    """ "Bounce+7@sandbox.example" -> "bounce"."""
    return address.partition("@")[0].partition("+")[0].lower()
