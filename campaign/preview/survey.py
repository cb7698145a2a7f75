"""Which letters show which warning or take which branch, found out while somebody reads.

In: a workbench.  Out: a growing `Findings`.  Touches: the journal and the render workers, in
small portions, so that stepping through letters stays quick.

A short list is looked at whole; of a long one, rows spread evenly over it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from campaign.pages.letter import take_apart
from campaign.preview.desk import Desk
from campaign.preview.warnings import KINDS, Gravity, Warn, warnings_of
from campaign.preview.workbench import Edition, Workbench
from campaign.records import Job, Message, Source

MOST = 5_000  # letters looked at
_PORTION = 50  # letters rendered and judged in one go: about 0.1 s
_KEPT_ROWS = 1_000  # for each kind of warning


@dataclass
class Kind:
    """One kind of warning, and who has it."""

    name: str
    gravity: Gravity
    count: int = 0
    rows: list[int] = field(default_factory=list)
    example: str = ""

    @property
    def title(self) -> str:
        return KINDS[self.name]


@dataclass
class Findings:
    """What was found so far."""

    looked_at: int = 0
    to_look_at: int = 0
    is_sample: bool = False
    kinds: dict[str, Kind] = field(default_factory=dict)
    branches: dict[str, list[int]] = field(default_factory=dict)  # who takes each, ascending

    @property
    def is_done(self) -> bool:
        return self.looked_at >= self.to_look_at

    def by_gravity(self) -> list[Kind]:
        return sorted(self.kinds.values(), key=lambda kind: (-kind.gravity, -kind.count))

    def rows(self, kind: str, branch: str) -> tuple[int, ...] | None:
        """Those that show the warning and took the branch; None where neither is asked for."""
        if not (kind or branch):
            return None
        showing = self.kinds[kind].rows if kind in self.kinds else []
        taking = self.branches.get(branch, [])
        if not branch:
            return tuple(showing)
        return tuple(sorted({*showing} & {*taking}) if kind else taking)


async def survey(
    workbench: Workbench, desk: Desk, findings: Findings, on_news: Callable[[], None]
) -> None:
    """Look at the letters of the current edition; cancelled when there is a newer one."""
    edition = workbench.edition
    if edition.faults:
        return
    last = await desk.last_row()
    rows = spread(last, MOST)
    findings.to_look_at, findings.is_sample = len(rows), len(rows) < last
    for at in range(0, len(rows), _PORTION):
        portion = rows[at : at + _PORTION]
        jobs = await desk.jobs(portion)
        traced = await workbench.trace(jobs, is_shown=False)
        messages = [one.message for one in traced]
        judged = await asyncio.to_thread(judge, jobs, messages, edition)
        for row, found in judged:
            _note(findings, row, found)
        for message, branches in traced:
            for branch, is_taken in branches.items():
                takers = findings.branches.setdefault(branch, [])
                if is_taken:
                    takers.append(message.row)
        findings.looked_at += len(portion)
        on_news()


def spread(last: int, most: int) -> list[int]:
    """Rows 1..last, or `most` of them evenly spread, the first and the last among them."""
    if last <= most:
        return list(range(1, last + 1))
    return sorted({1 + round(at * (last - 1) / (most - 1)) for at in range(most)})


def judge(
    jobs: list[Job], messages: list[Message], edition: Edition
) -> list[tuple[int, list[Warn]]]:
    """The warnings of each row."""
    return [
        (job.row, _warnings(job, message, edition))
        for job, message in zip(jobs, messages, strict=True)
    ]


def cells_of(cells: tuple[str, ...] | list[str], source: Source) -> dict[str, str]:
    """A row by column; a rejected row may have fewer or more cells than columns."""
    return dict(zip(source.columns, cells, strict=False))


def _warnings(job: Job, message: Message, edition: Edition) -> list[Warn]:
    if message.problem:
        return [Warn("unplanned", Gravity.FAULT, "Row cannot be rendered", message.problem)]
    cells = cells_of(json.loads(job.data), edition.sources[job.source])
    return warnings_of(take_apart(message.wire), cells, edition.relied_on)


def _note(findings: Findings, row: int, found: list[Warn]) -> None:
    for name in {warn.kind for warn in found}:
        warn = next(one for one in found if one.kind == name)
        kind = findings.kinds.setdefault(name, Kind(name, warn.gravity, example=warn.title))
        kind.count += 1
        kind.gravity = max(kind.gravity, warn.gravity)
        if len(kind.rows) < _KEPT_ROWS:
            kind.rows.append(row)
