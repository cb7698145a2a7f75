"""What the config allows each provider, and what of it is used up.

In: [limits].  Out: lanes, rates, connections; how long so many letters take.
Touches: nothing.

The run asks it for each lane, the forecast for all of them: so both mean the same by
[limits."gmail.com"], which holds for every mailbox domain of that provider.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from campaign.pool.pacing.rates import LaneLimit, Pacing
from campaign.routing.sites import provider_named, provider_of_domain
from campaign.units import Rate


class Limited(Protocol):
    """What one entry of [limits] says; None: nothing."""

    @property
    def rates(self) -> tuple[Rate, ...]:
        """All of which hold."""

    @property
    def connections(self) -> int | None:
        """At the same time, at most."""

    @property
    def messages_per_connection(self) -> int | None:
        """After which a connection is closed."""


class Limits:
    """[limits], by lane."""

    def __init__(self, limits: Mapping[str, Limited]) -> None:
        self._by_lane = {lane_of(domain): limit for domain, limit in limits.items()}
        self._names = {lane_of(domain): domain for domain in limits}

    @property
    def lanes(self) -> Iterable[str]:
        """Those that have a limit."""
        return self._by_lane

    def find(self, *lanes: str) -> Limited | None:
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

    def of(self, lane: str, most: int) -> LaneLimit:
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
