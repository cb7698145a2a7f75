"""Which journal a question is about, opened for reading.

In: the path of a campaign.  Out: its journal's reader.  Touches: nothing; a run may go on.

A rehearsal never answers in the name of the campaign: it has a journal of its own, which is looked
at with `--sandbox` only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.cli.rehearsal import has_rehearsed, rehearsal_in, rehearsal_of
from campaign.errors import CampaignError, NoPlanError
from campaign.records import is_begun, unsettled_of

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.config.reading import ConfigFile, Whereabouts
    from campaign.journal.reading.questions import Glance
    from campaign.journal.reading.reader import Reader


def campaign_to_look_at(path: Path, sandbox: bool) -> Campaign:
    """The campaign, or its rehearsal.  Raises NoPlanError where there is only the other."""
    from campaign.config.loader import load

    campaign = load(path)
    if sandbox:
        return rehearsal_of(campaign)
    _refuse_where_only_rehearsed(campaign.journal)
    return campaign


def journal_to_look_at(path: Path, sandbox: bool) -> Whereabouts:
    """The journal of the campaign, or of its rehearsal.

    A file that a plan was made of was found good then: checking it again would take twice as long
    as the answer, and from a run beside us.
    """
    from campaign.config.reading import read_config

    config = read_config(path)
    journal, rehearsal = config.journal, rehearsal_in(config.folder)
    if not (_is_planned_of(config, journal) or _is_planned_of(config, rehearsal)):
        from campaign.config.loader import load

        journal = load(path).journal
    if sandbox:
        return rehearsal
    _refuse_where_only_rehearsed(journal)
    return journal


@contextmanager
def look_up(path: Path, sandbox: bool) -> Iterator[Reader]:
    """The journal to look at.  Raises JournalError where nothing is planned."""
    from campaign.journal.reading.reader import Reader

    with closing(Reader.open(*journal_to_look_at(path, sandbox))) as reader:
        reader.plan_record()
        yield reader


def glance_at(journal: Whereabouts) -> closing[Glance]:
    """How a journal stands.  Raises JournalError where nothing is planned."""
    from campaign.journal.reading.glance import glance

    return closing(glance(*journal))


def is_planned(journal: Whereabouts) -> bool:
    """Does the journal hold a finished plan?"""
    with _planned(journal) as seen:
        return seen is not None


def left_to_send(journal: Whereabouts) -> int | None:
    """How many are still to be sent to; None where the journal holds no finished plan."""
    with _planned(journal) as seen:
        return unsettled_of(seen.counts()) if seen else None


@contextmanager
def _planned(journal: Whereabouts) -> Iterator[Glance | None]:
    """How a journal stands; None where it holds no finished plan."""
    from campaign.database.places import locate

    place = locate(*journal)
    if place.path is not None and not place.path.exists():
        yield None
        return
    try:
        opened = glance_at(journal)
    except NoPlanError:  # an empty file, a fresh database: what a kill in the first moment leaves
        yield None
        return
    with opened as seen:
        yield seen if seen.is_planned() else None


def workers_for_those_left(journal: Whereabouts, limit: int | None) -> int:
    """How many render workers a run will have; that nothing is planned is said when it begins."""
    from campaign.workers.start import workers_for

    return workers_for(left_to_send(journal) or 0, limit=limit)


def has_begun(journal: Whereabouts) -> bool:
    """Has anybody been tried, or settled, since the plan was made?"""
    with _planned(journal) as seen:
        return seen is not None and is_begun(seen.counts())


def is_rehearsed_only(journal: Whereabouts) -> bool:
    """Was nothing but a rehearsal sent yet?"""
    return has_rehearsed(journal.folder) and not has_begun(journal)


def _refuse_where_only_rehearsed(journal: Whereabouts) -> None:
    if has_rehearsed(journal.folder) and not is_planned(journal):
        raise NoPlanError(
            "only a rehearsal was made here, and nothing is planned for real",
            remedy="--sandbox shows the rehearsal, `campaign plan` makes the plan",
        )


def _is_planned_of(config: ConfigFile, journal: Whereabouts) -> bool:
    """Is the plan in a SQLite journal made of this very file?"""
    if not journal.url.startswith("sqlite:"):  # a server is not spoken to on an unchecked word
        return False
    try:
        with glance_at(journal) as seen:
            return seen.hashes().get(config.file.name) == config.sha256
    except CampaignError:  # whoever loads the file, or opens the journal, says it better
        return False
