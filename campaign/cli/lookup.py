"""Which journal a question is about, opened for reading.

In: the path of a campaign.  Out: its journal's reader.  Touches: nothing; a run may go on.

Until something was sent for real, `status`, `results` and `audit` show the rehearsal if there is
one, and say so on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.records import State

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.journal.glance import Glance
    from campaign.journal.reader import Reader

_UNTOUCHED = (State.PLANNED, State.SKIPPED)


def campaign_to_look_at(path: Path, sandbox: bool) -> Campaign:
    """The campaign, or its rehearsal."""
    from campaign.cli.rehearsal import has_rehearsed, rehearsal_of
    from campaign.config.loader import load

    campaign = load(path)
    if not sandbox and has_rehearsed(campaign) and not has_begun(campaign):
        print("nothing was sent for real yet; this is the rehearsal", file=sys.stderr)
        sandbox = True
    return rehearsal_of(campaign) if sandbox else campaign


@contextmanager
def look_up(path: Path, sandbox: bool) -> Iterator[Reader]:
    """The journal to look at.  Raises JournalError where nothing is planned."""
    from campaign.journal.reader import Reader

    campaign = campaign_to_look_at(path, sandbox)
    with closing(Reader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        reader.plan_record()
        yield reader


def glance_at(campaign: Campaign) -> closing[Glance]:
    """How a journal stands.  Raises JournalError where nothing is planned."""
    from campaign.journal.glance import glance

    return closing(glance(campaign.settings.journal.url, campaign.folder))


def is_planned(campaign: Campaign) -> bool:
    """Does the journal hold a finished plan?"""
    from campaign.journal.database import locate

    place = locate(campaign.settings.journal.url, campaign.folder)
    if place.path is not None and not place.path.exists():
        return False
    with glance_at(campaign) as journal:
        return journal.is_planned()


def ensure_planned(campaign: Campaign) -> None:
    """Who only wants to look need not know that letters come from a plan: it is made for them."""
    if not is_planned(campaign):
        from campaign.cli import plan

        plan.make(campaign)


def unsettled(campaign: Campaign) -> int:
    """How many are still to be sent to."""
    with glance_at(campaign) as journal:
        return journal.unsettled()


def has_begun(campaign: Campaign) -> bool:
    """Has anybody been tried, or settled, since the plan was made?"""
    if not is_planned(campaign):
        return False
    with glance_at(campaign) as journal:
        counts = journal.counts()
    return any(count for state, count in counts.items() if state not in _UNTOUCHED)
