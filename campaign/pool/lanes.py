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

Letters that go first, such as codes, have nine turns of ten in all lanes, and what is between them
and their dot is never the bulk that is in memory: the others keep one turn of ten, so that they are
never starved.
"""

from __future__ import annotations

import heapq
import sys
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import count

from campaign.pool.lane import Lane
from campaign.pool.pacing.ramp import RampWindow
from campaign.pool.pacing.rates import LaneLimit
from campaign.records import Letter
from campaign.units import show_duration

KEPT_S = 10.0  # rendered letters wait for so long in memory; for longer they go back to the journal
_FIRST_TURNS = 9  # in a row of letters that go first, while others are ready


def _lose(letters: list[Letter]) -> None:
    raise AssertionError(f"nobody takes back {len(letters)} letters")


class Lanes:
    """All lanes that share a set of connections."""

    def __init__(
        self,
        limit_of: Callable[[str], LaneLimit],
        name_of: Callable[[str], str] = str,
        *,
        limit_name: Callable[[str], str] = str,
        ramps_of: Callable[[str], Sequence[RampWindow]] = lambda name: (),
        give_back: Callable[[list[Letter]], None] = _lose,
        on_low: Callable[[], None] = lambda: None,
        on_lane: Callable[[Lane], None] = lambda lane: None,
        is_first: Callable[[Letter], bool] | None = None,
    ) -> None:
        """`name_of` a domain is the lane of its letters: many domains may be one provider's.

        `give_back` takes letters that would have to wait too long in memory; `on_low` hears that
        few are left, `on_lane` of each lane that is made.  `is_first`: letters that go before the
        others; None: all are alike.
        """
        self._is_first = is_first
        self._first: deque[Lane] = deque()  # those with letters that go first
        self._hurried = 0  # turns in a row that these had
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
        self._waiting: list[tuple[float, int, Lane, bool]] = []  # the bool: for its first letters
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
            is_first = self._is_first is not None and self._is_first(letter)
            (lane.first if is_first else lane.ready).append(letter)
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
            _, _, lane, is_first = heapq.heappop(self._waiting)
            if is_first:
                self._first.append(lane)
            else:
                (self._paced if lane.pacing.interval_s else turn).append(lane)
        crowded = self._crowded
        if crowded is not None and crowded.may_ride(connection, now_s):
            # Another's letter would wait here for an answer that may be long in coming.
            return self._give(crowded, connection, now_s)
        while turn or self._paced or self._first:
            lane, is_first = self._next()
            count = len(lane.holders)
            if not (lane.first if is_first else lane.ready):
                continue  # `put` brings it back
            if count >= lane.governor.connections and connection not in lane.holders:
                continue  # `done` brings it back
            wait_s = lane.wait_s(now_s)
            if wait_s > 0:
                if is_first:
                    lane.is_hurried = True
                else:
                    lane.is_queued = True
                waiting = (now_s + wait_s, next(self._order), lane, is_first)
                heapq.heappush(self._waiting, waiting)
            elif count >= self._share and yielding is None and self._has_others:
                yielding = lane  # to the others, unless none of them may go
            elif lane is yielding:
                continue  # with both kinds of its letters
            else:
                if yielding is not None:
                    self._queue(yielding)
                return self._give(lane, connection, now_s, is_first)
        if yielding is None and behind is not None:
            lane = self.lane(behind.claim.domain)  # all its places are taken, one by this very one
            yielding = lane if lane.may_ride(connection, now_s) else None
        return self._give(yielding, connection, now_s) if yielding else None

    @property
    def _has_others(self) -> bool:
        return bool(self._turn or self._paced or self._first)

    def _next(self) -> tuple[Lane, bool]:
        """The lane whose turn it is, and whether for a letter that goes first."""
        is_alone = not (self._turn or self._paced)
        if self._first and (is_alone or self._hurried < _FIRST_TURNS):
            lane = self._first.popleft()
            lane.is_hurried = False
            return lane, True
        lane = self._next_in_turn()
        lane.is_queued = False
        return lane, False

    def _next_in_turn(self) -> Lane:
        """Lanes with a rate first, or they would lose their share of a relay that is full, and be
        left over at the end; yet the others have a turn of three."""
        if self._paced and (self._favoured < 2 or not self._turn):
            self._favoured += 1
            return self._paced.popleft()
        self._favoured = 0
        return self._turn.popleft()

    def _give(
        self, lane: Lane, connection: Hashable, now_s: float, is_first: bool | None = None
    ) -> Letter:
        """`is_first` None: of whichever kind is next in this lane."""
        if is_first is None:
            is_first = bool(lane.first) and (not lane.ready or self._hurried < _FIRST_TURNS)
        self._hurried = self._hurried + 1 if is_first else 0
        letter = (lane.first if is_first else lane.ready).popleft()
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
        letters = [*lane.first, *lane.ready]
        lane.first.clear()
        lane.ready.clear()
        self.ready -= len(letters)
        return letters

    def rest(self, lane: Lane, wait_s: float) -> None:
        """A lane cannot go on for so long: a short rest is waited out in memory."""
        if wait_s > KEPT_S and lane.held:
            self.give_back(self.withdraw(lane))

    def call_back(self, is_over: Callable[[Letter], bool]) -> list[Letter]:
        """The ready letters that must not go any more."""
        found: list[Letter] = []
        for lane in self._lanes.values():
            over = [letter for letter in (*lane.first, *lane.ready) if is_over(letter)]
            if over:
                rows = {letter.row for letter in over}
                lane.first = deque([each for each in lane.first if each.row not in rows])
                lane.ready = deque([each for each in lane.ready if each.row not in rows])
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
        waits = [(lane, lane.wait_s(now_s)) for lane in self._lanes.values() if lane.held]
        return [(lane, wait_s) for lane, wait_s in waits if wait_s > more_than_s]

    def may_have_one(self, now_s: float) -> bool:
        """Is there a lane that neither waits for time nor is full?"""
        return self._has_others or self.next_wait_s(now_s) == 0.0

    def forget_plain(self, now_s: float) -> None:
        """Drop lanes that hold nothing: a list has many domains with a single recipient."""
        for name in [
            name
            for name, lane in self._lanes.items()
            if lane.is_plain
            and not (lane.is_queued or lane.is_hurried)
            and lane.governor.is_calm(now_s)
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
        if lane.first and not lane.is_hurried and not lane.is_full:
            lane.is_hurried = True
            self._first.append(lane)
        if lane.ready and not lane.is_queued and not lane.is_full:
            lane.is_queued = True
            (self._paced if lane.pacing.interval_s else self._turn).append(lane)
