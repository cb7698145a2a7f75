"""What changed in the rendered messages since a git revision.

In: a planned campaign, a revision.  Out: lines of a difference.
Touches: git (read-only), a temporary folder, render workers.

The same planned rows are rendered twice: with the campaign as it is, and with its files as they
were.  The list is not read again; a column that came later is what it is now.
"""

from __future__ import annotations

import asyncio
import difflib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from campaign.config.loader import Campaign, load
from campaign.errors import UsageError
from campaign.journal.reading.browsing import Browser
from campaign.pages.letter import take_apart
from campaign.preview.survey import spread
from campaign.preview.workbench import OpenPress
from campaign.records import Job, Message, PlanRecord, Source

ROWS = 25  # compared, spread over the list
_SHOWN_HEADERS = ("From", "Reply-To", "Subject", "List-Unsubscribe")


def difference(
    campaign: Campaign, revision: str, open_press: OpenPress, *, rows: int = ROWS
) -> list[str]:
    """Lines of a unified difference, row by row; empty where nothing changed.

    Raises UsageError where git knows no such revision, and what loading and rendering raise.
    """
    with closing(Browser.open(campaign.settings.journal.url, campaign.folder)) as browser:
        record, sources = browser.plan_record(), browser.sources()
        jobs = browser.jobs(spread(browser.last_row(), rows))
    with tempfile.TemporaryDirectory() as folder:
        before = load(_as_it_was(campaign, revision, Path(folder)))
        old = asyncio.run(_rendered(before, record, sources, jobs, open_press))
    new = asyncio.run(_rendered(campaign, record, sources, jobs, open_press))
    return [
        line
        for job, was, is_ in zip(jobs, old, new, strict=True)
        for line in _changes(job, was, is_, revision)
    ]


def _as_it_was(campaign: Campaign, revision: str, folder: Path) -> Path:
    """The campaign's whole repository at a revision, written out; its campaign.toml there."""
    top = Path(_git(campaign.folder, "rev-parse", "--show-toplevel").decode().strip())
    # --end-of-options: a revision is never taken for an option of git.
    commit = _git(
        campaign.folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"
    )
    files, index = folder / "files", str(folder / "index")  # the repository's own index is let be
    _git(top, "read-tree", commit.decode().strip(), index=index)
    _git(top, "checkout-index", "--all", f"--prefix={files}/", index=index)
    inside = campaign.file.resolve().relative_to(top.resolve())
    if not (files / inside).exists():
        raise UsageError(f"{revision} has no {inside}", remedy="name a later revision")
    return files / inside


def _git(folder: Path, *arguments: str, index: str = "") -> bytes:
    environment = os.environ | ({"GIT_INDEX_FILE": index} if index else {})
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, env=environment
        )
    except FileNotFoundError:
        raise UsageError("git is not installed", remedy="--diff asks git what was") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageError(
            f"git: {said[0].removeprefix('fatal: ') if said else 'failed'}",
            remedy="name a revision of this repository, such as HEAD~1",
        )
    return done.stdout


async def _rendered(
    campaign: Campaign,
    record: PlanRecord,
    sources: Sequence[Source],
    jobs: list[Job],
    open_press: OpenPress,
) -> list[Message]:
    async with open_press(campaign, record, sources) as press:
        return await press.render(jobs)


def _changes(job: Job, was: Message, is_: Message, revision: str) -> Iterator[str]:
    yield from difflib.unified_diff(
        _lines(was),
        _lines(is_),
        f"row {job.row} {job.address} ({revision})",
        f"row {job.row} {job.address} (now)",
        lineterm="",
        n=1,
    )


def _lines(message: Message) -> list[str]:
    """A message as people compare it: the fields that matter, the text, the HTML, the files."""
    if message.problem:
        return [message.problem]
    letter = take_apart(message.wire)
    fields = [f"{name}: {letter.header(name)}" for name in _SHOWN_HEADERS if letter.header(name)]
    files = [
        f"file: {part.name} ({len(part.content)} bytes)"
        for part in letter.parts
        if part.is_attachment
    ]
    return [*fields, "", *letter.text.splitlines(), "", *letter.html.splitlines(), "", *files]
