"""How hard one party may be pressed, shared by all sites that belong to it.

In: rates and connections to start with.  Out: waits, places, an open or closed breaker.
Touches: nothing.

A relay has one of its own.  Sent directly, all mail servers of one provider share one: Gmail
counts what reaches it, not which of its host names was used.
"""

from __future__ import annotations

from collections.abc import Sequence

from campaign.pool.pacing.governor import Breaker, Governor
from campaign.pool.pacing.ramp import RampWindow
from campaign.pool.pacing.rates import Pacing
from campaign.pool.pacing.refusals import Refusals
from campaign.pool.pacing.waits import turn
from campaign.records import State, Verdict
from campaign.units import Rate, show_duration


class Allowance:
    """Rates, governor, breaker, and how many connections are open under them."""

    def __init__(
        self,
        name: str,
        connections: int,
        rates: Sequence[Rate],
        *,
        common_breaker: Breaker | None = None,
        common_refusals: Refusals | None = None,
        common_pacing: Pacing | None = None,
        ramps: Sequence[RampWindow] = (),
    ) -> None:
        """`common_breaker`, `common_refusals`, `common_pacing`: of all destinations together."""
        self.name = name
        self.pacing = Pacing(rates, common_pacing, ramps)
        self.governor = Governor(connections)
        self.breaker = Breaker()
        self.common_breaker = common_breaker
        self.refusals = Refusals() if common_refusals is None else common_refusals
        self.connections = 0  # open or being opened
        self.openings = 0  # of these, being opened
        self.leaving = 0  # of these, told to finish because they were too many

    def note(self, verdict: Verdict, text: str, *, row: int = 0, domain: str = "") -> None:
        """A reply that settled a letter, for the breakers."""
        if verdict.state is State.SENT:
            self.refusals.accepted()
        self.breaker.note(verdict, text, row=row, domain=domain)
        if self.common_breaker is not None:
            self.common_breaker.note(verdict, text, row=row, domain=domain)

    def try_out(self) -> None:
        """Begin with one letter on one connection: the last run was refused."""
        self.breaker.half_open()
        self.governor.connections = 1

    @property
    def is_refused(self) -> bool:
        """Do the replies say that the sender is the trouble?"""
        are_open = self.breaker.is_open, self.common_breaker and self.common_breaker.is_open
        return any(are_open) or self.refusals.are_all

    def is_plain(self, now_s: float) -> bool:
        """Nothing is known of it that would be lost with it."""
        governor, own = self.governor, self.pacing.has_own_windows
        is_free = not self.connections and governor.connections == governor.limit
        return is_free and not own and governor.is_calm(now_s) and not self.breaker.has_refusals

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next letter may go; 0.0 = now."""
        return max(self.governor.wait_s(now_s), self.pacing.wait_s(now_s))

    @property
    def has_place(self) -> bool:
        """May one more connection be opened?"""
        return self.connections < self.governor.connections

    @property
    def is_overdrawn(self) -> bool:
        """Are more connections open than are allowed by now?"""
        return self.connections - self.openings - self.leaving > self.governor.connections

    @property
    def is_overbooked(self) -> bool:
        """Would there be too many once those being opened are open?"""
        return self.connections > self.governor.connections

    def waiting_for(self, tick_s: float, now_s: float, kind: str) -> str:
        """One phrase for the progress line; "" when nothing holds it up.

        `kind` of party: "relay" or "limits".
        """
        rest_s = self.governor.wait_s(tick_s)
        if rest_s > 0:
            return f"{self.name} cools down {show_duration(rest_s)}"
        return turn(kind, self.name, self.pacing, tick_s, now_s)
