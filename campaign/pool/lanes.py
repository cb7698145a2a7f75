"""Which letter goes next, so that one provider's limit never holds up another.

In: letters, the time.  Out: the next letter, or how long until there may be one.
Touches: nothing.

Every recipient provider has a lane: its ready letters, its rates, its governor.  Lanes that may
go now stand in a round robin; those that must wait stand in a heap by time and cost nothing
until then; those whose places are all taken come back when a place is free.

A place is a connection with at least one letter of the lane: the next envelope behind the dot
takes no further one.  A provider that is slow to answer would in time hold every place, for a
letter of it stays longer than any other; so a lane holds at most three quarters of them while
others have letters ready.  A quarter is enough for the others, who are quick, and costs a provider
that has most of the list next to nothing.
"""

from __future__ import annotations

import heapq
import sys
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import count

from campaign.pool.pacing.governor import Governor
from campaign.pool.pacing.ramp import RampWindow
from campaign.pool.pacing.rates import Pacing
from campaign.pool.pacing.waits import turn
from campaign.records import Letter
from campaign.units import Rate, show_duration

_SOON_S = 1.0  # letters for a lane that may go on so soon are rendered meanwhile
_AHEAD_S = 2.0  # a lane with a rate has letters in memory for so long
KEPT_S = 10.0  # rendered letters wait for so long in memory; for longer they go back to the journal
_LEAST_LOOK_S = 0.05
_LONGEST_LOOK_S = 60.0
Limit = tuple[Sequence[Rate], int]  # rates and connections of one provider


def _lose(letters: list[Letter]) -> None:
    raise AssertionError(f"nobody takes back {len(letters)} letters")


class Lane:
    """The letters for one provider."""

    __slots__ = (
        "_limit_name",
        "coming",
        "governor",
        "holders",
        "is_queued",
        "name",
        "pacing",
        "ready",
    )

    def __init__(
        self,
        name: str,
        rates: Sequence[Rate],
        connections: int,
        limit_name: str = "",
        ramps: Sequence[RampWindow] = (),
    ) -> None:
        """`limit_name`: what the config calls its limit, where that is not its name."""
        self.name = name
        self._limit_name = limit_name or name
        self.ready: deque[Letter] = deque()
        self.holders: dict[Hashable, int] = {}  # connection -> letters of ours it carries
        self.pacing = Pacing(rates, ramps=ramps)
        self.governor = Governor(connections)
        self.coming = 0  # letters being rendered for it
        self.is_queued = False  # stands in the round robin or in the heap

    def wait_s(self, now_s: float) -> float:
        rest_s = self.governor.wait_s(now_s)
        return max(rest_s, self.pacing.wait_s(now_s)) if self.pacing.windows else rest_s

    def room(self, now_s: float, share: int) -> int:
        """How many more letters may come into memory.

        A lane with a rate takes what it can send in two seconds; one with a rate, or whose places
        are all taken, never more than its share of the memory.  All others take what comes.
        """
        if self.wait_s(now_s) > _SOON_S:
            return 0
        interval_s = self.pacing.interval_s
        if interval_s:
            most = min(share, int(_AHEAD_S / interval_s) + 1, self.pacing.left(now_s))
        elif self.is_full:
            most = share
        else:
            return sys.maxsize
        return max(0, most - len(self.ready) - self.coming)

    def look_s(self, now_s: float) -> float:
        """Where there is no room: seconds until it is worth while to ask again.

        Half of what a lane holds must be gone first, so that few are asked for many at a time.
        """
        wait_s = self.wait_s(now_s) - _SOON_S
        if wait_s <= 0:
            wait_s = min(_SOON_S, (len(self.ready) + self.coming) * self.pacing.interval_s / 2)
        return min(_LONGEST_LOOK_S, max(_LEAST_LOOK_S, wait_s))

    def turn(self, tick_s: float, now_s: float) -> str:
        """What its limit is called while letters wait for it; "" where they do not."""
        return turn("limits", self._limit_name, self.pacing, tick_s, now_s)

    @property
    def is_full(self) -> bool:
        return len(self.holders) >= self.governor.connections

    def may_ride(self, connection: Hashable, now_s: float) -> bool:
        """May another letter go over a connection that carries one of ours?"""
        return bool(self.ready and connection in self.holders and self.wait_s(now_s) <= 0)

    @property
    def is_plain(self) -> bool:
        """Nothing is known of it that would be lost with it."""
        return not (self.ready or self.holders or self.coming or self.pacing.windows) and (
            self.governor.connections == self.governor.limit
        )


