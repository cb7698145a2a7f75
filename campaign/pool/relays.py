"""Which connection carries the next letter: the relays of a run together.

In: letters.  Out: verdicts, through the ledger.  Touches: sites.

All relays draw from the same lanes.  Weights decide while every relay keeps up; a relay that is
slow, rests or is down leaves its share to the others.  A letter changes relays only before its
final dot, so that it can never arrive twice because of this.  A relay that nobody could connect to
is tried again now and then; one that refuses the login or the sender is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from campaign.clock import Clock
from campaign.errors import CampaignError, LoginError
from campaign.pool.destination import Destination
from campaign.pool.lanes import Lanes
from campaign.pool.site import Site
from campaign.records import Letter
from campaign.smtp.endpoint import ConnectRefused
from campaign.units import show_duration

_HOUSEKEEPING_S = 1.0
_FIRST_ABSENCE_S = 60.0  # before a relay that was out of reach is tried again; doubled each time
_LONGEST_ABSENCE_S = 900.0
_YIELD_S = 0.05  # a relay that had more than its share asks again
_SLACK = 8  # letters a relay may be ahead of its share


class Outlet(Protocol):
    """Where the feed puts letters; relays and direct delivery are alike to it."""

    @property
    def connections(self) -> int:
        """How many are open."""

    def rest_s(self, now_s: float) -> float:
        """Seconds until anything at all may go; 0.0 = now."""

    def lane_of(self, domain: str) -> str:
        """A name for what letters for a domain share at present."""

    def room(self, domain: str, now_s: float, share: int) -> int:
        """How many more letters for a domain may be rendered, of its `share` of the memory."""

    def look_s(self, domain: str, now_s: float) -> float:
        """Where there is no room: seconds until it is worth while to ask again."""

    def refused_s(self, domain: str, now_s: float) -> float:
        """For how long its servers have answered with nothing but throttles; 0.0: they do not."""

    def expect(self, domain: str) -> None:
        """A letter is being rendered, which there was room for."""

    @property
    def undecided(self) -> int:
        """Letters that were refused, which is not believed yet: they are open, and wait."""

    def believe(self) -> None:
        """Nobody else is left to be tried: those are about their recipients."""

    def arrived(self, domain: str) -> None:
        """It is rendered, or will not come after all."""

    def put(self, letters: Sequence[Letter]) -> None:
        """Letters ready to go."""

    def left_s(self, count: int, by_lane: Mapping[str, int]) -> float:
        """Seconds that so many letters take at least by the limits, so many of limited lanes."""

    def call_back(self, is_over: Callable[[Letter], bool]) -> list[Letter]:
        """The letters put here that must not go any more and are on no connection."""

    def start(self) -> None:
        """Begin to keep house."""

    def waiting_for(self, behind: Sequence[str]) -> str:
        """What holds the run up, for the progress line; "" when nothing does.

        `behind`: domains whose rows wait in the journal for room.
        """

    async def drain(self, grace_s: float) -> bool:
        """Take no new letters, wait for replies on the way.  False if the grace ran out."""

    async def close(self, why: str) -> None:
        """Cut what is left and stop housekeeping."""


class Absence:
    """How long a relay that is out is left alone."""

    def __init__(self) -> None:
        self.until_s = 0.0
        self._rest_s = _FIRST_ABSENCE_S

    def begin(self, now_s: float) -> float:
        """It is out (again); seconds until it is tried."""
        rest_s = self._rest_s
        self.until_s = now_s + rest_s
        self._rest_s = min(_LONGEST_ABSENCE_S, rest_s * 2)
        return rest_s

    def end(self) -> None:
        """It is back: the next absence begins short."""
        self._rest_s = _FIRST_ABSENCE_S


class Pool:
    """The relays of a run."""

    def __init__(
        self,
        lanes: Lanes,
        clock: Clock,
        *,
        give_back: Callable[[list[Letter]], None],
        must_stop: Callable[[CampaignError], None],
        say: Callable[[str], None],
    ) -> None:
        self.lanes = lanes
        self.sites: tuple[Site, ...] = ()
        self._destination = Destination("", lanes, "relay")
        self._weights: Mapping[Site, int] = {}
        self._give_back = give_back
        self._clock = clock
        self._must_stop = must_stop
        self._say = say
        self._housekeeping: asyncio.Task[None] | None = None
        self._absences: dict[Site, Absence] = {}
        self._yielding: set[Site] = set()  # relays that had more than their share

    def take_on(self, weights: Mapping[Site, int]) -> None:
        """The relays, each with its weight; once, before `start`."""
        self._weights = weights
        self.sites = self._destination.sites = tuple(weights)
        self._count_places()

    def start(self) -> None:
        self._housekeeping = asyncio.get_running_loop().create_task(self._keep_house())

    # -- what the feed asks --------------------------------------------------------------------

    def rest_s(self, now_s: float) -> float:
        return self._destination.rest_s(now_s)

    def lane_of(self, domain: str) -> str:
        return self.lanes.lane(domain).name

    def room(self, domain: str, now_s: float, share: int) -> int:
        return self._destination.room(domain, now_s, share)

    def look_s(self, domain: str, now_s: float) -> float:
        return self._destination.look_s(domain, now_s)

    def refused_s(self, domain: str, now_s: float) -> float:
        return self._destination.refused_s(domain, now_s)

    def expect(self, domain: str) -> None:
        self.lanes.expect(self.lanes.lane(domain))

    @property
    def undecided(self) -> int:
        return sum(site.allowance.refusals.held for site in self.sites)

    def believe(self) -> None:
        for site in self.sites:
            site.allowance.refusals.decide(are_believed=True)

    def arrived(self, domain: str) -> None:
        self.lanes.arrived(domain)

    def put(self, letters: Iterable[Letter]) -> None:
        self._destination.put(letters)

    def call_back(self, is_over: Callable[[Letter], bool]) -> list[Letter]:
        return self.lanes.call_back(is_over)

    @property
    def connections(self) -> int:
        return sum(len(site.connections) for site in self.sites)

    def left_s(self, count: int, by_lane: Mapping[str, int]) -> float:
        return self._destination.left_s(count, by_lane, self._clock.tick_s())

    def waiting_for(self, behind: Sequence[str]) -> str:
        tick_s, now_s = self._clock.tick_s(), self._clock.now_s()
        return ", ".join(self._destination.waiting_for(behind, tick_s, now_s)[:2])

    # -- what sites ask ------------------------------------------------------------------------

    def may_take(self, site: Site) -> bool:
        """Is it this relay's turn?  It yields only to one that is behind and keeps up."""
        if len(self.sites) == 1:
            return True
        now_s = self._clock.tick_s()
        mine = site.taken / self._weights[site]
        behind = [
            other
            for other, weight in self._weights.items()
            if other is not site and mine - other.taken / weight > _SLACK and other.keeps_up(now_s)
        ]
        loop = asyncio.get_running_loop()
        for other in behind:
            if other.has_free_hand:
                loop.call_soon(other.wake)
        if behind and site not in self._yielding:
            self._yielding.add(site)
            loop.call_later(_YIELD_S, self._resume, site)
        return not behind

    def _resume(self, site: Site) -> None:
        self._yielding.discard(site)
        site.wake()

    def failed(self, site: Site, error: CampaignError) -> None:
        """A relay is out.  A refused login stops the run; so does the last relay that was left."""
        healthy = [other for other in self.sites if other.failure is None]
        if isinstance(error, LoginError) or not healthy:
            self._must_stop(error)
            return
        again = ""
        if isinstance(error, ConnectRefused):
            rest_s = self._absences.setdefault(site, Absence()).begin(self._clock.tick_s())
            again = f"; tried again in {show_duration(rest_s)}"
        else:
            self._absences.pop(site, None)
        names = ", ".join(other.name for other in healthy)
        self._say(f"{site.name} is out, {names} goes on: {error}{again}")
        for other in healthy:
            other.wake()

    def _call_back(self, now_s: float) -> None:
        """Relays whose absence has lasted long enough."""
        for site, absence in self._absences.items():
            if site.failure is None and site.connections:
                absence.end()
            elif site.failure is not None and now_s >= absence.until_s and not site.is_stopping:
                self._forgive(site)
                site.try_again()

    def _forgive(self, site: Site) -> None:
        """The share it missed while it was out is not made up for."""
        shares = [
            other.taken / weight for other, weight in self._weights.items() if other.failure is None
        ]
        site.taken = max(site.taken, int(min(shares, default=0.0) * self._weights[site]))

    # -- the end -------------------------------------------------------------------------------

    async def drain(self, grace_s: float) -> bool:
        for site in self.sites:
            site.stop()
        return await all_closed(self.sites, grace_s)

    async def close(self, why: str) -> None:
        for site in self.sites:
            site.abort(why)
        if self._housekeeping:
            self._housekeeping.cancel()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            now_s = self._clock.tick_s()
            self.lanes.forget_plain(now_s)
            self._call_back(now_s)
            for site in self.sites:
                site.recover(now_s)
            self._count_places()
            if letters := self._destination.long_waiting(now_s):
                self._give_back(letters)
            if self.lanes.ready:  # what one relay gave back, another may take
                for site in self.sites:
                    site.wake()

    def _count_places(self) -> None:
        self.lanes.places = sum(site.places for site in self.sites)


async def all_closed(sites: Iterable[Site], grace_s: float) -> bool:
    """Wait until no site has a connection; False if the grace ran out first."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + grace_s
    while not all(site.is_closed for site in sites):
        if loop.time() > until_s:
            return False
        await asyncio.sleep(0.01)
    return True
