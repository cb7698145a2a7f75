"""What the config allows each provider, and what of it is used up.

In: [limits], what earlier runs sent.  Out: lanes, rates, quotas; how long so many letters take.
Touches: nothing.

The run asks it for each lane, the forecast for all of them: so both mean the same by
[limits."gmail.com"], which holds for every mailbox domain of that provider.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from campaign.clock import Clock
from campaign.config.settings import Limit as LimitSettings
from campaign.pool.lanes import Limit
from campaign.pool.pacing.ramp import RampWindow
from campaign.pool.pacing.rates import Pacing
from campaign.routing.sites import provider_named, provider_of_domain


class History(Protocol):
    """What is remembered of letters that were handed over."""

    def sendings_since(
        self,
        since_s: float,
        *,
        relay: str = "",
        source: str | None = "",
        domains: Sequence[str] = (),
    ) -> list[tuple[float, int]]:
        """Unix time and number, oldest first; through one relay, from one of our addresses (or one
        that is not known; None: from any), to some domains, where given."""


class Limits:
    """[limits], by lane."""

    def __init__(self, limits: Mapping[str, LimitSettings]) -> None:
        self._by_lane = {lane_of(domain): limit for domain, limit in limits.items()}
        self._names = {lane_of(domain): domain for domain in limits}

    @property
    def lanes(self) -> Iterable[str]:
        """Those that have a limit."""
        return self._by_lane

    def find(self, *lanes: str) -> LimitSettings | None:
        """The limit of the first of these lanes that has one."""
        return next((self._by_lane[lane] for lane in lanes if lane in self._by_lane), None)

    def name(self, lane: str) -> str:
        """What the config calls the limit of a lane."""
        return self._names.get(lane, lane)

    def title(self, lane: str) -> str:
        """The same; of a provider without a limit, its best known domain."""
        provider = provider_named(lane)
        known = provider.domains[0] if provider and provider.domains else lane
        return self._names.get(lane, known)

    def of(self, lane: str, most: int) -> Limit:
        """Without a limit a lane is never full, whichever of the `most` connections it holds."""
        found = self._by_lane.get(lane)
        return (found.rates, found.connections or most + 1) if found else ((), most + 1)

    def span_s(self, domains: Iterable[tuple[str, int]]) -> float:
        """Seconds that letters to these domains take at least, by the slowest limit."""
        return self.span_of(self.count(domains))

    def count(
        self, domains: Iterable[tuple[str, int]], *, also: Callable[[str], object] | None = None
    ) -> Counter[str]:
        """How many of these letters are of each lane that has a limit, or is one of those `also`
        meant."""
        counts: Counter[str] = Counter()
        if self._by_lane or also:
            for domain, count in domains:
                lane = lane_of(domain)
                if lane in self._by_lane or (also and also(lane)):
                    counts[lane] += count
        return counts

    def span_of(self, by_lane: Mapping[str, int], sources: int = 1) -> float:
        """The same of letters that were counted by lane, sent from so many addresses, each of
        which has the limits for itself.  A lane without a limit, that has a ramp only, adds
        nothing."""
        spans_s = [
            Pacing(limit.rates).span_s(-(-count // sources))
            for lane, count in by_lane.items()
            if (limit := self._by_lane.get(lane))
        ]
        return max(spans_s, default=0.0)


def lane_of(domain: str) -> str:
    """Mailbox domains of one provider share a lane of its name; all others have their own."""
    provider = provider_of_domain(domain)
    return provider.name if provider else domain


def domains_of(lane: str) -> tuple[str, ...]:
    """The domains that take a lane."""
    provider = provider_named(lane)
    return provider.domains if provider else (lane,)


def seed(
    pacing: Pacing,
    history: History,
    clock: Clock,
    *,
    relay: str = "",
    source: str = "",
    domains: Sequence[str] = (),
) -> None:
    """What earlier runs used of a day's quota still counts."""
    now_s, tick_s = clock.now_s(), clock.tick_s()
    for quota in pacing.own_quotas:
        for at_s, count in history.sendings_since(
            now_s - quota.per_s, relay=relay, source=source, domains=domains
        ):
            quota.seed(tick_s - (now_s - at_s), count)


def keep_pace(
    ramps: Iterable[RampWindow],
    history: History,
    clock: Clock,
    *,
    relay: str = "",
    source: str | None = "",
    domains: Sequence[str] = (),
) -> None:
    """Nothing goes sooner than if the last run had not ended: runs that are started again and again
    would otherwise begin with a letter each."""
    for ramp in ramps:
        now_s, pace_s = clock.now_s(), ramp.pace_now_s()
        if pace_s and (
            sendings := history.sendings_since(
                now_s - pace_s, relay=relay, source=source, domains=domains
            )
        ):  # the clock may have been set back since
            ramp.go_on(clock.tick_s() - max(0.0, now_s - sendings[-1][0]))
