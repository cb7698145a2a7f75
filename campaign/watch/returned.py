"""What has come back so far, for the live page.

In: a campaign's events.  Out: `ReturnedSample`s.  Touches: the events, read-only.

Another process writes them.  They are counted anew only when more has come back, which a look at
their file tells.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from campaign.config.loader import Campaign
from campaign.journal.reading.returned.events import (
    count_events,
    events_mark,
    events_since,
    last_event,
)
from campaign.journal.reading.tallies import Tallies
from campaign.outcomes import MACHINE, Event

_LATEST = 12
_LOOKED_AT = 500  # the last that were told, among which those worth showing are
_TONES = {"bounced": "bad", "complained": "bad", "unsubscribed": "warn", "delayed": "warn"}
_ORDER = ("bounced", "complained", "unsubscribed", "replied", "clicked", "opened", "delayed",
          "delivered")  # fmt: skip


class ReturnedLine(NamedTuple):
    """One event: when, whose letter it is about, what it says."""

    at_s: float
    address: str
    kind: str
    tone: str
    class_: str
    said: str


class ReturnedSample(NamedTuple):
    """counts: of each kind that there is, with its tone; latest: newest first, no deliveries"""

    counts: list[tuple[str, int, str]]
    latest: list[ReturnedLine]


NOTHING_RETURNED = ReturnedSample([], [])


class ReturnedFeed:
    """Remembers what it saw; one thread uses it."""

    def __init__(self, campaign: Campaign) -> None:
        self._journal = campaign.journal
        self._mark: Hashable = None
        self._sample = NOTHING_RETURNED

    def ask(self, tallies: Tallies) -> ReturnedSample:
        """As it is now."""
        mark = events_mark(*self._journal)
        if mark != self._mark:
            self._sample = self._look(tallies)
            self._mark = mark
        return self._sample

    def _look(self, tallies: Tallies) -> ReturnedSample:
        kinds = count_events(*self._journal)
        after = max(0, last_event(*self._journal) - _LOOKED_AT)
        told = [event for _, event in events_since(*self._journal, after, _LOOKED_AT)]
        shown = [event for event in reversed(told) if _is_worth_showing(event)][:_LATEST]
        addresses = tallies.addresses_of([event.row for event in shown]) if shown else {}
        return ReturnedSample(
            [(kind, kinds[kind], _TONES.get(kind, "")) for kind in _ORDER if kinds.get(kind)],
            [
                ReturnedLine(
                    event.at, addresses.get(event.row, ""), event.kind,
                    _TONES.get(event.kind, ""), event.class_, event.evidence,
                )
                for event in shown
            ],
        )  # fmt: skip


def _is_worth_showing(event: Event) -> bool:
    """Deliveries are as many as letters, and machines open all of them."""
    return event.kind != "delivered" and event.class_ != MACHINE
