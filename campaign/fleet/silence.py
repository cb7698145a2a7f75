"""Who has been silent for a lease, as one member sees it.

In: the beats of all members, one's own monotonic time.  Out: members to take over from.
Touches: nothing.

Only what was seen counts: a beat that stands where it stood, looked at again and again.  A stretch
in which nobody looked, because the database was gone or this worker itself was halted, says nothing
of the others and counts for no more than the longest pause between two looks.
"""

from __future__ import annotations

from collections.abc import Iterable

from campaign.journal.sharing.leases import Member


class Silence:
    """Of all other members."""

    def __init__(self, longest_pause_s: float) -> None:
        self._longest_pause_s = longest_pause_s
        self._seen: dict[int, tuple[int, float]] = {}  # epoch -> its beat, and silent for how long
        self._looked_s: float | None = None

    def overdue(self, members: Iterable[Member], now_s: float) -> list[Member]:
        """One look; those whose lease is over."""
        last_s = now_s if self._looked_s is None else self._looked_s
        pause_s = min(now_s - last_s, self._longest_pause_s)
        self._looked_s = now_s
        seen = {}
        found = []
        for member in members:
            beat, silent_s = self._seen.get(member.epoch, (-1, 0.0))
            silent_s = silent_s + pause_s if beat == member.beat else 0.0
            seen[member.epoch] = (member.beat, silent_s)
            if silent_s >= member.lease_s:
                found.append(member)
        self._seen = seen
        return found
