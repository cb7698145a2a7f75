"""One of our addresses that letters leave from, sent directly.

In: what a provider may be sent, verdicts.  Out: allowances.  Touches: what earlier runs sent, for
reading.
Fails: JournalError.

Each address has the rates, the limits and their day quotas for itself, rests by itself, and is
believed or refused by itself: a provider judges the address that it sees.  The ramp of a provider
is one for all of them.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from campaign.config.settings import Direct
from campaign.errors import CampaignError
from campaign.journal.ways import sent_from
from campaign.pool.limits import Limited, lane_of
from campaign.pool.pacing.allowance import Allowance
from campaign.pool.pacing.governor import Breaker
from campaign.pool.pacing.history import keep_pace, seed
from campaign.pool.pacing.rates import Pacing
from campaign.pool.pacing.refusals import Refusals
from campaign.pool.ramps import DIRECT
from campaign.pool.terms import Terms
from campaign.routing.destinations import Route
from campaign.smtp.opening.dial import is_reached

_NEVER = 1 << 30  # refusals in a row say nothing over many destinations, only their share does
_REFUSING_PROVIDERS = 3  # so many that refuse the sender: it is not them


class Origin:
    """An address, with all that holds for whatever leaves from it."""

    def __init__(self, address: str, hello: str, direct: Direct, terms: Terms) -> None:
        """`address` "": the system chooses."""
        self.address = address
        self.hello = hello
        self.failure: CampaignError | None = None  # why nothing leaves from it any more
        self.pacing = Pacing(direct.rates, ramps=terms.ramps.of_relay(address or DIRECT))
        seed(self.pacing, terms.history, terms.clock, source=address)
        keep_pace(self.pacing.own_ramps, terms.history, terms.clock, source=address)
        if terms.parties:
            used = partial(terms.history.sendings_since, source=address)
            terms.parties.enrol(sent_from("direct", address), direct.rates, self.pacing, None, used)
        self.breaker = Breaker(in_a_row=_NEVER)
        self.refusals = Refusals(of_many_servers=True)
        self._refusing: set[str] = set()  # providers that refuse the sender
        self._terms = terms
        self._allowances: dict[str, Allowance] = {}  # by provider
        self._seeded: dict[str, set[str]] = {}  # sites whose past counts, by provider

    def reaches(self, route: Route) -> bool:
        """Has any of these servers an address of its family?"""
        return any(is_reached(to, self.address) for host in route.hosts for to in host.addresses)

    def allowance(self, route: Route, limit: Limited | None, most: int) -> Allowance:
        """That of the provider of a route; what earlier runs sent to its servers counts."""
        provider, ramps = route.provider, self._terms.ramps
        allowance = self._allowances.get(provider)
        if allowance is None:
            allowance = self._allowances[provider] = Allowance(
                sent_from(provider, self.address),
                limit.connections if limit and limit.connections else most,
                limit.rates if limit else (),
                common_breaker=self.breaker,
                common_refusals=self.refusals,
                common_pacing=self.pacing,
                ramps=ramps.of_provider(provider) or ramps.of_provider(lane_of(route.domain)),
            )
            if self._terms.on_trial:
                allowance.try_out()
            self._enrol(allowance, route, limit)
        seeded = self._seeded.setdefault(provider, set())
        pacing = allowance.pacing
        if (pacing.own_quotas or pacing.own_ramps) and route.site not in seeded:
            seeded.add(route.site)
            history, clock = self._terms.history, self._terms.clock
            seed(pacing, history, clock, relay=route.site, source=self.address)
            keep_pace(pacing.own_ramps, history, clock, relay=route.site, source=None)
        return allowance

    def _enrol(self, allowance: Allowance, route: Route, limit: Limited | None) -> None:
        """Of a fleet: all workers that leave from this address keep to it together."""
        if self._terms.parties:
            history = self._terms.history
            self._terms.parties.enrol(
                f"provider {allowance.name}",
                limit.rates if limit else (),
                allowance.pacing,
                allowance.governor,
                partial(history.sendings_since, relay=route.site, source=self.address),
            )

    def forget(self, provider: str, now_s: float, in_use: Collection[Allowance]) -> None:
        """Drop what is known of a provider, if that is nothing."""
        allowance = self._allowances.get(provider)
        if allowance and allowance.is_plain(now_s) and allowance not in in_use:
            del self._allowances[provider]
            self._seeded.pop(provider, None)

    def refused_by(self, provider: str) -> bool:
        """A provider refuses the sender; are they so many by now that it cannot be about them?"""
        self._refusing.add(provider)
        are_all = self.breaker.is_open or self.refusals.are_all
        return are_all or len(self._refusing) >= _REFUSING_PROVIDERS
