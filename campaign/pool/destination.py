"""Where letters go together: sites that draw from the same lanes.

In: letters, the time.  Out: how many more may come, what they wait for.  Touches: its sites.
Fails: never.

All relays of a run are one destination; sent directly, each set of mail servers is one.  Weights
decide while every site keeps up; a site that is slow, rests or is down leaves its share to the
others.  A letter changes sites only before its final dot, so that it can never arrive twice
because of this.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Literal

from campaign.clock import Clock
from campaign.pool.lanes import KEPT_S, Lanes
from campaign.pool.sites.site import Site
from campaign.records import Letter

_SOON_S = 1.0  # letters for sites that may go on so soon are rendered meanwhile
_AHEAD_S = 10.0  # sites with rates have letters in memory for so long
_YIELD_S = 0.05  # a site that had more than its share asks again
_SLACK = 8  # letters a site may be ahead of its share


class Destination:
    """Lanes and the sites that empty them."""

    def __init__(
        self, name: str, lanes: Lanes, clock: Clock, kind: Literal["relay", "limits"]
    ) -> None:
        """`name` "": every letter goes here, and has the name of its lane.  `kind` of its sites,
        for those who read of a wait."""
        self.name = name
        self.lanes = lanes
        self.sites: dict[Site, int] = {}  # each with its weight
        self._clock = clock
        self._kind = kind
        self._asked_s = -1.0  # when it was last asked for room, and
        self._most = 0  # how many letters it may hold then
        self._yielding: set[Site] = set()  # sites that had more than their share

    def join(self, site: Site, weight: int = 1) -> None:
        """One more way to it."""
        self.sites[site] = weight
        self._count_places()

    @property
    def is_all(self) -> bool:
        """Does every letter of the run go here?"""
        return not self.name

    def lane_of(self, domain: str) -> str:
        """A name for what letters for a domain share."""
        return self.name or self.lanes.lane(domain).name

    def put(self, letters: Sequence[Letter]) -> None:
        self.lanes.put(letters)
        self.wake()

    def wake(self) -> None:
        """As many sites as there are letters; those that are furthest behind their share first."""
        if len(self.sites) <= self.lanes.ready:
            for site in self.sites:
                site.wake()
            return
        now_s = self._clock.tick_s()
        ready = sorted(self.sites, key=lambda site: self._distance(site, now_s))
        for site in ready[: self.lanes.ready]:
            site.wake()

    def _distance(self, site: Site, now_s: float) -> tuple[bool, float, float]:
        """How far a site is from having to take the next letter."""
        return not site.is_able, site.allowance.wait_s(now_s), site.taken / self.sites[site]

    # -- what may come -------------------------------------------------------------------------

    def rest_s(self, now_s: float) -> float:
        """Seconds until a first site may take letters again; 0.0 = now."""
        waits = [site.allowance.wait_s(now_s) for site in self.sites if site.failure is None]
        rest_s = min(waits, default=0.0)
        return rest_s if rest_s > _SOON_S else 0.0

    def room(self, domain: str, now_s: float, share: int) -> int:
        """How many more letters for a domain may come into memory, at most its share of it."""
        if now_s != self._asked_s:  # a batch is asked for at one moment
            self._asked_s, self._most = now_s, self._most_held(now_s)
        lane = self.lanes.lane(domain)
        if self._most == sys.maxsize:
            return lane.room(now_s, share)
        return max(0, min(self._most - self.lanes.held, lane.room(now_s, share)))

    def look_s(self, domain: str, now_s: float) -> float:
        """Where there is no room: seconds until it is worth while to ask again."""
        rest_s = self.rest_s(now_s)
        return max(rest_s - _SOON_S, self.lanes.lane(domain).look_s(now_s))

    def _most_held(self, now_s: float) -> int:
        if self.rest_s(now_s):
            return 0
        most, sites = 0, [site for site in self.sites if site.failure is None]
        for site in sites:
            pacing = site.allowance.pacing
            if not pacing.windows:
                return sys.maxsize
            ahead = int(_AHEAD_S / pacing.interval_s) + 1 if pacing.interval_s else sys.maxsize
            most += min(ahead, pacing.left(now_s))
        return most if sites else sys.maxsize

    def left_s(self, count: int, by_lane: Mapping[str, int], now_s: float) -> float:
        """Seconds that the limits alone leave no choice about, for so many letters, of which so
        many are of lanes with limits."""
        lanes_s = [
            self.lanes.lane(name).pacing.left_s(of_lane, now_s) for name, of_lane in by_lane.items()
        ]
        each = -(-count // max(1, len(self.sites)))
        sites_s = [site.allowance.pacing.left_s(each, now_s) for site in self.sites]
        return max([*lanes_s, min(sites_s, default=0.0)])

    # -- what its sites ask --------------------------------------------------------------------

    def may_take(self, site: Site) -> bool:
        """Is it this site's turn?  It yields only to one that is behind and keeps up."""
        if len(self.sites) == 1:
            return True
        now_s = self._clock.tick_s()
        mine = site.taken / self.sites[site]
        behind = [
            other
            for other, weight in self.sites.items()
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

    def elsewhere_s(self, site: Site, now_s: float) -> float | None:
        """Seconds that all other addresses of ours have to rest; None: there is none."""
        waits = [
            other.allowance.governor.wait_s(now_s)
            for other in self.sites
            if other.source != site.source and other.failure is None
        ]
        return min(waits, default=None)

    def _resume(self, site: Site) -> None:
        self._yielding.discard(site)
        site.wake()

    def forgive(self, site: Site) -> None:
        """The share that a site missed while it was out is not made up for."""
        shares = [
            other.taken / weight for other, weight in self.sites.items() if other.failure is None
        ]
        site.taken = max(site.taken, int(min(shares, default=0.0) * self.sites[site]))

    # -- what is kept --------------------------------------------------------------------------

    def keep_house(self, now_s: float) -> list[Letter]:
        """Once a second: what replies taught is felt for again, who can go on is woken.

        Letters that would have to wait in memory for long are taken out.
        """
        self.lanes.forget_plain(now_s)
        for site in self.sites:
            site.recover(now_s)
        self._count_places()
        letters = self._long_waiting(now_s)
        if self.lanes.ready:  # what one site gave back, another may take
            self.wake()
        return letters

    def is_plain(self, now_s: float) -> bool:
        """Nothing is under way, and nothing is known of it that would be lost with it."""
        are_closed = all(site.is_closed for site in self.sites)
        return are_closed and self.lanes.is_plain and not self.rest_s(now_s)

    def _long_waiting(self, now_s: float) -> list[Letter]:
        if self.rest_s(now_s) > KEPT_S:
            return self.lanes.withdraw_all()
        letters: list[Letter] = []
        for lane, _ in self.lanes.long_waits(now_s, KEPT_S):
            letters += self.lanes.withdraw(lane)
        return letters

    def _count_places(self) -> None:
        self.lanes.places = sum(site.places for site in self.sites)

    # -- what is told --------------------------------------------------------------------------

    def refused_s(self, domain: str, now_s: float) -> float:
        """For how long now nothing was accepted since the first throttle, by a provider's servers.

        A relay that rests as a whole is waited for: that says nothing of its recipients.
        """
        lane_s = self.lanes.lane(domain).governor.refused_s(now_s)
        if self._kind == "relay":
            return lane_s
        sites_s = [site.allowance.governor.refused_s(now_s) for site in self.sites]
        return max(lane_s, min(sites_s, default=0.0))

    def waiting_for(self, domains: Sequence[str], tick_s: float, now_s: float) -> list[str]:
        """What holds it up, and the lanes of these domains; the most general first."""
        said = [site.waiting_for(tick_s, now_s, self._kind) for site in self.sites]
        lanes = {self.lanes.lane(domain).name: self.lanes.lane(domain) for domain in domains}
        rest = self.lanes.resting(tick_s)
        turns = [lane.turn(tick_s, now_s) for lane in lanes.values()]
        return [phrase for phrase in dict.fromkeys([*said, *rest, *turns]) if phrase]
