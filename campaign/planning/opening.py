"""The plan of an open campaign: its templates, and nobody yet.

In: an open campaign.  Out: a journal whose plan stands, its sources being the templates.
Touches: the journal, and its lock where there is no plan yet.

It is made by whoever comes first, the run or a process that accepts letters: Message-IDs need its
key.  Templates that are added later become further sources, when a run begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.errors import JournalBusy, JournalError, NoPlanError, UsageError
from campaign.journal.arrivals import Arrivals
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from campaign.planning.drift import Difference
from campaign.planning.inputs import changes_since, input_hashes, new_record
from campaign.records import PlanRecord, Source
from campaign.rendering.asked import COLUMNS
from campaign.rendering.spec import FINISHED

_LOOKS_EVERY_S = 0.05
_PATIENCE_S = 30.0  # a plan without rows takes a tenth of a second, where nobody else is at work
ARRIVALS_NOTE = "arrivals"  # whose identity the journal takes letters from


def ensure_open_plan(campaign: Campaign, clock: Clock) -> PlanRecord:
    """The plan of an open campaign, made where there is none.

    Processes that begin together, as after a boot, find one that makes it, and wait for it.
    Raises UsageError for a campaign with a list, JournalError.
    """
    if not campaign.settings.is_open:
        raise UsageError(
            f"the campaign {campaign.settings.name} has a list, and takes no single letters",
            remedy='kind = "open" in campaign.toml makes it an open campaign',
        )
    url, folder = campaign.settings.journal.url, campaign.folder
    try:
        return _planned(campaign)
    except NoPlanError:
        pass
    except JournalError:
        if Arrivals.are_there(url, folder):  # never begin afresh over what is left of another
            raise
    try:
        opened = Journal.open(
            url, folder, clock=clock, create=True, campaign=campaign.settings.name
        )
    except JournalBusy:
        return _planned_by_another(campaign)
    with closing(opened) as journal:
        if not journal.is_planned:
            planning = journal.plan(new_record(campaign, clock))
            for source in sources_of(campaign):
                planning.add_source(source)
            planning.mark("allow")
            planning.finish()
            with Arrivals.open(url, folder) as arrivals:
                journal.note(ARRIVALS_NOTE, arrivals.identity)
    return _planned(campaign)


def adopt_templates(
    campaign: Campaign, journal: Journal, record: PlanRecord, known: Sequence[Source]
) -> tuple[PlanRecord, list[Difference]]:
    """Letters that wait are made from the templates as they are now; what changed since they were
    adopted last is said.  Before the run, by whoever holds the journal."""
    changed = changes_since(campaign, record)
    further = sources_to_add(campaign, known)
    if not changed and not further:
        return record, []
    record = record._replace(hashes=input_hashes(campaign))
    journal.adopt(record.hashes, further)
    return record, changed


def sources_of(campaign: Campaign) -> list[Source]:
    """Each template, and finished messages."""
    names = [*sorted(campaign.settings.template), FINISHED]
    return [Source(name, COLUMNS, "utf-8", None, "") for name in names]


def sources_to_add(campaign: Campaign, known: Sequence[Source]) -> list[Source]:
    """Those that the plan does not have yet."""
    names = {source.name for source in known}
    return [source for source in sources_of(campaign) if source.name not in names]


def sources_now(campaign: Campaign, known: Sequence[Source]) -> list[Source]:
    """The sources of a plan after its templates were adopted; of a list, those it has."""
    further = sources_to_add(campaign, known) if campaign.settings.is_open else []
    return [*known, *further]


def _planned_by_another(campaign: Campaign) -> PlanRecord:
    """As soon as it is there: whoever has the lock is making it, or began a run after that."""
    patient = Retrying(
        retry=retry_if_exception_type(JournalError),
        wait=wait_fixed(_LOOKS_EVERY_S),
        stop=stop_after_delay(_PATIENCE_S),
        reraise=True,
    )
    return patient(_planned, campaign)


def _planned(campaign: Campaign) -> PlanRecord:
    with closing(Reader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        return reader.plan_record()
