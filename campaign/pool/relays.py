"""The relays of a run: one destination for every letter, with a site for each relay.

In: [[relay]], [limits].  Out: a `Directory` of one destination.  Touches: nothing until letters
come.
Fails: ConfigError where there is no relay.

A relay that nobody could connect to is tried again now and then; one that refuses the login or the
sender is not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from campaign.config.loader import Campaign
from campaign.config.settings import Relay
from campaign.errors import CampaignError, ConfigError, LoginError
from campaign.journal.ways import server_name
from campaign.pool.destination import Destination
from campaign.pool.endpoints import dialer, endpoint_of
from campaign.pool.lane import Lane
from campaign.pool.lanes import Lanes
from campaign.pool.limits import Limits, domains_of, lane_of
from campaign.pool.pacing.allowance import Allowance
from campaign.pool.pacing.history import keep_pace, seed
from campaign.pool.pacing.refusals import Refusals
from campaign.pool.sites.site import Site
from campaign.pool.terms import Terms
from campaign.records import Letter
from campaign.smtp.endpoint import ConnectRefused
from campaign.units import show_duration

_FIRST_ABSENCE_S = 60.0  # before a relay that was out of reach is tried again; doubled each time
_LONGEST_ABSENCE_S = 900.0


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


class Relays:
    """Implements `Directory`; who goes on when a relay is out."""

    def __init__(self, lanes: Lanes, terms: Terms) -> None:
        self.destination = Destination("", lanes, terms.clock, "relay")
        self.destinations: Collection[Destination] = (self.destination,)
        self._clock = terms.clock
        self._must_stop = terms.must_stop
        self._say = terms.say
        self._absences: dict[Site, Absence] = {}

    # -- what the outlet asks ------------------------------------------------------------------

    @property
    def refusals(self) -> Collection[Refusals]:
        return [site.allowance.refusals for site in self.destination.sites]

    def of(self, domain: str) -> Destination | None:
        return self.destination

    def is_good(self, domain: str) -> bool:
        return True

    def start(self, put: Callable[[Destination, list[Letter]], None]) -> None:
        pass

    def look_up(self, letters: Sequence[Letter]) -> None:
        self.destination.put(letters)

    def rest_s(self, now_s: float) -> float:
        return self.destination.rest_s(now_s)

    def trouble(self, now_s: float) -> str:
        return ""

    def left_s(self, count: int, by_lane: Mapping[str, int], now_s: float) -> float:
        return self.destination.left_s(count, by_lane, now_s)

    def keep_house(self, now_s: float) -> None:
        """Relays whose absence has lasted long enough are tried."""
        for site, absence in self._absences.items():
            if site.failure is None and site.connections:
                absence.end()
            elif site.failure is not None and now_s >= absence.until_s and not site.is_stopping:
                self.destination.forgive(site)
                site.try_again()

    async def close(self) -> None:
        pass

    # -- what its sites tell -------------------------------------------------------------------

    def failed(self, site: Site, error: CampaignError) -> None:
        """A relay is out.  A refused login stops the run; so does the last relay that was left."""
        healthy = [other for other in self.destination.sites if other.failure is None]
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


def relays_of(campaign: Campaign, relays: tuple[Relay, ...], terms: Terms) -> Relays:
    """What [[relay]] and [limits] describe."""
    if not relays:
        raise ConfigError(
            "no way out: there is neither [relay] nor [direct]",
            file=str(campaign.file),
            remedy="add [relay] with host, port and security, or try `campaign run --sandbox`",
        )
    limits = Limits(campaign.settings.limits)
    most = sum(relay.connections for relay in relays)
    lanes = Lanes(
        lambda lane: limits.of(lane, most),
        lane_of,
        limit_name=limits.name,
        ramps_of=terms.ramps.of_provider,
        give_back=terms.give_back,
        on_low=terms.on_low,
        on_lane=partial(_begin, terms, limits),
        is_first=terms.is_first,
    )
    for name in limits.lanes:
        seed(lanes.lane(name).pacing, terms.history, terms.clock, domains=domains_of(name))
    made = Relays(lanes, terms)
    for relay in relays:
        endpoint = endpoint_of(relay, campaign.folder)
        ramps = terms.ramps.of_relay(endpoint.name)
        allowance = Allowance(endpoint.name, relay.connections, relay.rates, ramps=ramps)
        server = server_name(relay.host, relay.port)
        history, clock = terms.history, terms.clock
        seed(allowance.pacing, history, clock, relay=server, source=endpoint.source)
        keep_pace(ramps, history, clock, relay=server, source=endpoint.source)
        if terms.parties:
            terms.parties.enrol(
                f"relay {endpoint.name}",
                relay.rates,
                allowance.pacing,
                allowance.governor,
                partial(history.sendings_since, relay=server, source=endpoint.source),
            )
        if terms.on_trial:
            allowance.try_out()
        site = Site(
            endpoint.name,
            lanes,
            dialer(endpoint, terms),
            allowance,
            terms,
            messages_per_connection=relay.messages_per_connection,
            siblings=made.destination,
            on_failure=made.failed,
            source=endpoint.source,
        )
        made.destination.join(site, relay.weight)
    return made


def _begin(terms: Terms, limits: Limits, lane: Lane) -> None:
    """A lane is made."""
    ramps, domains = lane.pacing.own_ramps, domains_of(lane.name)
    keep_pace(ramps, terms.history, terms.clock, domains=domains)
    if terms.parties:
        found = limits.find(lane.name)
        terms.parties.enrol(
            f"lane {lane.name}",
            found.rates if found else (),
            lane.pacing,
            lane.governor,
            partial(terms.history.sendings_since, domains=domains),
        )
