"""Where the mail of each domain goes: a destination for each set of mail servers.

In: domains.  Out: destinations; verdicts for domains without mail servers, through the ledger.
Touches: the DNS through the router; sites.
Fails: ConfigError where [dns] cannot be used.

Destinations are made when a domain is first met and forgotten when they are idle.  Mail servers of
one provider share its allowance.  One domain's trouble is that domain's: its letters are put off,
the campaign goes on; only a DNS that answers nobody holds up everything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import count
from random import Random

from campaign.config.loader import Campaign
from campaign.config.settings import Direct
from campaign.config.settings import Limit as LimitSettings
from campaign.errors import CampaignError, SenderRefused
from campaign.pool.destination import Destination
from campaign.pool.direct.dialer import Dialer, make_router
from campaign.pool.lanes import Lanes
from campaign.pool.limits import Limits, lane_of, seed
from campaign.pool.pacing.allowance import Allowance
from campaign.pool.pacing.governor import Breaker
from campaign.pool.pacing.rates import Pacing
from campaign.pool.pacing.refusals import Refusals
from campaign.pool.ramps import DIRECT
from campaign.pool.sites.site import Site
from campaign.pool.tasks import Tasks
from campaign.pool.terms import Terms
from campaign.records import Letter
from campaign.routing.destinations import Route, Undeliverable
from campaign.routing.route import Router
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import ConnectRefused
from campaign.smtp.transcript import Transcript, open_transcript
from campaign.units import show_duration

_DNS_REST_S = 15.0
_REFUSED_REST_S = 3600.0  # a domain that refuses the sender is left alone this long
_UNREACHED_REST_S = 60.0  # a domain nobody could connect to
_MESSAGES_PER_CONNECTION = 100
_REFUSING_PROVIDERS = 3  # so many that refuse the sender: it is not them
_NEVER = 1 << 30  # refusals in a row say nothing over many destinations, only their share does


class Routes:
    """Implements `Directory` over the router's routes."""

    def __init__(
        self,
        router: Router,
        direct: Direct,
        limits: Mapping[str, LimitSettings],
        terms: Terms,
        make_dialer: Callable[[Route], Dialer],
    ) -> None:
        self._router = router
        self._direct = direct
        self._limits = Limits(limits)
        self._pacing = Pacing(
            direct.rates, ramps=terms.ramps.of_relay(DIRECT)
        )  # of all destinations together
        seed(self._pacing, terms.history, terms.clock)
        self._terms = terms
        self._clock = terms.clock
        self._make_dialer = make_dialer
        self._breaker = Breaker(in_a_row=_NEVER)  # of all destinations together
        self._refusals = Refusals(of_many_servers=True)
        self._refusing: set[str] = set()  # providers that refuse the sender
        self._found: dict[str, Destination] = {}  # by name of their servers
        self._dialers: dict[str, Dialer] = {}  # by the same name
        self._by_domain: dict[str, Destination] = {}
        self._allowances: dict[str, Allowance] = {}  # by provider
        self._seeded: dict[str, set[str]] = {}  # sites whose past counts, by provider
        self._finding: dict[str, list[Letter]] = {}  # domains whose route is being looked up
        self._tasks = Tasks()
        self._dns_rests_until_s = 0.0

    # -- what the outlet asks ------------------------------------------------------------------

    @property
    def destinations(self) -> Collection[Destination]:
        return self._found.values()

    @property
    def refusals(self) -> Collection[Refusals]:
        return (self._refusals,)

    def of(self, domain: str) -> Destination | None:
        return self._by_domain.get(domain)

    def is_good(self, domain: str) -> bool:
        return self._router.known(domain) is not None

    def start(self, put: Callable[[Destination, list[Letter]], None]) -> None:
        self._put = put

    def look_up(self, letters: Sequence[Letter]) -> None:
        domain = letters[0].claim.domain
        waiting = self._finding.get(domain)
        if waiting is None:
            self._finding[domain] = list(letters)
            self._tasks.spawn(self._find(domain))
        else:
            waiting += letters

    def rest_s(self, now_s: float) -> float:
        return max(0.0, self._dns_rests_until_s - now_s)

    def trouble(self, now_s: float) -> str:
        rest_s = self.rest_s(now_s)
        return f"DNS does not answer; again in {show_duration(rest_s)}" if rest_s else ""

    def left_s(self, count: int, by_lane: Mapping[str, int], now_s: float) -> float:
        return max(self._pacing.left_s(count, now_s), self._limits.span_of(by_lane))

    def keep_house(self, now_s: float) -> None:
        """Destinations that nothing is known of are forgotten."""
        for name, destination in list(self._found.items()):
            if destination.is_plain(now_s):
                self._forget(name, destination, now_s)

    async def close(self) -> None:
        await self._tasks.cancel()

    # -- routes --------------------------------------------------------------------------------

    async def _find(self, domain: str) -> None:
        found = await self._router.route(domain)
        letters = self._finding.pop(domain)
        if isinstance(found, Undeliverable):
            self._by_domain.pop(domain, None)
            self._nowhere(letters, found)
            return
        destination = self._found.get(found.site)
        if destination is None:
            destination = self._found[found.site] = self._new(found)
        self._dialers[found.site].route = found
        self._by_domain[domain] = destination
        self._put(destination, letters)

    def _nowhere(self, letters: list[Letter], found: Undeliverable) -> None:
        now_s = self._clock.tick_s()
        if found.is_resolver_down and now_s >= self._dns_rests_until_s:
            self._dns_rests_until_s = now_s + _DNS_REST_S
            self._terms.say(f"DNS does not answer, nobody is failed for it: {found.text}")
        if found.is_resolver_down:
            self._terms.give_back(letters)
            return
        for letter in letters:
            self._terms.ledger.undeliverable(letter, found.reply, permanent=found.is_permanent)

    def _new(self, route: Route) -> Destination:
        most = min(self._direct.connections, route.connections or self._direct.connections)
        limit = self._limits.find(route.provider, lane_of(route.domain))
        terms = self._terms
        lanes = Lanes(lambda lane: ((), most + 1), give_back=terms.give_back, on_low=terms.on_low)
        destination = Destination(route.site, lanes, self._clock, "limits")
        dialer = self._dialers[route.site] = self._make_dialer(route)
        site = Site(
            route.site,
            lanes,
            partial(self._dial, dialer),
            self._allowance(route, limit, most),
            terms,
            messages_per_connection=(limit and limit.messages_per_connection)
            or route.messages_per_connection
            or _MESSAGES_PER_CONNECTION,
            may_take=destination.may_take,
            on_failure=self._failed,
        )
        destination.join(site)
        return destination

    def _allowance(self, route: Route, limit: LimitSettings | None, most: int) -> Allowance:
        """That of the provider of a route; what earlier runs sent to its servers counts."""
        allowance = self._allowances.get(route.provider)
        if allowance is None:
            allowance = self._allowances[route.provider] = Allowance(
                route.provider,
                limit.connections if limit and limit.connections else most,
                limit.rates if limit else (),
                common_breaker=self._breaker,
                common_refusals=self._refusals,
                common_pacing=self._pacing,
                ramps=self._terms.ramps.of_provider(route.provider)
                or self._terms.ramps.of_provider(lane_of(route.domain)),
            )
            if self._terms.on_trial:
                allowance.try_out()
        seeded = self._seeded.setdefault(route.provider, set())
        if allowance.pacing.own_quotas and route.site not in seeded:
            seeded.add(route.site)
            seed(allowance.pacing, self._terms.history, self._clock, relay=route.site)
        return allowance

    async def _dial(self, dialer: Dialer, site: Site, limit: int) -> Connection:
        """By the route as it is now: mail servers move, and promise TLS or no longer do."""
        found = await self._router.route(dialer.route.domain)
        if isinstance(found, Route) and found.site == site.name:
            dialer.route = found
        else:
            self._find_anew(site.name)
        return await dialer.dial(site, limit)

    def _find_anew(self, name: str) -> None:
        """Its letters may have to go another way; those under way stay."""
        destination = self._found[name]
        self._drop_domains(destination)
        by_domain: dict[str, list[Letter]] = {}
        for letter in destination.lanes.withdraw_all():
            by_domain.setdefault(letter.claim.domain, []).append(letter)
        for letters in by_domain.values():
            self.look_up(letters)

    # -- trouble -------------------------------------------------------------------------------

    def _failed(self, site: Site, error: CampaignError) -> None:
        """A domain cannot be reached, or refuses the sender: its letters wait, others go on."""
        now_s = self._clock.tick_s()
        refused = isinstance(error, SenderRefused)
        rest_s = _REFUSED_REST_S if refused else _UNREACHED_REST_S
        site.allowance.governor.throttled(now_s, rest_s)
        letters = self._found[site.name].lanes.withdraw_all()
        if refused:
            self._terms.give_back(letters)
        else:
            reply = error.reply if isinstance(error, ConnectRefused) else None
            for letter in letters:
                self._terms.ledger.unreached(letter, site.name, error.what, reply)
        site.failure = None  # it may be tried again after the rest
        if not refused:
            return
        self._refusing.add(site.allowance.name)
        are_all = self._breaker.is_open or self._refusals.are_all
        if are_all or len(self._refusing) >= _REFUSING_PROVIDERS:
            self._terms.must_stop(error)
            return
        site.allowance.breaker.half_open()
        self._terms.say(f"{error.what}; {site.name} is left alone for {show_duration(rest_s)}")

    # -- forgetting ----------------------------------------------------------------------------

    def _forget(self, name: str, destination: Destination, now_s: float) -> None:
        del self._found[name], self._dialers[name]
        self._drop_domains(destination)
        in_use = {site.allowance for each in self._found.values() for site in each.sites}
        for site in destination.sites:
            allowance = site.allowance
            if allowance.is_plain(now_s) and allowance not in in_use:
                del self._allowances[allowance.name]
                self._seeded.pop(allowance.name, None)

    def _drop_domains(self, destination: Destination) -> None:
        for domain in [d for d, each in self._by_domain.items() if each is destination]:
            del self._by_domain[domain]


def routes_of(campaign: Campaign, direct: Direct, terms: Terms) -> Routes:
    """What [direct], [dns] and [limits] describe."""
    numbers = count(1)

    def written(host: str) -> Transcript | None:
        if not terms.transcript:
            return None
        return open_transcript(terms.transcript, host, next(numbers), terms.clock)

    def make_dialer(route: Route) -> Dialer:
        timeouts = terms.patience.timeouts
        return Dialer(route, direct, random=dice, open_transcript=written, timeouts=timeouts)

    dice = Random()
    router = make_router(campaign.settings.dns, direct, terms.clock, dice)
    return Routes(router, direct, campaign.settings.limits, terms, make_dialer)
