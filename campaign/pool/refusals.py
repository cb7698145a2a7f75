"""Recipients who were refused for good: about them, or about us?

In: refusals, acceptances.  Out: when each is believed; whether it is all of them.
Touches: nothing.

A refusal is believed once the same servers have accepted somebody else after it, or when nobody is
left to be tried.  Until then its letter stays open, and nothing is written of it: when nobody at
all is accepted, it is the sender, or a directory that is down, and nobody is failed for it.
`Breaker` (governor) hears of replies that name the sender; here are those that do not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from campaign.records import ReplyClass

_DOMAINS = 5  # fewer may all be of one provider that is the trouble
_WINDOW = 100
_WINDOW_DOMAINS = 10

# How many refusals without an acceptance between, and what share of the last hundred replies, are
# too many.  Recipients that are gone are what dirty lists are made of; a wording that nobody knows
# at half of the list is not about its people.
_IN_A_ROW = {ReplyClass.UNKNOWN: 10, ReplyClass.RECIPIENT_GONE: 20}
_SHARE = {ReplyClass.UNKNOWN: 0.5, ReplyClass.RECIPIENT_GONE: 0.95}
_SIZE_IN_A_ROW = 20  # messages too large one after the other

DOUBTED = frozenset({ReplyClass.UNKNOWN, ReplyClass.RECIPIENT_GONE, ReplyClass.RECIPIENT_REFUSES})

Settle = Callable[[bool], None]  # is it believed?


class Refusals:
    """Those of one relay; sent directly, those of all servers together."""

    def __init__(self, *, of_many_servers: bool = False) -> None:
        """`of_many_servers`: when each knows its own people, only unknown refusals count."""
        self._of_many_servers = of_many_servers
        self._held: list[Settle] = []
        self._row: dict[ReplyClass, int] = {}  # refusals since the last acceptance
        self._domains: set[str] = set()  # where
        self._sizes = 0
        self._recent: deque[tuple[ReplyClass, str] | None] = deque(maxlen=_WINDOW)
        self.why = ""  # what the last one said

    @property
    def held(self) -> int:
        """Letters whose refusal is not believed yet."""
        return len(self._held)

    @property
    def are_all(self) -> bool:
        """Is it so many that it cannot be about the recipients?"""
        if self._sizes >= _SIZE_IN_A_ROW:
            return True
        if len(self._domains) >= _DOMAINS and any(
            self._in_a_row(class_) >= most for class_, most in _IN_A_ROW.items()
        ):
            return True
        return len(self._recent) == _WINDOW and any(map(self._is_share_exceeded, _SHARE))

    def hold(self, class_: ReplyClass, domain: str, text: str, settle: Settle) -> None:
        """A refusal for good; `settle` is told later whether it is believed."""
        self.why = text
        self._held.append(settle)
        self._row[class_] = self._row.get(class_, 0) + 1
        self._domains.add(domain)
        self._recent.append((class_, domain))

    def hold_size(self, text: str, settle: Settle) -> None:
        """The message is larger than the server takes."""
        self.why = text
        self._held.append(settle)
        self._sizes += 1

    def accepted(self) -> None:
        """Somebody was: what was refused before is believed."""
        self._recent.append(None)
        if self._held:
            self.decide(are_believed=True)

    def decide(self, *, are_believed: bool) -> None:
        """Settle all that are held."""
        held, self._held = self._held, []
        self._row.clear()
        self._domains.clear()
        self._sizes = 0
        if not are_believed:
            self._recent.clear()
        for settle in held:
            settle(are_believed)

    def _in_a_row(self, class_: ReplyClass) -> int:
        if class_ is ReplyClass.UNKNOWN:
            return self._row.get(class_, 0)
        return 0 if self._of_many_servers else sum(self._row.values())

    def _is_share_exceeded(self, class_: ReplyClass) -> bool:
        counted = [ReplyClass.UNKNOWN] if class_ is ReplyClass.UNKNOWN else list(DOUBTED)
        if self._of_many_servers and class_ is not ReplyClass.UNKNOWN:
            return False
        domains = [each[1] for each in self._recent if each is not None and each[0] in counted]
        return len(domains) >= _SHARE[class_] * _WINDOW and len(set(domains)) >= _WINDOW_DOMAINS
