"""Straight to the mail servers of every domain: one site for each set of them.

In: letters.  Out: verdicts, through the ledger.  Touches: the DNS through the router; sites.

Sites are made when a domain is first met and forgotten when they are idle.  Mail servers of one
provider share its allowance.  One domain's trouble is that domain's: its letters are put off, the
campaign goes on; only a DNS that answers nobody holds up everything.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.config.settings import Direct
from campaign.config.settings import Limit as LimitSettings
from campaign.errors import CampaignError, SenderRefused
from campaign.pool.allowance import Allowance
from campaign.pool.destination import Destination
from campaign.pool.direct import Dialer, make_router
from campaign.pool.governor import Breaker
from campaign.pool.hosts import KnownHosts
from campaign.pool.lanes import Lanes
from campaign.pool.limits import History, Limits, lane_of, seed
from campaign.pool.outlet import host_memory, open_transcript
from campaign.pool.pacing import Pacing
from campaign.pool.refusals import Refusals
from campaign.pool.relays import all_closed
from campaign.pool.site import Site
from campaign.pool.tasks import Tasks
from campaign.pool.terms import Ledger, Patience, connect_wait
from campaign.records import Letter
from campaign.routing.destinations import Route, Undeliverable
from campaign.routing.route import Router
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import ConnectRefused
from campaign.smtp.transcript import Transcript
from campaign.units import show_duration

_HOUSEKEEPING_S = 1.0
_DNS_REST_S = 15.0
_REFUSED_REST_S = 3600.0  # a domain that refuses the sender is left alone this long
_UNREACHED_REST_S = 60.0  # a domain nobody could connect to
_MESSAGES_PER_CONNECTION = 100
_REFUSING_DESTINATIONS = 3  # so many that refuse the sender: it is not them
_NEVER = 1 << 30  # refusals in a row say nothing over many destinations, only their share does


class MailServers(Destination):
    """A site with its lanes and the way to it."""

    def __init__(self, site: Site, lanes: Lanes, dialer: Dialer) -> None:
        super().__init__(site.name, lanes, "limits")
        self.sites = (site,)
        self.site = site
        self.dialer = dialer


class DirectOutlet:
    """Implements `smtp.pool.Outlet` over routes."""

    def __init__(
        self,
        router: Router,
        direct: Direct,
        limits: dict[str, LimitSettings],
        ledger: Ledger,
        history: History,
        clock: Clock,
        *,
        hosts: KnownHosts,
        patience: Patience,
        make_dialer: Callable[[Route], Dialer],
        give_back: Callable[[list[Letter]], None],
        on_low: Callable[[], None],
        must_stop: Callable[[CampaignError], None],
        say: Callable[[str], None],
        on_trial: bool,
    ) -> None:
        self._router = router
        self._direct = direct
        self._limits = Limits(limits)
        self._history = history
        self._pacing = Pacing(direct.rates)  # of all destinations together
        seed(self._pacing, history, clock)
        self._ledger = ledger
        self._clock = clock
        self._hosts = hosts
        self._patience = patience
        self._make_dialer = make_dialer
        self._give_back = give_back
        self._on_low = on_low
        self._must_stop = must_stop
        self._say = say
        self._on_trial = on_trial
        self._breaker = Breaker(in_a_row=_NEVER)  # of all destinations together
        self._refusals = Refusals(of_many_servers=True)
        self._refusing: set[str] = set()  # destinations that refuse the sender
        self._destinations: dict[str, MailServers] = {}  # by name of site
        self._by_domain: dict[str, MailServers] = {}
        self._allowances: dict[str, Allowance] = {}  # by provider
        self._seeded: dict[str, set[str]] = {}  # sites whose past counts, by provider
        self._finding: dict[str, list[Letter]] = {}  # domains whose route is being looked up
        self._tasks = Tasks()
        self._dns_rests_until_s = 0.0
        self._is_stopping = False

    def start(self) -> None:
        self._tasks.spawn(self._keep_house())

    # -- what the feed asks --------------------------------------------------------------------

    def rest_s(self, now_s: float) -> float:
        return max(0.0, self._dns_rests_until_s - now_s)

    def lane_of(self, domain: str) -> str:
        destination = self._by_domain.get(domain)
        return destination.name if destination else domain

    def room(self, domain: str, now_s: float, share: int) -> int:
        destination = self._by_domain.get(domain)
        return destination.room(domain, now_s, share) if destination else sys.maxsize

    def look_s(self, domain: str, now_s: float) -> float:
        destination = self._by_domain.get(domain)
        return destination.look_s(domain, now_s) if destination else 0.0

    def refused_s(self, domain: str, now_s: float) -> float:
        destination = self._by_domain.get(domain)
        return destination.refused_s(domain, now_s) if destination else 0.0

    def expect(self, domain: str) -> None:
        destination = self._by_domain.get(domain)
        if destination:
            destination.lanes.expect(destination.lanes.lane(domain))

    @property
    def undecided(self) -> int:
        return self._refusals.held

    def believe(self) -> None:
        self._refusals.decide(are_believed=True)

    def arrived(self, domain: str) -> None:
        destination = self._by_domain.get(domain)
        if destination:
            destination.lanes.arrived(domain)

    def put(self, letters: Sequence[Letter]) -> None:
        touched: dict[Site, None] = {}
        for letter in letters:
            domain = letter.claim.domain
            destination = self._by_domain.get(domain)
            if destination is None or self._router.known(domain) is None:  # or no longer good
                waiting = self._finding.get(domain)
                if waiting is None:
                    self._finding[domain] = [letter]
                    self._tasks.spawn(self._find(domain))
                else:
                    waiting.append(letter)
                continue
            destination.lanes.put((letter,))
            touched[destination.site] = None
        for site in touched:
            site.wake()

    def call_back(self, is_over: Callable[[Letter], bool]) -> list[Letter]:
        """Those whose route is still looked for come back at their dot."""
        lanes = [each.lanes for each in self._destinations.values()]
        return [letter for each in lanes for letter in each.call_back(is_over)]

    @property
    def connections(self) -> int:
        return sum(len(each.site.connections) for each in self._destinations.values())

    def left_s(self, count: int, by_lane: Mapping[str, int]) -> float:
        own_s = self._pacing.left_s(count, self._clock.tick_s())
        return max(own_s, self._limits.span_of(by_lane))

    def waiting_for(self, behind: Sequence[str]) -> str:
        tick_s, now_s = self._clock.tick_s(), self._clock.now_s()
        if rest_s := self.rest_s(tick_s):
            return f"DNS does not answer; again in {show_duration(rest_s)}"
        waiting = [each for each in self._destinations.values() if each.lanes.ready]
        waiting += [self._by_domain[domain] for domain in behind if domain in self._by_domain]
        phrases: list[str] = []
        for each in dict.fromkeys(waiting):
            phrases += each.waiting_for((), tick_s, now_s)
            if len(phrases) > 1:
                break
        return ", ".join(phrases[:2])

    # -- routes --------------------------------------------------------------------------------

    async def _find(self, domain: str) -> None:
        found = await self._router.route(domain)
        letters = self._finding.pop(domain)
        if isinstance(found, Undeliverable):
            self._by_domain.pop(domain, None)
            self._nowhere(letters, found)
            return
        destination = self._destinations.get(found.site)
        if destination is None:
            destination = self._destinations[found.site] = self._new(found)
        destination.dialer.route = found
        self._by_domain[domain] = destination
        if not self._is_stopping:
            destination.lanes.put(letters)
            destination.site.wake()

    def _nowhere(self, letters: list[Letter], found: Undeliverable) -> None:
        now_s = self._clock.tick_s()
        if found.is_resolver_down and now_s >= self._dns_rests_until_s:
            self._dns_rests_until_s = now_s + _DNS_REST_S
            self._say(f"DNS does not answer, nobody is failed for it: {found.text}")
        if found.is_resolver_down:
            self._give_back(letters)
            return
        for letter in letters:
            self._ledger.undeliverable(letter, found.reply, permanent=found.is_permanent)

    def _new(self, route: Route) -> MailServers:
        allowance = self._allowances.get(route.provider)
        most = min(self._direct.connections, route.connections or self._direct.connections)
        limit = self._limits.find(route.provider, lane_of(route.domain))
        if allowance is None:
            connections = limit.connections if limit and limit.connections else most
            rates = limit.rates if limit else ()
            allowance = Allowance(
                route.provider,
                connections,
                rates,
                common_breaker=self._breaker,
                common_refusals=self._refusals,
                common_pacing=self._pacing,
            )
            if self._on_trial:
                allowance.try_out()
            self._allowances[route.provider] = allowance
        seeded = self._seeded.setdefault(route.provider, set())
        if allowance.pacing.own_quotas and route.site not in seeded:
            seeded.add(route.site)
            seed(allowance.pacing, self._history, self._clock, relay=route.site)
        lanes = Lanes(lambda lane: ((), most + 1), give_back=self._give_back, on_low=self._on_low)
        lanes.places = most
        dialer = self._make_dialer(route)
        site = Site(
            route.site,
            lanes,
            self._ledger,
            partial(self._dial, dialer),
            allowance,
            clock=self._clock,
            hosts=self._hosts,
            messages_per_connection=(limit and limit.messages_per_connection)
            or route.messages_per_connection
            or _MESSAGES_PER_CONNECTION,
            patience=self._patience,
            may_take=lambda site: True,
            on_failure=self._failed,
            say=self._say,
        )
        return MailServers(site, lanes, dialer)

    async def _dial(self, dialer: Dialer, site: Site, limit: int) -> Connection:
        """By the route as it is now: mail servers move, and promise TLS or no longer do."""
        found = await self._router.route(dialer.route.domain)
        if isinstance(found, Route) and found.site == site.name:
            dialer.route = found
        else:
            self._find_anew(self._destinations[site.name])
        return await dialer.dial(site, limit)

    def _find_anew(self, destination: MailServers) -> None:
        """Its letters may have to go another way; those under way stay."""
        self._drop_domains(destination)
        self.put(destination.lanes.withdraw_all())

    # -- trouble -------------------------------------------------------------------------------

    def _failed(self, site: Site, error: CampaignError) -> None:
        """A domain cannot be reached, or refuses the sender: its letters wait, others go on."""
        destination = self._destinations[site.name]
        now_s = self._clock.tick_s()
        refused = isinstance(error, SenderRefused)
        rest_s = _REFUSED_REST_S if refused else _UNREACHED_REST_S
        site.allowance.governor.throttled(now_s, rest_s)
        letters = destination.lanes.withdraw_all()
        if refused:
            self._give_back(letters)
        else:
            reply = error.reply if isinstance(error, ConnectRefused) else None
            for letter in letters:
                self._ledger.unreached(letter, site.name, error.what, reply)
        site.failure = None  # it may be tried again after the rest
        if not refused:
            return
        self._refusing.add(site.allowance.name)
        are_all = self._breaker.is_open or self._refusals.are_all
        if are_all or len(self._refusing) >= _REFUSING_DESTINATIONS:
            self._must_stop(error)
            return
        site.allowance.breaker.half_open()
        self._say(f"{error.what}; {site.name} is left alone for {show_duration(rest_s)}")

    # -- the end -------------------------------------------------------------------------------

    async def drain(self, grace_s: float) -> bool:
        self._is_stopping = True
        sites = [each.site for each in self._destinations.values()]
        for site in sites:
            site.stop()
        return await all_closed(sites, grace_s)

    async def close(self, why: str) -> None:
        for each in self._destinations.values():
            each.site.abort(why)
        await self._tasks.cancel()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            now_s = self._clock.tick_s()
            for each in list(self._destinations.values()):
                each.site.recover(now_s)
                each.lanes.places = each.site.places
                if letters := each.long_waiting(now_s):
                    self._give_back(letters)
                if each.site.is_closed and each.lanes.is_plain and not each.rest_s(now_s):
                    self._forget(each)

    def _forget(self, destination: MailServers) -> None:
        del self._destinations[destination.site.name]
        self._drop_domains(destination)
        allowance = destination.site.allowance
        others = (each.site.allowance for each in self._destinations.values())
        if allowance.is_plain(self._clock.tick_s()) and allowance not in others:
            del self._allowances[allowance.name]
            self._seeded.pop(allowance.name, None)

    def _drop_domains(self, destination: MailServers) -> None:
        for domain in [d for d, each in self._by_domain.items() if each is destination]:
            del self._by_domain[domain]


def direct_outlet(
    campaign: Campaign,
    direct: Direct,
    ledger: Ledger,
    history: History,
    clock: Clock,
    *,
    give_back: Callable[[list[Letter]], None],
    on_low: Callable[[], None],
    must_stop: Callable[[CampaignError], None],
    say: Callable[[str], None],
    transcript: Path | None,
    patience: Patience | None,
    on_trial: bool,
) -> DirectOutlet:
    """What [direct] and [dns] describe.  ConfigError."""
    numbers = count(1)

    def written(host: str) -> Transcript | None:
        return open_transcript(transcript, host, next(numbers), clock) if transcript else None

    def make_dialer(route: Route) -> Dialer:
        return Dialer(
            route, direct, random=dice, open_transcript=written, timeouts=patient.timeouts
        )

    dice = Random()
    patient = patience or Patience(connect_wait(), first_tries=1, outage_s=30.0)
    return DirectOutlet(
        make_router(campaign.settings.dns, direct, clock, dice),
        direct,
        campaign.settings.limits,
        ledger,
        history,
        clock,
        hosts=KnownHosts(host_memory(campaign, say), clock, say),
        patience=patient,
        make_dialer=make_dialer,
        give_back=give_back,
        on_low=on_low,
        must_stop=must_stop,
        say=say,
        on_trial=on_trial,
    )
