"""What earlier runs sent, which the pace of this one goes on from.

In: the letters that were handed over, from the journal.  Out: quotas and ramps that know of them.
Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from campaign.clock import Clock
from campaign.pool.pacing.ramp import RampWindow
from campaign.pool.pacing.rates import Pacing


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
