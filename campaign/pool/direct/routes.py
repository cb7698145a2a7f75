"""Where the mail of each domain goes: a destination for each set of mail servers.

In: domains.  Out: destinations; verdicts for domains without mail servers, through the ledger.
Touches: the DNS through the router; sites.
Fails: ConfigError where [dns] cannot be used.

Destinations are made when a domain is first met and forgotten when they are idle.  Mail servers of
one provider share its allowance.  One domain's trouble is that domain's: its letters are put off,
the campaign goes on; only a DNS that answers nobody holds up everything.

Where several addresses of this host send, a destination has a site for each that reaches its
servers: one that rests, is slowed down or refused leaves its share to the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from random import Random

from campaign.config.loader import Campaign
from campaign.config.settings import Direct
from campaign.errors import CampaignError, SenderRefused
from campaign.journal.ways import sent_from
from campaign.pool.destination import Destination
from campaign.pool.direct.dialer import Dialer, make_router
from campaign.pool.direct.origins import Origin
from campaign.pool.lanes import Lanes
from campaign.pool.limits import Limited, Limits, lane_of
from campaign.pool.pacing.refusals import Refusals
from campaign.pool.sites.site import Site
from campaign.pool.tasks import Tasks
from campaign.pool.terms import Terms
from campaign.records import Letter
from campaign.routing.destinations import Route, Undeliverable
from campaign.routing.mx import has_ipv6
from campaign.routing.route import Router
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import ConnectRefused
from campaign.smtp.transcript import Transcript, open_transcript
from campaign.units import show_duration

_DNS_REST_S = 15.0
_REFUSED_REST_S = 3600.0  # a domain that refuses the sender is left alone this long
_UNREACHED_REST_S = 60.0  # a domain nobody could connect to
_MESSAGES_PER_CONNECTION = 100


@dataclass(frozen=True)
class Way:
    """How a site's letters go: from which of our addresses, to whose servers."""

    destination: Destination
    origin: Origin
    dialer: Dialer
    provider: str


