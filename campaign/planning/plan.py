"""Reads, cleans, renders and freezes the list.

In: a campaign.  Out: a finished plan in the journal, and its summary.
Touches: the journal, render workers.

The list is loaded first, without looking back; duplicates and suppressed addresses are then
found by the journal, set-wise, so that memory does not grow with the list.  Last, every row is
rendered once: what cannot be rendered is known before anybody has received anything.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.errors import TemplateErrors, UsageError
from campaign.journal.planning.planning import Planning
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.store import Journal
from campaign.planning.drift import Difference
from campaign.planning.earlier import leave_out_earlier
from campaign.planning.inputs import (
    changes_since,
    new_record,
    refuse,
    refuse_drift,
    refuse_other_lists,
    refuse_other_templates,
    render_spec,
)
from campaign.planning.keys import keys_at_hand
from campaign.planning.summary import Amendment, PlanSummary, read_summary, refuse_empty
from campaign.planning.suppressed import skip_suppressed
from campaign.planning.timing.ranks import RankColumn
from campaign.planning.timing.times import ZoneColumn
from campaign.recipients.readers import input_files as list_files
from campaign.recipients.suppression import read_suppressed, state_of
from campaign.records import Message, PlanRecord, Source, State, is_begun
from campaign.rendering.render import RenderSpec
from campaign.rendering.templating.proofread import proofread
from campaign.signing.spec import SigningSpec
from campaign.workers.in_order import Spread, alone, make_all
from campaign.workers.list_ahead import CleanRows, clean_rows
from campaign.workers.pool import RenderPool
from campaign.workers.start import workers_for

Progress = Callable[[str, int, int | None], None]
_LOOKED_UP = 1000  # keys in one question to the suppression store


def make_plan(
    campaign: Campaign,
    *,
    clock: Clock,
    rows: Iterable[CleanRows] | None = None,
    amend: bool = False,
    render: bool = True,
    workers: int = 0,
    may_be_unsigned: bool = False,
    spread: Spread = alone,
    on_progress: Progress = lambda what, done, total: None,
    on_note: Callable[[str], None] = lambda note: None,
) -> PlanSummary:
    """Plan a campaign, or amend a plan with what is new.

    `spread`: over whom the making of letters is spread, if not over the processes of this machine
    alone; the plan is the same.  `on_note` is told what speaks against the keys of signatures.

    Raises DataError where the list cannot be used, TemplateError where the templates ask for
    columns that are not there, UsageError where there is nothing to amend, ConfigError where a key
    cannot sign, unless letters `may_be_unsigned`: of a rehearsal, or only to be looked at.
    """
    signing = keys_at_hand(campaign, may_be_unsigned, on_note)
    url = campaign.settings.journal.url
    opened = Journal.open(
        url, campaign.folder, clock=clock, create=True, campaign=campaign.settings.name
    )
    with closing(opened) as journal:
        before = _plan_before(campaign) if journal.is_planned else None
        if before and not amend:
            if _has_begun(url, campaign.folder):
                refuse_drift(campaign, before)
                return read_summary(campaign, clock)
            journal.discard_plan()
        if amend and not before:
            raise UsageError("there is no plan to amend", remedy="`campaign plan` makes one")
        making = _Making(
            campaign, journal, clock, (workers or 0) if render else None, signing, spread,
            on_progress,
        )  # fmt: skip
        if rows is None:
            rows = clean_rows(campaign.folder, campaign.settings.recipients)
        record = _record(campaign, clock, before if amend else None)
        if before and amend:
            amendment = making.amend(record, before, rows)
        else:
            amendment = None
            making.plan(record, rows)
        summary = read_summary(campaign, clock)
        if summary.outlook is not None:
            gone_before = summary.planned - summary.left
            course = [(at_s, gone_before + gone) for at_s, gone in summary.outlook.course]
            journal.note("course", json.dumps(course))
    if amendment is not None:
        return replace(summary, amendment=amendment)
    refuse_empty(summary)
    return summary


def outdated(campaign: Campaign) -> list[Difference]:
    """What changed since a plan that nobody was sent to by: it is to be made anew.

    Raises DriftError where a run has begun, JournalError without a plan.
    """
    with closing(ClaimReader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        changed = changes_since(campaign, reader.plan_record())
        if is_begun(reader.counts()):
            refuse(changed)
    return changed


def _plan_before(campaign: Campaign) -> PlanRecord:
    with closing(ClaimReader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        return reader.plan_record()


def _has_begun(url: str, folder: Path) -> bool:
    with closing(ClaimReader.open(url, folder)) as reader:
        return is_begun(reader.counts())


def _record(campaign: Campaign, clock: Clock, before: PlanRecord | None) -> PlanRecord:
    record = new_record(campaign, clock)
    if before is None:
        return record
    # Message-ID, boundary and Date of letters already sent must stay what they were.
    # Who is late is late since the amendment, for nobody can tell when who was added.
    return before._replace(hashes=record.hashes, created_s=record.created_s)


class _Making:
    """A plan or an amendment on its way into the journal.

    `workers` 0 are as many as the rows are worth; with None nothing is rendered.
    """

    def __init__(
        self,
        campaign: Campaign,
        journal: Journal,
        clock: Clock,
        workers: int | None,
        signing: SigningSpec | None,
        spread: Spread,
        on_progress: Progress,
    ) -> None:
        self._signing = signing
        self._spread = spread
        self._campaign = campaign
        self._journal = journal
        self._clock = clock
        self._workers = workers
        self._on_progress = on_progress
        self._ranks = RankColumn(campaign.settings.schedule)

    def plan(self, record: PlanRecord, rows: Iterable[CleanRows]) -> None:
        """The list, and each of its letters made once."""
        self._planning = self._journal.plan(record, are_ranked=self._ranks.is_named)
        self._load(rows, record)
        self._skip_suppressed()
        self._render(record)
        self._planning.finish()

    def amend(self, record: PlanRecord, before: PlanRecord, rows: Iterable[CleanRows]) -> Amendment:
        """What the list and the templates are now; each letter that may still be sent made anew.

        The templates may have been mended since: what could not be rendered may be now.
        """
        changed = changes_since(self._campaign, before)
        with self._reader() as reader:
            last, open_before = reader.total(), reader.open_count(0)
            unmade = {row.row for row in reader.skipped() if row.reason.startswith("render:")}
        self._planning = self._journal.plan(record, are_ranked=self._ranks.is_named)
        restored: set[int] = set()
        if self._workers is not None:
            now_s = self._clock.now_s()
            self._journal.put_back({State.SKIPPED}, now_s)
            restored = unmade - self._render(record)
        self._load(rows, record)
        self._skip_suppressed()
        self._render(record, after=last)
        self._planning.finish()
        with self._reader() as reader:
            new, open_now, total = reader.open_count(last), reader.open_count(0), reader.total()
            skipped = reader.counts()[State.SKIPPED]
        kept = open_now - new
        corrected, removed = self._planning.replaced
        lists = self._lists()
        letters_change = any(each.name not in lists for each in changed)
        return Amendment(
            changed=[str(each) for each in changed],
            added=new - corrected,
            restored=len(restored),
            corrected=corrected,
            changing=kept if letters_change else 0,
            removed=removed,
            dropped=max(0, open_before + len(restored) - kept - corrected - removed),
            settled=total - skipped - open_now,
        )

    def _lists(self) -> set[str]:
        """Names of the recipient files, as in the plan's hashes."""
        folder = self._campaign.folder
        paths = list_files(folder, self._campaign.settings.recipients)
        return {os.path.relpath(path, folder) for path in paths}

    def _reader(self) -> closing[ClaimReader]:
        return closing(ClaimReader.open(self._campaign.settings.journal.url, self._campaign.folder))

    def _load(self, rows: Iterable[CleanRows], record: PlanRecord) -> None:
        """The list into the journal, if the templates can be filled from it."""
        campaign, planning = self._campaign, self._planning
        settings = campaign.settings.recipients
        count = 0
        sources: list[Source] = []
        zones = ZoneColumn(campaign.settings.schedule)
        for source, index, entries in rows:
            if index == len(sources):  # a long file comes in many parts
                sources.append(source)
                _proofread(render_spec(campaign, record, sources))
                planning.add_source(source)
                zones.add(source, campaign)
                self._ranks.add(source, campaign)
            planning.add_entries(zones.refused(entries), self._ranks.of(entries))
            count += len(entries)
            self._on_progress("reading", count, None)
        refuse_other_lists(campaign, record, sources)
        lists = state_of(campaign.folder, settings.suppress)
        planning.add_suppressed(
            read_suppressed(campaign.folder, settings.suppress, settings.address), lists
        )
        leave_out_earlier(campaign, planning)
        self._on_progress("looking for duplicates", count, count)
        planning.mark(settings.duplicates)

    def _skip_suppressed(self) -> None:
        """Those planned whom the suppression store knows by now."""
        with self._reader() as reader:
            jobs = reader.planned_jobs(0, _LOOKED_UP)
            skip_suppressed(self._campaign, self._clock, self._planning, jobs)

    def _render(self, record: PlanRecord, after: int = 0) -> set[int]:
        """Render every row beyond `after` that is not settled once; returns which cannot be."""
        if self._workers is None:
            return set()
        with self._reader() as reader:
            total = reader.open_count(after)
            if not total:
                return set()
            spec = render_spec(self._campaign, record, reader.sources())
            check = _Check(self._planning, total, self._on_progress)
            has_read = partial(refuse_other_templates, self._campaign, record)
            count = workers_for(total, self._workers)
            pool = RenderPool(spec, workers=count, has_read=has_read, signing=self._signing)
            maker = self._spread(pool, spec)
            jobs = reader.open_jobs(after, maker.batch_rows)
            asyncio.run(make_all(maker, jobs, maker.check, check.note))
        self._planning.note_rendered(check.rendered, check.size_bytes)
        return check.failed


def _proofread(spec: RenderSpec) -> None:
    """Raises TemplateError or TemplateErrors."""
    faults = proofread(spec)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise TemplateErrors(faults)


class _Check:
    """Writes down which letters cannot be made."""

    def __init__(self, planning: Planning, total: int | None, on_progress: Progress) -> None:
        self._planning = planning
        self._total = total
        self._on_progress = on_progress
        self._done = 0
        self.failed: set[int] = set()
        self.rendered = 0
        self.size_bytes = 0

    def note(self, messages: list[Message]) -> None:
        problems = [(message.row, message.problem) for message in messages if message.problem]
        if problems:
            self._planning.skip_rows(problems)
            self.failed.update(row for row, _ in problems)
        self._planning.keep_snapshots(
            (message.row, message.snapshot) for message in messages if message.snapshot
        )
        self.rendered += len(messages) - len(problems)
        self.size_bytes += sum(message.size_bytes for message in messages)
        self._done += len(messages)
        self._on_progress("rendering", self._done, self._total)
