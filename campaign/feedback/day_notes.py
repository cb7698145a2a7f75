"""Bounces and complaints, beside what was sent on their day: too many hold a ramp's step.

In: a campaign with [ramp], events that are new.  Out: nothing.
Touches: the day counts beside the suppression store; the journal, for reading.
Raises SuppressionError, JournalError.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import date

from campaign.config.loader import Campaign
from campaign.journal.reading.reader import Reader
from campaign.journal.ways import FROM
from campaign.outcomes import Event
from campaign.planning.timing.ramped import open_counts, ramps_of
from campaign.pool.limits import lane_of
from campaign.pool.ramps import DIRECT, PROVIDER, RELAY, key_of
from campaign.schedule.climb import day_of

_COUNTED = ("bounced", "complained")


def note_events(campaign: Campaign, events: Sequence[Event]) -> None:
    """Told before the events are kept: whoever is killed between counts them once more, and holds
    a step rather than climb one too many."""
    counted = [event for event in events if event.kind in _COUNTED]
    if not campaign.settings.ramp or not counted:
        return
    found: dict[tuple[str, date], Counter[str]] = {}
    for event, keys in zip(counted, _keys(campaign, counted), strict=True):
        for key in keys:
            found.setdefault((key, day_of(event.at)), Counter())[event.kind] += 1
    with open_counts(campaign) as counts:
        counts.make()
        for (key, day), kinds in found.items():
            counts.note(key, day, bounces=kinds["bounced"], complaints=kinds["complained"])


def _keys(campaign: Campaign, events: Sequence[Event]) -> list[list[str]]:
    """Which ramps a letter went through, for each event."""
    ramps, rows = ramps_of(campaign), ", ".join(str(event.row) for event in events)
    asked = (
        "SELECT r.row, r.domain, l.relay FROM letters l JOIN recipients r ON r.row = l.row"
        f" WHERE r.row IN ({rows})"
    )
    with closing(Reader.open(*campaign.journal)) as reader:
        letters = {row: (domain, relay) for row, domain, relay in reader.ask(asked)}
    found = []
    for event in events:
        domain, relay = letters[event.row]
        lane, way = lane_of(domain), relay
        if campaign.settings.direct:  # the address it left from, where there is a choice of them
            way = relay.partition(FROM)[2] or DIRECT
        keys = [key_of(PROVIDER, lane)] if ramps.of_provider(lane) else []
        found.append(keys + ([key_of(RELAY, way)] if ramps.of_relay(way) else []))
    return found
