"""Where the letters of a run leave: the one thing that the run's feed puts letters into.

In: letters.  Out: verdicts, through the ledger.  Touches: destinations and their sites.
Fails: never by itself; what a failing site means is for the directory to say.

Relays are one destination with a site for each relay; sent directly, each set of mail servers is
a destination of its own.  A directory knows which: it is all that differs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from campaign.pool.destination import Destination
from campaign.pool.pacing.refusals import Refusals
from campaign.pool.terms import Terms
from campaign.records import Letter

_HOUSEKEEPING_S = 1.0


class Directory(Protocol):
    """Which destination the letters for a domain go to."""

    @property
    def destinations(self) -> Collection[Destination]:
        """Those that are known at present."""

    @property
    def refusals(self) -> Collection[Refusals]:
        """Everything that holds refused letters which are not believed yet."""

    def of(self, domain: str) -> Destination | None:
        """None: it is not known yet, or is being looked up."""

    def is_good(self, domain: str) -> bool:
        """May further letters go where `of` says?"""

    def start(self, put: Callable[[Destination, list[Letter]], None]) -> None:
        """`put` takes letters that were looked up."""

    def look_up(self, letters: Sequence[Letter]) -> None:
        """Find out where letters for one domain go; where nowhere, settle them."""

    def rest_s(self, now_s: float) -> float:
        """Seconds until anything at all may go; 0.0 = now."""

    def trouble(self, now_s: float) -> str:
        """Why nothing can be looked up at present; "" where it can."""

    def left_s(self, count: int, by_lane: Mapping[str, int], now_s: float) -> float:
        """Seconds that so many letters take at least by the limits, so many of limited lanes."""

    def keep_house(self, now_s: float) -> None:
        """Once a second: what is to be tried again, what may be forgotten."""

    async def close(self) -> None:
        """End what is being looked up."""


class Outlet:
    """Feed, progress line and the end of a run know nothing else of the pool."""

    def __init__(self, directory: Directory, terms: Terms) -> None:
        self._directory = directory
        self._terms = terms
        self._clock = terms.clock
        self._is_stopping = False
        self._housekeeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep house."""
        self._directory.start(self._put_found)
        self._housekeeping = asyncio.get_running_loop().create_task(self._keep_house())

    # -- what the feed asks --------------------------------------------------------------------

    @property
    def connections(self) -> int:
        """How many are open."""
        sites = [site for each in self._directory.destinations for site in each.sites]
        return sum(len(site.connections) for site in sites)

    def rest_s(self, now_s: float) -> float:
        """Seconds until anything at all may go; 0.0 = now."""
        return self._directory.rest_s(now_s)

    def lane_of(self, domain: str) -> str:
        """A name for what letters for a domain share at present."""
        destination = self._directory.of(domain)
        return destination.lane_of(domain) if destination is not None else domain

    def room(self, domain: str, now_s: float, share: int) -> int:
        """How many more letters for a domain may be rendered, of its `share` of the memory."""
        destination = self._directory.of(domain)
        return sys.maxsize if destination is None else destination.room(domain, now_s, share)

    def look_s(self, domain: str, now_s: float) -> float:
        """Where there is no room: seconds until it is worth while to ask again."""
        destination = self._directory.of(domain)
        return 0.0 if destination is None else destination.look_s(domain, now_s)

    def refused_s(self, domain: str, now_s: float) -> float:
        """For how long its servers have answered with nothing but throttles; 0.0: they do not."""
        destination = self._directory.of(domain)
        return 0.0 if destination is None else destination.refused_s(domain, now_s)

    def expect(self, domain: str) -> None:
        """A letter is being rendered, which there was room for."""
        destination = self._directory.of(domain)
        if destination is not None:
            destination.lanes.expect(destination.lanes.lane(domain))

    def arrived(self, domain: str) -> None:
        """It is rendered, or will not come after all."""
        destination = self._directory.of(domain)
        if destination is not None:
            destination.lanes.arrived(domain)

    @property
    def undecided(self) -> int:
        """Letters that were refused, which is not believed yet: they are open, and wait."""
        return sum(refusals.held for refusals in self._directory.refusals)

    def believe(self) -> None:
        """Nobody else is left to be tried: those are about their recipients."""
        for refusals in self._directory.refusals:
            refusals.decide(are_believed=True)

    def put(self, letters: Sequence[Letter]) -> None:
        """Letters ready to go."""
        known: dict[Destination, list[Letter]] = {}
        unknown: dict[str, list[Letter]] = {}
        for letter in letters:
            domain = letter.claim.domain
            destination = self._directory.of(domain)
            if destination is None or not self._directory.is_good(domain):
                unknown.setdefault(domain, []).append(letter)
            else:
                known.setdefault(destination, []).append(letter)
        for destination, those in known.items():
            destination.put(those)
        for those in unknown.values():
            self._directory.look_up(those)

    def _put_found(self, destination: Destination, letters: list[Letter]) -> None:
        """Letters that were looked up; a run that stops takes no more."""
        if not self._is_stopping:
            destination.put(letters)

    def call_back(self, is_over: Callable[[Letter], bool]) -> list[Letter]:
        """The letters put here that must not go any more and are on no connection.

        Those whose way is still looked for come back at their dot.
        """
        lanes = [each.lanes for each in self._directory.destinations]
        return [letter for each in lanes for letter in each.call_back(is_over)]

    # -- what is told --------------------------------------------------------------------------

    def left_s(self, count: int, by_lane: Mapping[str, int]) -> float:
        """Seconds that so many letters take at least by the limits, so many of limited lanes."""
        return self._directory.left_s(count, by_lane, self._clock.tick_s())

    def waiting_for(self, behind: Sequence[str]) -> str:
        """What holds the run up, for the progress line; "" when nothing does.

        `behind`: domains whose rows wait in the journal for room.
        """
        tick_s, now_s = self._clock.tick_s(), self._clock.now_s()
        if trouble := self._directory.trouble(tick_s):
            return trouble
        asked: dict[Destination, list[str]] = {
            each: [] for each in self._directory.destinations if each.is_all or each.lanes.ready
        }
        for domain in behind:
            if (destination := self._directory.of(domain)) is not None:
                asked.setdefault(destination, []).append(domain)
        phrases: list[str] = []
        for destination, domains in asked.items():
            phrases += destination.waiting_for(domains, tick_s, now_s)
            if len(phrases) > 1:
                break
        return ", ".join(phrases[:2])

    # -- the end -------------------------------------------------------------------------------

    async def drain(self, grace_s: float) -> bool:
        """Take no new letters, wait for replies on the way.  False if the grace ran out."""
        self._is_stopping = True
        sites = [site for each in self._directory.destinations for site in each.sites]
        for site in sites:
            site.stop()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + grace_s
        while not all(site.is_closed for site in sites):
            if loop.time() > until_s:
                return False
            await asyncio.sleep(0.01)
        return True

    async def close(self, why: str) -> None:
        """Cut what is left and stop housekeeping."""
        for destination in self._directory.destinations:
            for site in destination.sites:
                site.abort(why)
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        await self._directory.close()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            now_s = self._clock.tick_s()
            self._terms.hosts.recover(now_s)
            self._directory.keep_house(now_s)
            for destination in list(self._directory.destinations):
                if letters := destination.keep_house(now_s):
                    self._terms.give_back(letters)
