"""Who of a plan is in the suppression store.

In: a campaign, keys.  Out: reasons, for the journal and for people.
Touches: the suppression store; the journal, for reading and for skipping rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.database.places import locate
from campaign.journal.planning.planning import Planning
from campaign.records import Job
from campaign.suppression.database import is_there, store_url
from campaign.suppression.entries import EVERYWHERE, Suppressed
from campaign.suppression.store import SuppressionStore


def open_store(campaign: Campaign, clock: Clock) -> SuppressionStore:
    """The store of [suppression], made where there is none.  Raises SuppressionError."""
    settings = campaign.settings
    return SuppressionStore.open(
        _url(campaign),
        campaign.folder,
        clock,
        soft=settings.suppression.soft,
        keep_s=settings.suppression.keep,
    )


def has_store(campaign: Campaign) -> bool:
    """Whether anybody can be suppressed by it yet."""
    return is_there(_url(campaign), campaign.folder)


def place_of_store(campaign: Campaign) -> str:
    """The same for all campaigns that share a store."""
    place = locate(_url(campaign), campaign.folder)
    return str(place.path.resolve()) if place.path else place.shown


def scopes_of(campaign: Campaign) -> tuple[str, ...]:
    """Everything, and the list that the campaign goes to."""
    unsubscribe = campaign.settings.unsubscribe
    own = unsubscribe.list if unsubscribe else EVERYWHERE
    return (EVERYWHERE,) if own == EVERYWHERE else (EVERYWHERE, own)


def reason_of(entry: Suppressed) -> str:
    """ "suppressed: hard bounce in spring 2026-11-01"."""
    words = ["suppressed:", entry.reason.sentence]
    if entry.scope != EVERYWHERE:
        words.append(f"from {entry.scope}")
    if entry.campaign:
        words.append(f"in {entry.campaign}")
    words.append(datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d"))
    return " ".join(words)


def skip_suppressed(
    campaign: Campaign, clock: Clock, planning: Planning, batches: Iterable[list[Job]]
) -> None:
    """Skip those planned rows whose people the store knows.  A store that is not there is not made.

    Raises SuppressionError.
    """
    if not has_store(campaign):
        return
    scopes = scopes_of(campaign)
    with open_store(campaign, clock) as store:
        for jobs in batches:
            if found := store.lookup([job.key for job in jobs], scopes):
                planning.skip_rows(
                    (job.row, reason_of(found[job.key])) for job in jobs if job.key in found
                )


def _url(campaign: Campaign) -> str:
    settings = campaign.settings
    return store_url(settings.suppression.url, settings.journal.url)
