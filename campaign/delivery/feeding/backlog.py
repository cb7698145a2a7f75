"""Rows that were read and may not go yet: they stay in the journal as they are.

In: rows by lane, and when to ask again whether the lane has room.  Out: the same rows, in order.
Touches: nothing.

Rows whose window is closed wait here too, by zone: a queue of a zone is looked at when it opens.
A lane whose rate, quota or rest lets nothing more go has its rows left behind here, as bare
numbers: eight bytes each, and no more than `_MOST` of them, however long the list is.  Beyond that
a lane remembers only where in the list the rest of its planned rows begins and ends; they are
looked for there again when its numbers are used up.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator, Sequence
from itertools import count

from campaign.records import Claim, State

_MOST = 250_000  # planned rows that are kept as numbers: 2 MB
_MOST_DUE = 250_000  # deferred ones; beyond them no further ones are read


class Queue:
    """What one lane left behind.

    domain: one of its domains, by which the outlet is asked for room
    zone: of rows that wait for their window, whatever lane they have; else ""
    due: deferred rows, which go first; planned: rows never tried
    more_from: the first planned row that is not among `planned` although it was left; 0: none
    more_until: the last one
    """

    __slots__ = ("domain", "due", "lane", "look_s", "more_from", "more_until", "planned", "zone")

    def __init__(self, lane: str, domain: str, zone: str = "") -> None:
        self.lane = lane
        self.domain = domain
        self.zone = zone
        self.due = array("Q")
        self.planned = array("Q")
        self.more_from = self.more_until = 0
        self.look_s = 0.0

    @property
    def is_empty(self) -> bool:
        return not (self.due or self.planned or self.more_from)


class Backlog:
    """The queues of all lanes that have rows left behind."""

    def __init__(self, most: int = _MOST, most_due: int = _MOST_DUE) -> None:
        self._most = most
        self._most_due = most_due
        self._queues: dict[str, Queue] = {}
        self._looks: list[tuple[float, int, Queue]] = []  # a heap: when to ask again
        self._order = count()
        self._planned = 0
        self._due = 0

    def __bool__(self) -> bool:
        return bool(self._queues)

    def __contains__(self, lane: str) -> bool:
        return lane in self._queues

    def __iter__(self) -> Iterator[Queue]:
        return iter(self._queues.values())

    @property
    def takes_due(self) -> bool:
        """May further deferred rows be read?"""
        return self._due < self._most_due

    @property
    def planned_room(self) -> int:
        """How many more planned rows are kept as numbers."""
        return max(0, self._most - self._planned)

    @property
    def next_look_s(self) -> float | None:
        """When the first lane is to be asked again; None without rows."""
        return self._looks[0][0] if self._looks else None

    def leave(self, lane: str, claim: Claim, look_s: float, zone: str = "") -> None:
        """A row behind those of its lane that were left before; the first one sets `look_s`."""
        queue = self._queue(lane, claim.domain, look_s, zone)
        if claim.state is State.DEFERRED:
            queue.due.append(claim.row)
            self._due += 1
        elif not queue.more_from and self._planned < self._most:
            queue.planned.append(claim.row)
            self._planned += 1
        else:  # they are found again between the first and the last of them, in whatever order
            queue.more_from = min(queue.more_from or claim.row, claim.row)
            queue.more_until = max(queue.more_until, claim.row)

    def put_back(self, lane: str, claims: Sequence[Claim], look_s: float, zone: str = "") -> None:
        """Rows before all others of their lane, which were claimed and did not go."""
        queue = self._queue(lane, claims[0].domain, look_s, zone)
        due = [claim.row for claim in claims if claim.state is State.DEFERRED]
        planned = [claim.row for claim in claims if claim.state is not State.DEFERRED]
        queue.due[0:0] = array("Q", due)
        queue.planned[0:0] = array("Q", planned)
        self._due += len(due)
        self._planned += len(planned)

    def to_look_at(self, now_s: float) -> Queue | None:
        """A lane that is to be asked for room now; the caller then says `look_again` or `take`."""
        if not self._looks or self._looks[0][0] > now_s:
            return None
        return self._looks[0][2]

    def look_again(self, queue: Queue, at_s: float) -> None:
        """The lane that `to_look_at` gave has no room before that time."""
        heapq.heapreplace(self._looks, (at_s, next(self._order), queue))

    def take(self, queue: Queue, most: int) -> tuple[list[int], bool]:
        """Up to so many rows of the lane that `to_look_at` gave, and whether they are deferred."""
        are_due = bool(queue.due)
        kept = queue.due if are_due else queue.planned
        rows = kept[:most].tolist()
        del kept[:most]
        if are_due:
            self._due -= len(rows)
        else:
            self._planned -= len(rows)
        if queue.is_empty:
            heapq.heappop(self._looks)
            del self._queues[queue.lane]
        return rows, are_due

    def refill(self, queue: Queue, rows: Sequence[int], more_from: int) -> None:
        """Planned rows found again, and where the rest begins."""
        queue.planned.extend(rows)
        self._planned += len(rows)
        queue.more_from = more_from
        if not more_from:
            queue.more_until = 0

    def _queue(self, lane: str, domain: str, look_s: float, zone: str) -> Queue:
        queue = self._queues.get(lane)
        if queue is None:
            queue = self._queues[lane] = Queue(lane, domain, zone)
            heapq.heappush(self._looks, (look_s, next(self._order), queue))
        return queue
