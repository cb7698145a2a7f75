"""What came back of the accepted letters, for the report.

In: a journal and its events.  Out: `Returns`.  Touches: both, read-only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from campaign.journal.reading.returned.events import came_back, count_events
from campaign.journal.reading.tallies import Tallies
from campaign.pages.causes import Cause, cause_of
from campaign.records import State

# Gmail and Yahoo ask senders to stay below the first, and refuse those above the second
# (support.google.com/a/answer/81126, senders.yahooinc.com/best-practices).
COMPLAINTS_ASKED, COMPLAINTS_MOST = 0.001, 0.003
_DOMAINS = 15
_ASKED_AT_ONCE = 500


class DomainReturns(NamedTuple):
    """One domain: how many letters were accepted, and of how many what came back."""

    domain: str
    accepted: int
    bounced: int
    complained: int

    @property
    def tone(self) -> str:
        """Of the share of complaints."""
        share = self.complained / self.accepted if self.accepted else 0.0
        if share >= COMPLAINTS_MOST:
            return "bad"
        return "warn" if share >= COMPLAINTS_ASKED else ""


@dataclass(frozen=True)
class Returns:
    """Counts of recipients; of deliveries and answers, counts of events."""

    accepted: int
    delivered: int
    replied: int
    bounced: int
    complained: int
    unsubscribed: int
    classes: list[tuple[Cause, str, int]]
    domains: list[DomainReturns]


def gather_returns(url: str, folder: Path, tallies: Tallies) -> Returns | None:
    """None where nothing came back yet."""
    kinds = count_events(url, folder)
    if not kinds:
        return None
    back = came_back(url, folder)
    domain_of = _domains_of(tallies, list(back))
    classes = Counter(one.bounce_class for one in back.values() if one.bounced_at)
    bounced = Counter(domain_of.get(row, "") for row, one in back.items() if one.bounced_at)
    complained = Counter(domain_of.get(row, "") for row, one in back.items() if one.complained_at)
    accepted = {one.domain: one.among("sent") for one in tallies.providers(1_000_000)}
    named = sorted(
        bounced.keys() | complained.keys(), key=lambda name: (-accepted.get(name, 0), name)
    )
    return Returns(
        accepted=tallies.counts()[State.SENT],
        delivered=kinds.get("delivered", 0),
        replied=kinds.get("replied", 0),
        bounced=classes.total(),
        complained=complained.total(),
        unsubscribed=sum(bool(one.unsubscribed_at) for one in back.values()),
        classes=[(cause_of(class_), class_, n) for class_, n in classes.most_common()],
        domains=[
            DomainReturns(name, accepted.get(name, 0), bounced[name], complained[name])
            for name in named[:_DOMAINS]
        ],
    )


def _domains_of(tallies: Tallies, rows: list[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for at in range(0, len(rows), _ASKED_AT_ONCE):
        addresses = tallies.addresses_of(rows[at : at + _ASKED_AT_ONCE])
        found |= {row: address.rpartition("@")[2].lower() for row, address in addresses.items()}
    return found
