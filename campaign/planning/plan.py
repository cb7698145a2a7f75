"""Reads, cleans, renders and freezes the list.

In: a campaign.  Out: a finished plan in the journal, and its summary.
Touches: the journal, render workers.

The list is loaded first, without looking back; duplicates and suppressed addresses are then
found by the journal, set-wise, so that memory does not grow with the list.  Last, every row is
rendered once: what cannot be rendered is known before anybody has received anything.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.errors import TemplateErrors, UsageError
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from campaign.planning.drift import Difference
from campaign.planning.inputs import (
    changes_since,
    input_hashes,
    refuse,
    refuse_drift,
    refuse_other_lists,
    refuse_other_templates,
    render_spec,
    sender_of,
)
from campaign.planning.summary import PlanSummary, read_summary, refuse_empty
from campaign.recipients.suppression import read_suppressed, state_of
from campaign.records import Job, Message, PlanRecord, Source, State, is_begun
from campaign.rendering.render import RenderSpec
from campaign.rendering.templating.proofread import proofread
from campaign.workers.list_ahead import CleanRows, clean_rows
from campaign.workers.pool import RenderPool
from campaign.workers.start import worker_count

Progress = Callable[[str, int, int | None], None]
_BATCH = 100  # rows a render worker gets at once: pickling is cheap, memory small


def make_plan(
    campaign: Campaign,
    *,
    clock: Clock,
    rows: Iterable[CleanRows] | None = None,
    amend: bool = False,
    render: bool = True,
    workers: int = 0,
    on_progress: Progress = lambda what, done, total: None,
) -> PlanSummary:
    """Plan a campaign, or amend a plan with what is new.

    Raises DataError where the list cannot be used, TemplateError where the templates ask for
    columns that are not there, UsageError where there is nothing to amend.
    """
    url = campaign.settings.journal.url
    opened = Journal.open(
        url, campaign.folder, clock=clock, create=True, campaign=campaign.settings.name
    )
    with closing(opened) as journal:
        before = _plan_before(campaign) if journal.is_planned else None
        planned_before = read_summary(campaign).total if before else 0
        if before and not amend and _has_begun(url, campaign.folder):
            refuse_drift(campaign, before)
            return read_summary(campaign)
        if before and not amend:
            journal.discard_plan()
        if amend and not before:
            raise UsageError("there is no plan to amend", remedy="`campaign plan` makes one")
        record = _record(campaign, clock, before if amend else None)
        journal.begin_plan(record)
        count = worker_count(workers)
        if before and amend and render:
            # The templates may have been mended since: what could not be rendered may be now.
            journal.put_back({State.SKIPPED}, clock.now_s(), reason="render:")
            _render_all(campaign, journal, record, count, on_progress)
        if rows is None:
            rows = clean_rows(campaign.folder, campaign.settings.recipients)
        _load(campaign, rows, journal, record, on_progress)
        if render:
            after = planned_before if amend else 0
            _render_all(campaign, journal, record, count, on_progress, after)
        journal.finish_plan()
    summary = read_summary(campaign)
    if not amend:
        refuse_empty(summary)
    added = summary.total - (planned_before if amend else 0)
    return replace(summary, added=added)


def outdated(campaign: Campaign) -> list[Difference]:
    """What changed since a plan that nobody was sent to by: it is to be made anew.

    Raises DriftError where a run has begun, JournalError without a plan.
    """
    with closing(Reader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        changed = changes_since(campaign, reader.plan_record())
        if is_begun(reader.counts()):
            refuse(changed)
    return changed


def _plan_before(campaign: Campaign) -> PlanRecord:
    with closing(Reader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        return reader.plan_record()


def _has_begun(url: str, folder: Path) -> bool:
    with closing(Reader.open(url, folder)) as reader:
        return is_begun(reader.counts())


def _record(campaign: Campaign, clock: Clock, before: PlanRecord | None) -> PlanRecord:
    now_s = clock.now_s()
    record = PlanRecord(
        campaign=campaign.settings.name,
        plan_id=secrets.token_hex(8),
        key=secrets.token_bytes(32),
        date_s=float(int(now_s)),
        hashes=input_hashes(campaign),
        created_s=now_s,
        message_id_domain=sender_of(campaign).address.domain,
    )
    if before is None:
        return record
    # Message-ID, boundary and Date of letters already sent must stay what they were.
    return before._replace(hashes=record.hashes)


def _load(
    campaign: Campaign,
    rows: Iterable[CleanRows],
    journal: Journal,
    record: PlanRecord,
    on_progress: Progress,
) -> None:
    """The list into the journal, if the templates can be filled from it."""
    settings = campaign.settings.recipients
    count = 0
    sources: list[Source] = []
    for source, index, entries in rows:
        if index == len(sources):  # a long file comes in many parts
            sources.append(source)
            _proofread(render_spec(campaign, record, sources))
            journal.add_source(source)
        journal.add_entries(entries)
        count += len(entries)
        on_progress("reading", count, None)
    refuse_other_lists(campaign, record, sources)
    lists = state_of(campaign.folder, settings.suppress)
    journal.add_suppressed(
        read_suppressed(campaign.folder, settings.suppress, settings.address), lists
    )
    on_progress("looking for duplicates", count, count)
    journal.mark_duplicates_and_suppressed(settings.duplicates)


def _proofread(spec: RenderSpec) -> None:
    """Raises TemplateError or TemplateErrors."""
    faults = proofread(spec)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise TemplateErrors(faults)


def _render_all(
    campaign: Campaign,
    journal: Journal,
    record: PlanRecord,
    workers: int,
    on_progress: Progress,
    after: int = 0,
) -> None:
    """Render every planned row beyond `after` once."""
    with closing(Reader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        if not reader.claim_planned(after, 1):
            return
        spec = render_spec(campaign, record, reader.sources())
        total = None if after else reader.counts().get(State.PLANNED, 0)
        check = _Check(journal, total, on_progress)
        has_read = partial(refuse_other_templates, campaign, record)
        asyncio.run(check.all(spec, reader.planned_jobs(after, _BATCH), workers, has_read))
    journal.note_rendered(check.rendered, check.size_bytes)


class _Check:
    """Renders batches, a few at a time, and writes down what fails."""

    def __init__(self, journal: Journal, total: int | None, on_progress: Progress) -> None:
        self._journal = journal
        self._total = total
        self._on_progress = on_progress
        self._done = 0
        self.rendered = 0
        self.size_bytes = 0

    async def all(
        self,
        spec: RenderSpec,
        batches: Iterator[list[Job]],
        workers: int,
        has_read: Callable[[], None],
    ) -> None:
        async with RenderPool(spec, workers=workers, has_read=has_read) as pool:
            under_way: set[asyncio.Task[list[Message]]] = set()
            try:
                for batch in batches:
                    under_way.add(asyncio.create_task(pool.check(batch)))
                    if len(under_way) >= 2 * workers:
                        under_way = await self._some(under_way)
                while under_way:
                    under_way = await self._some(under_way)
            finally:  # after Ctrl-C or a fault nobody asks for the others, and asyncio complains
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)

    async def _some(
        self, tasks: set[asyncio.Task[list[Message]]]
    ) -> set[asyncio.Task[list[Message]]]:
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            self._note(task.result())
        return pending

    def _note(self, messages: list[Message]) -> None:
        problems = [(message.row, message.problem) for message in messages if message.problem]
        if problems:
            self._journal.skip_rows(problems)
        self._journal.keep_snapshots(
            (message.row, message.snapshot) for message in messages if message.snapshot
        )
        self.rendered += len(messages) - len(problems)
        self.size_bytes += sum(message.size_bytes for message in messages)
        self._done += len(messages)
        self._on_progress("rendering", self._done, self._total)
