"""What all workers of a fleet keep together: rates, rests, a refused sender.

In: the parties of a run, as they are made.  Out: what each must hear of, and what it has to tell.
Touches: nothing: the keeper of the fleet carries it to the other workers and back.

A party is a relay, a provider, a domain that [limits] names, or all destinations together; its key
is the same in every worker.  A rest that a reply has begun here is told to all; one that another
worker was told begins here as a reply of its own would have begun it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from campaign.pool.pacing.governor import Governor
from campaign.pool.pacing.leased import LeasedWindow
from campaign.pool.pacing.rates import Pacing
from campaign.units import Rate

_TOLD_S = 0.05  # rests that end so close together are one


class Parties:
    """Those of one worker."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """`now_s`: Unix time by the journal's server."""
        self._now_s = now_s
        self.windows: list[LeasedWindow] = []
        self._governors: dict[str, Governor] = {}
        self._known_s: dict[str, float] = {}  # ends of rests (ticks) that all know of

    def enrol(
        self,
        key: str,
        rates: Sequence[Rate],
        pacing: Pacing,
        governor: Governor | None,
        used_since: Callable[[float], Sequence[tuple[float, int]]],
    ) -> None:
        """A party that was just made.  `used_since` a Unix time: what was sent to it, and when."""
        if rates:
            window = LeasedWindow(key, rates)
            if window.quotas:
                longest_s = max(per_s for _, per_s in window.quotas)
                window.used = tuple(used_since(self._now_s() - longest_s))
            self.windows.append(window)
            pacing.windows += (window,)
        if governor is not None:
            self._governors[key] = governor

    def news(self, now_s: float) -> list[tuple[str, float]]:
        """Rests that began here: the party, and seconds from now to their end."""
        found = []
        for key, governor in self._governors.items():
            until_s = governor.rests_until_s
            if until_s > now_s and until_s > self._known_s.get(key, 0.0) + _TOLD_S:
                self._known_s[key] = until_s
                found.append((key, until_s - now_s))
        return found

    def hear(self, rests: Iterable[tuple[str, float]], now_s: float) -> None:
        """Rests that others have begun: the party, and seconds from now to their end."""
        for key, left_s in rests:
            governor, until_s = self._governors.get(key), now_s + left_s
            if governor is None or until_s <= self._known_s.get(key, 0.0) + _TOLD_S:
                continue
            self._known_s[key] = until_s
            if until_s > governor.rests_until_s:
                governor.throttled(now_s, left_s)
                self._known_s[key] = max(until_s, governor.rests_until_s)