class Lanes:
    """All lanes that share a set of connections."""

    def __init__(
        self,
        limit_of: Callable[[str], Limit],
        name_of: Callable[[str], str] = str,
        *,
        limit_name: Callable[[str], str] = str,
        ramps_of: Callable[[str], Sequence[RampWindow]] = lambda name: (),
        give_back: Callable[[list[Letter]], None] = _lose,
        on_low: Callable[[], None] = lambda: None,
        on_lane: Callable[[Lane], None] = lambda lane: None,
    ) -> None:
        """`name_of` a domain is the lane of its letters: many domains may be one provider's.

        `give_back` takes letters that would have to wait too long in memory; `on_low` hears that
        few are left, `on_lane` of each lane that is made.
        """
        self._limit_name = limit_name
        self._ramps_of = ramps_of
        self.give_back = give_back
        self.on_low = on_low
        self._on_lane = on_lane
        self._limit_of = limit_of
        self._name_of = name_of
        self._lanes: dict[str, Lane] = {}
        self._by_domain: dict[str, Lane] = {}
        self._turn: deque[Lane] = deque()
        self._paced: deque[Lane] = deque()  # those with a rate, which take two turns of three
        self._favoured = 0  # turns in a row that they had
        self._waiting: list[tuple[float, int, Lane]] = []
        self._order = count()  # breaks ties in the heap
        self.ready = 0  # letters in all lanes
        self._coming = 0
        self._places = 0
        self._share = sys.maxsize  # places of one lane while others have letters ready
        self._crowded: Lane | None = None  # has just its share: its connections keep to it

    @property
    def places(self) -> int:
        """Connections that all lanes together may use; before it is set no lane has to yield."""
        return self._places

    @places.setter
    def places(self, places: int) -> None:
        if places != self._places:
            self._places = places
            self._share = max(1, places * 3 // 4)
            self._crowded = None

    def lane(self, domain: str) -> Lane:
        """The lane that letters for a domain take, made when first asked for."""
        lane = self._by_domain.get(domain)
        if lane is None:
            name = self._name_of(domain)
            lane = self._lanes.get(name)
            if lane is None:
                lane = self._lanes[name] = Lane(
                    name, *self._limit_of(name), self._limit_name(name), self._ramps_of(name)
                )
                self._on_lane(lane)
            self._by_domain[domain] = lane
        return lane

    def put(self, letters: Iterable[Letter]) -> None:
        """Letters that are ready to go."""
        for letter in letters:
            lane = self.lane(letter.claim.domain)
            lane.ready.append(letter)
            self.ready += 1
            self._queue(lane)

    def take(
        self, now_s: float, connection: Hashable, behind: Letter | None = None
    ) -> Letter | None:
        """The next letter that may go now over a connection; the caller later says `done`.

        `behind`: the letter it will ride behind, not yet answered.
        """
        turn, yielding = self._turn, None
        while self._waiting and self._waiting[0][0] <= now_s:
            lane = heapq.heappop(self._waiting)[2]
            (self._paced if lane.pacing.interval_s else turn).append(lane)
        crowded = self._crowded
        if crowded is not None and crowded.may_ride(connection, now_s):
            # Another's letter would wait here for an answer that may be long in coming.
            return self._give(crowded, connection, now_s)
        while turn or self._paced:
            lane = self._next()
            lane.is_queued = False
            count = len(lane.holders)
            if not lane.ready:
                continue  # `put` brings it back
            if count >= lane.governor.connections and connection not in lane.holders:
                continue  # `done` brings it back
            wait_s = lane.wait_s(now_s)
            if wait_s > 0:
                lane.is_queued = True
                heapq.heappush(self._waiting, (now_s + wait_s, next(self._order), lane))
            elif count >= self._share and (turn or self._paced) and yielding is None:
                yielding = lane  # to the others, unless none of them may go
            else:
                if yielding is not None:
                    self._queue(yielding)
                return self._give(lane, connection, now_s)
        if yielding is None and behind is not None:
            lane = self.lane(behind.claim.domain)  # all its places are taken, one by this very one
            yielding = lane if lane.may_ride(connection, now_s) else None
        return self._give(yielding, connection, now_s) if yielding else None

    def _next(self) -> Lane:
        """Lanes with a rate first, or they would lose their share of a relay that is full, and be
        left over at the end; yet the others have a turn of three."""
        if self._paced and (self._favoured < 2 or not self._turn):
            self._favoured += 1
            return self._paced.popleft()
        self._favoured = 0
        return self._turn.popleft()

    def _give(self, lane: Lane, connection: Hashable, now_s: float) -> Letter:
        letter = lane.ready.popleft()
        self.ready -= 1
        holders = lane.holders
        carried = holders.get(connection, 0)
        holders[connection] = carried + 1
        if not carried:
            self._count(lane)
        lane.pacing.take(now_s)
        self._queue(lane)
        return letter

    def done(self, letter: Letter, connection: Hashable) -> Lane:
        """A taken letter is off the wire, whatever became of it."""
        lane = self.lane(letter.claim.domain)
        carried = lane.holders[connection] - 1
        if carried:
            lane.holders[connection] = carried
        else:
            del lane.holders[connection]
            self._count(lane)
        self._queue(lane)
        return lane

    def _count(self, lane: Lane) -> None:
        """The number of its holders has changed."""
        if len(lane.holders) == self._share and self._places > 1:
            self._crowded = lane
        elif lane is self._crowded:
            self._crowded = None

    def withdraw(self, lane: Lane) -> list[Letter]:
        """All ready letters of a lane that will have to wait long."""
        letters = list(lane.ready)
        lane.ready.clear()
        self.ready -= len(letters)
        return letters

    def rest(self, lane: Lane, wait_s: float) -> None:
        """A lane cannot go on for so long: a short rest is waited out in memory."""
        if wait_s > KEPT_S and lane.ready:
            self.give_back(self.withdraw(lane))

    def call_back(self, is_over: Callable[[Letter], bool]) -> list[Letter]:
        """The ready letters that must not go any more."""
        found: list[Letter] = []
        for lane in self._lanes.values():
            over = [letter for letter in lane.ready if is_over(letter)]
            if over:
                rows = {letter.row for letter in over}
                lane.ready = deque(each for each in lane.ready if each.row not in rows)
                self.ready -= len(over)
                found += over
        return found

    def withdraw_all(self) -> list[Letter]:
        """Every ready letter; the campaign stops."""
        return [letter for lane in self._lanes.values() for letter in self.withdraw(lane)]

    @property
    def held(self) -> int:
        """Letters that are ready, or being rendered."""
        return self.ready + self._coming

    def expect(self, lane: Lane) -> None:
        """One more letter of a lane is being rendered."""
        lane.coming += 1
        self._coming += 1

    def arrived(self, domain: str) -> None:
        """A letter that was expected is rendered, or will not come after all."""
        lane = self.lane(domain)
        if lane.coming:  # or the lane was made after it was admitted
            lane.coming -= 1
            self._coming -= 1

    @property
    def lonely(self) -> bool:
        """Is there one lane at most?"""
        return len(self._lanes) < 2

    def next_wait_s(self, now_s: float) -> float | None:
        """Seconds until a waiting lane may go; None if none waits for time."""
        return max(0.0, self._waiting[0][0] - now_s) if self._waiting else None

    @property
    def is_plain(self) -> bool:
        """No lane holds a letter, or knows anything that would be lost with it."""
        return all(lane.is_plain for lane in self._lanes.values())

    def long_waits(self, now_s: float, more_than_s: float) -> list[tuple[Lane, float]]:
        """Lanes whose ready letters will not go soon, with how long they have to wait."""
        waits = [(lane, lane.wait_s(now_s)) for lane in self._lanes.values() if lane.ready]
        return [(lane, wait_s) for lane, wait_s in waits if wait_s > more_than_s]

    def may_have_one(self, now_s: float) -> bool:
        """Is there a lane that neither waits for time nor is full?"""
        return bool(self._turn or self._paced) or self.next_wait_s(now_s) == 0.0

    def forget_plain(self, now_s: float) -> None:
        """Drop lanes that hold nothing: a list has many domains with a single recipient."""
        for name in [
            name
            for name, lane in self._lanes.items()
            if lane.is_plain and not lane.is_queued and lane.governor.is_calm(now_s)
        ]:
            del self._lanes[name]
        self._by_domain.clear()

    def resting(self, now_s: float) -> list[str]:
        """Sentences about lanes in cool-down, longest first."""
        waits = [(lane.governor.wait_s(now_s), lane.name) for lane in self._lanes.values()]
        return [
            f"{name} cools down {show_duration(wait_s)}"
            for wait_s, name in sorted(waits, reverse=True)
            if wait_s > 0
        ]

    def _queue(self, lane: Lane) -> None:
        if lane.ready and not lane.is_queued and not lane.is_full:
            lane.is_queued = True
            (self._paced if lane.pacing.interval_s else self._turn).append(lane)
