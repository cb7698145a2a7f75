"""The ramps of a campaign, with what it and others sent before.

In: a campaign.  Out: `Ramps`.  Touches: the counts beside the suppression store, for reading.
"""

from __future__ import annotations

from campaign.config.checking.hours import timetable_of
from campaign.config.checking.ladders import rule_of
from campaign.config.loader import Campaign
from campaign.config.settings import Schedule
from campaign.planning.timing.times import ZoneColumn
from campaign.pool.limits import Limits
from campaign.pool.ramps import Ramps
from campaign.schedule.climb import OpenSeconds, always_open
from campaign.schedule.ramp import RampRule
from campaign.schedule.zones import zone_named
from campaign.suppression.database import is_there, store_url
from campaign.suppression.day_counts import DayCounts


def ramps_of(campaign: Campaign) -> Ramps:
    """As they stand now; without [ramp] there are none.  Raises SuppressionError."""
    settings = campaign.settings
    if not settings.ramp:
        return Ramps()
    counts = {}
    if is_there(counts_url(campaign), campaign.folder):
        with open_counts(campaign) as store:
            counts = store.all()
    rules: dict[str, RampRule] = {ramp.per: rule_of(ramp) for ramp in settings.ramp}
    return Ramps(rules, Limits(settings.limits), counts, open_hours(settings.schedule))


def open_counts(campaign: Campaign) -> DayCounts:
    """The counts that all campaigns of a sender share.  Raises SuppressionError."""
    return DayCounts.open(counts_url(campaign), campaign.folder)


def counts_url(campaign: Campaign) -> str:
    """They are kept in the database of the suppression store."""
    settings = campaign.settings
    return store_url(settings.suppression.url, settings.journal.url)


def open_hours(schedule: Schedule | None) -> OpenSeconds:
    """For how long the windows of the default zone are open, over which a day's cap is spread."""
    calendar = timetable_of(schedule).calendar
    if calendar.is_always_open:
        return always_open
    zone = zone_named(ZoneColumn(schedule).default)
    return lambda from_s, to_s: calendar.open_s(zone, from_s, to_s)
