"""What of a campaign climbs a ramp: providers, relays, source addresses.

In: the rules of [ramp], the counts of all campaigns that share a store.  Out: `Climb`s.
Touches: nothing.

The run asks them for each letter, the forecast for many at once, `explain` and the pages for words:
so all of them mean the same by "ramp gmail.com day 4: 55 of 55".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from campaign.clock import SystemClock
from campaign.pool.limits import Limits
from campaign.pool.pacing.ramp import RampWindow
from campaign.routing.sites import provider_named
from campaign.schedule.climb import Climb, OpenSeconds, always_open
from campaign.schedule.ramp import DayCount, RampRule

PROVIDER, RELAY = "provider", "relay"
DIRECT = "direct"  # stands for the relay where there is none
Climbs = tuple[Climb, ...]  # one, or none


class Ramps:
    """The climbs of one campaign, made when first asked for."""

    def __init__(
        self,
        rules: Mapping[str, RampRule] | None = None,
        limits: Limits | None = None,
        counts: Mapping[str, Sequence[DayCount]] | None = None,
        open_s: OpenSeconds = always_open,
    ) -> None:
        """`rules`: by PROVIDER and RELAY.  `counts`: by key, as `key_of` has them."""
        self._rules = rules or {}
        self._limits = limits or Limits({})
        self._counts = counts or {}
        self._open_s = open_s
        self.climbs: dict[str, Climb] = {}  # by key

    def __bool__(self) -> bool:
        return bool(self._rules)

    def of_provider(self, lane: str) -> Climbs:
        """The ramp of a lane: of a provider that is known, or a domain that [limits] names."""
        provider = provider_named(lane)
        if PROVIDER not in self._rules or not (provider or self._limits.find(lane)):
            return ()
        return self._climb(PROVIDER, lane, self._limits.title(lane))

    def of_relay(self, name: str) -> Climbs:
        """The ramp of a relay, "smtp.example.com:587", or of a source address."""
        return self._climb(RELAY, name, name) if RELAY in self._rules else ()

    def _climb(self, kind: str, of: str, name: str) -> Climbs:
        key = key_of(kind, of)
        climb = self.climbs.get(key)
        if climb is None:
            climb = self.climbs[key] = Climb(
                name, self._rules[kind], self._counts.get(key, ()), self._open_s
            )
        return (climb,)


class RampWindows:
    """The same as limits on letters."""

    def __init__(self, ramps: Ramps | None = None, wall: Callable[[], float] | None = None) -> None:
        """`wall`: Unix time; None: the system's."""
        self._ramps = ramps or Ramps()
        self._wall = wall or SystemClock().now_s
        self.windows: dict[str, RampWindow] = {}  # by key, of those that were asked for

    def __bool__(self) -> bool:
        return bool(self._ramps)

    def of_provider(self, lane: str) -> Sequence[RampWindow]:
        """As `Ramps.of_provider`."""
        return self._windows(key_of(PROVIDER, lane), self._ramps.of_provider(lane))

    def of_relay(self, name: str) -> Sequence[RampWindow]:
        """As `Ramps.of_relay`."""
        return self._windows(key_of(RELAY, name), self._ramps.of_relay(name))

    def _windows(self, key: str, climbs: Climbs) -> Sequence[RampWindow]:
        for climb in climbs:
            window = self.windows.get(key)
            if window is None:
                window = self.windows[key] = RampWindow(key, climb, self._wall)
            return (window,)
        return ()


def key_of(kind: str, of: str) -> str:
    """What the counts of a lane, a relay or an address are kept under."""
    return f"{kind} {of}"
