"""All planned letters made, looked at, and counted by rule.

In: a planned campaign.  Out: `Census`.  Touches: the journal, for reading; render workers.

They are made as `plan` makes them, unsigned: what a signature covers follows from the fields
alone.  Each is judged in the render worker that made it; only the report travels.  A row of which
no letter can be made is the plan's business and is counted only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from campaign.config.loader import Campaign
from campaign.journal.reading.claiming import ClaimReader
from campaign.planning.inputs import render_spec
from campaign.preflight.letters.judge import LetterJudge, Report, read_remarks
from campaign.preflight.letters.lint import Bulk
from campaign.preflight.rules import RULES, CheckFinding, Level
from campaign.records import Job, Message
from campaign.workers.in_order import Spread, alone, make_all
from campaign.workers.pool import RenderPool
from campaign.workers.start import workers_for

_KEPT_REPORTS = 10_000  # most letters have one of a few
_SIGNATURE_BYTES = 1024  # at most, of one key: RSA-4096 and all names in h=
_ORDER: tuple[Level, ...] = ("fail", "warn", "info")
_REMEDIES = {
    "letter-one-click": "url and secret in [unsubscribe]",
    "letter-single": "take the field out of headers in [message]",
    "letter-from": "from in [message]: one address, and the name of who sends",
    "letter-text": "name a text template: text in [message]",
    "letter-clipped": "make the HTML shorter, or move styles and pictures out of it",
    "letter-lines": "break the line in the template",
    "letter-links": "let a link say where it goes, and name the page itself",
    "letter-subject": "subject in [message]",
    "letter-id": "take Message-ID out of headers in [message]",
    "letter-signed": "sign both fields of List-Unsubscribe",
    "letter-head": "take fields out of headers in [message]",
    "letter-lookalike": "write the domain in the letters of its own language",
}


class Seen(NamedTuple):
    """One thing that some letters have."""

    level: Level
    letters: int
    first_row: int
    evidence: str  # of the first


@dataclass(slots=True)
class Census:
    """What was counted."""

    bulk: Bulk
    letters: int = 0
    unmade: int = 0
    largest_bytes: int = 0
    _seen: dict[tuple[str, str], Seen] = field(default_factory=dict)
    _ids: dict[int, int] = field(default_factory=dict)  # hash of Message-ID -> row
    _reports: dict[bytes, list[int]] = field(default_factory=dict)  # letters, the first row

    @property
    def seen(self) -> dict[tuple[str, str], Seen]:
        """By rule and kind of evidence.  Raises CampaignError where a worker talked nonsense."""
        self._read()
        return self._seen

    def take(self, message: Message) -> None:
        """Count one letter, in whose place stands its report."""
        if message.problem:
            self.unmade += 1
            return
        row = message.row
        self.letters += 1
        self.largest_bytes = max(self.largest_bytes, message.size_bytes)
        message_id, written = Report.read(message.wire)
        if written:
            counted = self._reports.get(written)
            if counted:
                counted[0] += 1
            else:
                self._reports[written] = [1, row]
                if len(self._reports) >= _KEPT_REPORTS:
                    self._read()
        before = self._ids.setdefault(hash(message_id), row)
        if before != row:
            self._note(
                ("letter-id", "twice"),
                Seen("fail", 1, row, f"the Message-ID of row {before} again"),
            )

    def _read(self) -> None:
        """What the reports say, for all letters that have the same one at once."""
        for written, (letters, row) in self._reports.items():
            named: set[tuple[str, str]] = set()
            for id, level, evidence in read_remarks(written):
                # Where every gap of mail programs counts by itself, other evidence differs by
                # letter.
                key = (id, evidence if id == "letter-clients" else level)
                if key not in named:
                    named.add(key)
                    self._note(key, Seen(level, letters, row, evidence))
        self._reports.clear()

    def _note(self, key: tuple[str, str], more: Seen) -> None:
        known = self._seen.get(key)
        if known:
            first = min(known, more, key=lambda seen: seen.first_row)
            more = first._replace(letters=known.letters + more.letters)
        self._seen[key] = more

    def findings(self) -> list[CheckFinding]:
        """The group "letters", one or more a rule."""
        found, noted = [], self.seen
        for rule in RULES:
            if rule.group != "letters":
                continue
            if rule.id == "letter-signed" and not self.bulk.is_signed:
                why = "there is no [[dkim]]: what the relay signs, only a test letter shows"
                found.append(CheckFinding(rule.id, "not-checked", why))
                continue
            mine = [seen for (id, _), seen in noted.items() if id == rule.id]
            if not mine and not self.letters:
                found.append(CheckFinding(rule.id, "not-checked", "no letter waits to be sent"))
            elif not mine:
                found.append(CheckFinding(rule.id, "ok", f"all {self.letters:,} messages"))
            for seen in sorted(mine, key=lambda one: _ORDER.index(one.level)):
                evidence = (
                    f"{seen.evidence}; {seen.letters:,} of {self.letters:,} messages,"
                    f" the first is row {seen.first_row}"
                )
                remedy = "" if seen.level == "info" else _REMEDIES.get(rule.id, "")
                found.append(CheckFinding(rule.id, seen.level, evidence, remedy))
        return found


def take_census(
    campaign: Campaign,
    *,
    workers: int = 0,
    spread: Spread = alone,
    on_job: Callable[[Job], None] = lambda job: None,
    on_progress: Callable[[str, int, int | None], None] = lambda what, done, total: None,
) -> Census:
    """Every letter that may still be sent; `on_job` gets each recipient too."""
    settings = campaign.settings
    census = Census(bulk_of(campaign))
    with closing(ClaimReader.open(settings.journal.url, campaign.folder)) as reader:
        spec = render_spec(campaign, reader.plan_record(), reader.sources())
        spec = replace(spec, judge=LetterJudge(census.bulk))
        total = reader.open_count(0)
        maker = spread(RenderPool(spec, workers=workers_for(total, workers)), spec)

        def take(messages: list[Message]) -> None:
            for message in messages:
                census.take(message)
            on_progress("checking", census.letters + census.unmade, total)

        jobs = _seen(reader.open_jobs(0, maker.batch_rows), on_job)
        asyncio.run(make_all(maker, jobs, maker.render, take))
    census.largest_bytes += _SIGNATURE_BYTES * len(settings.dkim)
    return census


def bulk_of(campaign: Campaign) -> Bulk:
    """What its settings promise of all its letters."""
    settings = campaign.settings
    return Bulk(settings.unsubscribe is not None, bool(settings.dkim))


def _seen(batches: Iterator[list[Job]], on_job: Callable[[Job], None]) -> Iterator[list[Job]]:
    for batch in batches:
        for job in batch:
            on_job(job)
        yield batch
