"""What a run hands to whatever its letters leave by, and the breaker's words.

In: nothing.  Out: `Terms`, `Patience`, the `Ledger` interface, what stops a sender.
Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tenacity import wait_random_exponential
from tenacity.wait import wait_base

from campaign.clock import Clock
from campaign.errors import CampaignError, SenderRefused
from campaign.pool.fleet import Parties
from campaign.pool.pacing.history import History
from campaign.pool.ramps import RampWindows
from campaign.pool.servers.hosts import KnownHosts
from campaign.records import Letter, Reply, Stage, Verdict
from campaign.smtp.endpoint import Timeouts


@dataclass(frozen=True)
class Patience:
    """How long connections are tried for, and replies waited for."""

    wait: wait_base  # between attempts
    first_tries: int = 5  # for a server not reached yet in this run
    outage_s: float = 1800.0  # for one that worked before
    timeouts: Timeouts = field(default_factory=Timeouts)


class Ledger(Protocol):
    """Who writes down what became of letters."""

    def permit(self, letter: Letter, relay: str, go: Callable[[], None]) -> bool:
        """Make `sending` durable, then call `go`; False: its window has closed, it must not go."""

    def settled(
        self, letter: Letter, relay: str, verdict: Verdict, reply: Reply, *, wait_s: float | None
    ) -> None:
        """A complete reply decided; where it defers, after `wait_s`, None: as the schedule says."""

    def lost(self, letter: Letter, relay: str, stage: Stage, dot_written: bool, why: str) -> None:
        """The connection ended with this letter open."""

    def undeliverable(self, letter: Letter, reply: Reply, *, permanent: bool) -> None:
        """No server takes mail for its domain, or none could be found."""

    def unreached(self, letter: Letter, relay: str, why: str, reply: Reply | None) -> None:
        """Its server could not be spoken to."""


@dataclass(frozen=True)
class Terms:
    """What a run hands to its outlet: whom to ask, whom to tell, how patient to be."""

    ledger: Ledger
    history: History
    clock: Clock
    hosts: KnownHosts
    patience: Patience
    give_back: Callable[[list[Letter]], None]  # letters that would wait too long in memory
    on_low: Callable[[], None]  # few letters are left
    must_stop: Callable[[CampaignError], None]
    say: Callable[[str], None]
    transcript: Path | None = None  # folder where sessions are taken down
    ramps: RampWindows = field(default_factory=RampWindows)
    parties: Parties | None = None  # of a fleet, whose workers keep rates and rests together
    is_first: Callable[[Letter], bool] | None = None  # letters that go before others
    on_trial: bool = False  # the last run was refused as a sender: one letter goes first


def connect_wait() -> wait_base:
    """Between attempts to reach a relay: 0..1 s, 0..2 s, ... 0..60 s."""
    return wait_random_exponential(multiplier=1, max=60)


def refused_as_sender(site: str, reply: str) -> SenderRefused:
    """The breaker's one clear sentence."""
    return SenderRefused(
        f"{site} refuses this sender, not single recipients: {reply!r}; stopped before more harm",
        remedy="mend what the reply names, then `campaign resume`: nobody was marked failed for it",
    )