class Routes:
    """Implements `Directory` over the router's routes."""

    def __init__(
        self,
        router: Router,
        direct: Direct,
        limits: Mapping[str, Limited],
        terms: Terms,
        make_dialer: Callable[[Route, Origin], Dialer],
    ) -> None:
        self._router = router
        self._direct = direct
        self._limits = Limits(limits)
        self._origins = [Origin(*source, direct, terms) for source in direct.sources]
        self._terms = terms
        self._clock = terms.clock
        self._make_dialer = make_dialer
        self._found: dict[str, Destination] = {}  # by name of their servers
        self._ways: dict[Site, Way] = {}
        self._by_domain: dict[str, Destination] = {}
        self._finding: dict[str, list[Letter]] = {}  # domains whose route is being looked up
        self._tasks = Tasks()
        self._dns_rests_until_s = 0.0

    # -- what the outlet asks ------------------------------------------------------------------

    @property
    def destinations(self) -> Collection[Destination]:
        return self._found.values()

    @property
    def refusals(self) -> Collection[Refusals]:
        return [origin.refusals for origin in self._origins]

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
        origins = self._open_origins
        each = -(-count // len(origins))  # one of them has to send so many at least
        own_s = min(origin.pacing.left_s(each, now_s) for origin in origins)
        return max(own_s, self._limits.span_of(by_lane, len(origins)))

    def keep_house(self, now_s: float) -> None:
        """Destinations that nothing is known of are forgotten."""
        gone = {each for each in self._found.values() if each.is_plain(now_s)}
        if gone:
            self._forget(gone, now_s)

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
            lanes = self._lanes(self._most(found))
            destination = Destination(found.site, lanes, self._clock, "limits")
            self._found[found.site] = destination
        self._equip(destination, found)
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

    def _equip(self, destination: Destination, route: Route) -> None:
        """One site for each address that reaches these servers; at least one, to say why not."""
        ways = [self._ways[site] for site in destination.sites]
        for way in ways:
            way.dialer.route = route
        origins = self._open_origins
        able = [origin for origin in origins if origin.reaches(route)]
        if not able and all(way.origin.failure for way in ways):
            able = origins[:1]
        known = {way.origin for way in ways}
        for origin in able:
            if origin not in known:
                self._join(destination, route, origin)
        self._origins.append(self._origins.pop(0))  # another is the first one of the next

    def _join(self, destination: Destination, route: Route, origin: Origin) -> None:
        most = self._most(route)
        limit = self._limits.find(route.provider, lane_of(route.domain))
        dialer = self._make_dialer(route, origin)
        site = Site(
            sent_from(route.site, origin.address),
            destination.lanes,
            partial(self._dial, dialer),
            origin.allowance(route, limit, most),
            self._terms,
            messages_per_connection=(limit and limit.messages_per_connection)
            or route.messages_per_connection
            or _MESSAGES_PER_CONNECTION,
            siblings=destination,
            on_failure=self._failed,
            source=origin.address,
        )
        self._ways[site] = Way(destination, origin, dialer, route.provider)
        destination.join(site)

    def _lanes(self, most: int) -> Lanes:
        terms = self._terms
        most *= len(self._origins)  # without a limit a lane is never full
        return Lanes(
            lambda lane: ((), most + 1),
            give_back=terms.give_back,
            on_low=terms.on_low,
            is_first=terms.is_first,
        )

    def _most(self, route: Route) -> int:
        """Connections from one address."""
        return min(self._direct.connections, route.connections or self._direct.connections)

    @property
    def _open_origins(self) -> list[Origin]:
        """Those that may be used; where none may the run stops, and any will do."""
        return [each for each in self._origins if each.failure is None] or self._origins

    async def _dial(self, dialer: Dialer, site: Site, limit: int) -> Connection:
        """By the route as it is now: mail servers move, and promise TLS or no longer do."""
        before = dialer.route
        found = await self._router.route(before.domain)
        if isinstance(found, Route) and found.site == before.site:
            dialer.route = found
        else:
            self._find_anew(self._ways[site].destination)
        return await dialer.dial(site, limit)

    def _find_anew(self, destination: Destination) -> None:
        """Its letters may have to go another way; those under way stay."""
        self._drop_domains({destination})
        by_domain: dict[str, list[Letter]] = {}
        for letter in destination.lanes.withdraw_all():
            by_domain.setdefault(letter.claim.domain, []).append(letter)
        for letters in by_domain.values():
            self.look_up(letters)

    # -- trouble -------------------------------------------------------------------------------

    def _failed(self, site: Site, error: CampaignError) -> None:
        """Servers cannot be reached, or refuse the sender: another address goes on, or their
        letters wait.  Other destinations go on in any case."""
        way, now_s = self._ways[site], self._clock.tick_s()
        if way.origin.failure is not None:  # its connections ended later than it was given up
            way.destination.wake()
            return
        refused = isinstance(error, SenderRefused)
        rest_s = _REFUSED_REST_S if refused else _UNREACHED_REST_S
        site.allowance.governor.throttled(now_s, rest_s)
        site.failure = None  # it may be tried again after the rest
        if way.destination.rest_s(now_s):
            self._put_off(way.destination, site, error)
        else:
            way.destination.wake()
        if not refused:
            return
        if way.origin.refused_by(way.provider):
            self._give_up(way.origin, error)
            return
        site.allowance.breaker.half_open()
        self._terms.say(f"{error.what}; {site.name} is left alone for {show_duration(rest_s)}")

    def _put_off(self, destination: Destination, site: Site, error: CampaignError) -> None:
        """No address of ours has a way to these servers at present."""
        letters = destination.lanes.withdraw_all()
        if isinstance(error, SenderRefused):
            self._terms.give_back(letters)
            return
        reply = error.reply if isinstance(error, ConnectRefused) else None
        for letter in letters:
            self._terms.ledger.unreached(letter, site.name, error.what, reply)

    def _give_up(self, origin: Origin, error: CampaignError) -> None:
        """Nothing more leaves from this address: the others go on, or the run stops."""
        others = [other for other in self._open_origins if other is not origin]
        if not others:
            self._terms.must_stop(error)
            return
        origin.failure = error
        names = ", ".join(other.address for other in others)
        self._terms.say(f"{origin.address} is out, {names} goes on: {error}")
        for site, way in self._ways.items():
            if way.origin is origin:
                site.failure = error
        for destination in {way.destination for way in self._ways.values() if way.origin is origin}:
            if all(site.failure for site in destination.sites):  # no other address was there yet
                self._find_anew(destination)
            else:
                destination.wake()

    # -- forgetting ----------------------------------------------------------------------------

    def _forget(self, gone: Collection[Destination], now_s: float) -> None:
        """All at once: a list has thousands of domains with one recipient each."""
        for destination in gone:
            del self._found[destination.name]
        self._drop_domains(gone)
        ways = [self._ways.pop(site) for destination in gone for site in destination.sites]
        in_use = {site.allowance for site in self._ways}
        for way in ways:
            way.origin.forget(way.provider, now_s, in_use)

    def _drop_domains(self, gone: Collection[Destination]) -> None:
        for domain in [domain for domain, each in self._by_domain.items() if each in gone]:
            del self._by_domain[domain]


def routes_of(campaign: Campaign, direct: Direct, terms: Terms) -> Routes:
    """What [direct], [dns] and [limits] describe."""
    numbers = count(1)

    def written(host: str) -> Transcript | None:
        if not terms.transcript:
            return None
        return open_transcript(terms.transcript, host, next(numbers), terms.clock)

    def make_dialer(route: Route, origin: Origin) -> Dialer:
        return Dialer(
            route,
            direct,
            source=origin.address,
            hello=origin.hello,
            random=dice,
            open_transcript=written,
            timeouts=terms.patience.timeouts,
        )

    if told := _left_out(direct):
        terms.say(told)
    dice = Random()
    router = make_router(campaign.settings.dns, direct, terms.clock, dice)
    return Routes(router, direct, campaign.settings.limits, terms, make_dialer)


def _left_out(direct: Direct) -> str:
    """What the addresses to send from do not reach; "" where that is nothing."""
    are_ipv6 = {":" in source.address for source in direct.addresses}
    if are_ipv6 == {True}:
        return "addresses in [direct] are all IPv6: servers without an IPv6 address are not reached"
    if are_ipv6 == {False} and has_ipv6():
        return "addresses in [direct] are all IPv4: mail servers are reached over IPv4 only"
    return ""
