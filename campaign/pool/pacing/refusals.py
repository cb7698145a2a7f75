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

from campaign.records import ReplyClass, State, Verdict

_DOMAINS = 5  # fewer may all be of one provider that is the trouble
_WINDOW = 100
_WINDOW_DOMAINS = 10

# How many refusals without an acceptance between, and what share of the last hundred replies, are
# too many.  Recipients that are gone are what dirty lists are made of; a wording that nobody knows
# at half of the list is not about its people.
_IN_A_ROW = {ReplyClass.UNKNOWN: 10, ReplyClass.RECIPIENT_GONE: 20}
_SHARE = {ReplyClass.UNKNOWN: 0.5, ReplyClass.RECIPIENT_GONE: 0.95}
_SIZE_IN_A_ROW = 20  # messages too large one after the other

_MOST_HELD = 40  # letters in memory; they are believed when they are of a few domains only

_DOUBTED = frozenset({ReplyClass.UNKNOWN, ReplyClass.RECIPIENT_GONE, ReplyClass.RECIPIENT_REFUSES})

_ABOUT_US = Verdict(ReplyClass.POLICY, State.DEFERRED, uses_attempt=False)

Settle = Callable[[Verdict], None]


class Refusals:
    """Those of one relay; sent directly, those of all servers together."""

    def __init__(self, *, of_many_servers: bool = False) -> None:
        """`of_many_servers`: when each knows its own people, only unknown refusals count."""
        self._of_many_servers = of_many_servers
        self._held: list[tuple[Verdict, Settle]] = []
        self._row: dict[ReplyClass, int] = {}  # refusals since the last acceptance
        self._domains: set[str] = set()  # where
        self._sizes = 0
        self._recent: deque[tuple[ReplyClass, str] | None] = deque(maxlen=_WINDOW)
        self._were_all = False

    @property
    def held(self) -> int:
        """Letters whose refusal is not believed yet."""
        return len(self._held)

    @property
    def are_all(self) -> bool:
        """Is it so many that it cannot be about the recipients?  Until somebody is accepted."""
        return self._were_all or self._are_all()

    def _are_all(self) -> bool:
        if self._sizes >= _SIZE_IN_A_ROW:
            return True
        if len(self._domains) >= _DOMAINS and any(
            self._in_a_row(class_) >= most for class_, most in _IN_A_ROW.items()
        ):
            return True
        return len(self._recent) == _WINDOW and any(map(self._is_share_exceeded, _SHARE))

    def heard(self, verdict: Verdict, domain: str, settle: Settle) -> None:
        """A letter was refused; `settle` is told at once, or when that is known, what it means."""
        if not _is_doubted(verdict):
            settle(verdict)
            return
        class_ = verdict.class_
        self._held.append((verdict, settle))
        if class_ is ReplyClass.MESSAGE:
            self._sizes += 1
        else:
            self._row[class_] = self._row.get(class_, 0) + 1
            self._domains.add(domain)
            self._recent.append((class_, domain))
        if self.are_all:
            self.decide(are_believed=False)
        elif len(self._held) >= _MOST_HELD:
            self.decide(are_believed=True)

    def accepted(self) -> None:
        """Somebody was: what was refused before is believed."""
        self._recent.append(None)
        self._were_all = False
        if self._held:
            self.decide(are_believed=True)

    def decide(self, *, are_believed: bool) -> None:
        """Settle all that are held."""
        held, self._held = self._held, []
        self._row.clear()
        self._domains.clear()
        self._sizes = 0
        if not are_believed:
            self._were_all = True
            self._recent.clear()
        for verdict, settle in held:
            settle(verdict if are_believed else _ABOUT_US)

    def _in_a_row(self, class_: ReplyClass) -> int:
        if class_ is ReplyClass.UNKNOWN:
            return self._row.get(class_, 0)
        return 0 if self._of_many_servers else sum(self._row.values())

    def _is_share_exceeded(self, class_: ReplyClass) -> bool:
        counted = [ReplyClass.UNKNOWN] if class_ is ReplyClass.UNKNOWN else list(_DOUBTED)
        if self._of_many_servers and class_ is not ReplyClass.UNKNOWN:
            return False
        domains = [each[1] for each in self._recent if each is not None and each[0] in counted]
        return len(domains) >= _SHARE[class_] * _WINDOW and len(set(domains)) >= _WINDOW_DOMAINS


def _is_doubted(verdict: Verdict) -> bool:
    """Is it a refusal for good of one recipient, which may be about all of them?"""
    if verdict.state is not State.FAILED:
        return False
    is_size = verdict.class_ is ReplyClass.MESSAGE and not verdict.counts_for_breaker
    return verdict.class_ in _DOUBTED or is_size
