"""What changed in the rendered messages since a git revision.

In: a planned campaign, a revision.  Out: lines of a difference.
Touches: git (read-only), a temporary folder, render workers.

The same planned rows are rendered twice: with the campaign as it is, and with its files as they
were.  The list is not read again; a column that came later is what it is now, and so is a file
that git does not have, such as the invoices that are attached.  Letters that changed in the same
way, but for what their rows say, are shown by one of them.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from campaign.config.loader import Campaign, load
from campaign.errors import CampaignError, ConfigErrors, UsageError
from campaign.journal.reading.browsing import Browser
from campaign.pages.letter import take_apart
from campaign.preview.survey import spread
from campaign.preview.workbench import OpenPress
from campaign.records import Job, Message, PlanRecord, Source

ROWS = 1_000  # compared at most, spread over the list: two renderings of each, a few seconds
_LEAST = 2  # characters of a cell that tell it from a word of the template
_SHOWN_HEADERS = ("From", "Reply-To", "Subject", "List-Unsubscribe")


def difference(
    campaign: Campaign, revision: str, open_press: OpenPress, *, rows: int = ROWS
) -> list[str]:
    """Lines of a unified difference for each way in which letters changed; empty where none did.

    Raises UsageError where git knows no such revision, and what loading and rendering raise.
    """
    with closing(Browser.open(campaign.settings.journal.url, campaign.folder)) as browser:
        record, sources = browser.plan_record(), browser.sources()
        jobs = browser.jobs(spread(browser.last_row(), rows))
    with tempfile.TemporaryDirectory() as folder, _named_by(revision, folder):
        before = load(_as_it_was(campaign, revision, Path(folder)))
        old = asyncio.run(_rendered(before, record, sources, jobs, open_press))
    new = asyncio.run(_rendered(campaign, record, sources, jobs, open_press))
    alike: dict[tuple[str, ...], list[tuple[Job, list[str]]]] = {}
    for job, was, is_ in zip(jobs, old, new, strict=True):
        if changes := list(_changes(job, was, is_, revision)):
            alike.setdefault(_kind(job, changes), []).append((job, changes))
    found = sorted(alike.values(), key=len, reverse=True)
    return [line for group in found for line in _shown(group, len(jobs))]


def _shown(group: list[tuple[Job, list[str]]], compared: int) -> list[str]:
    """One of the letters that changed in this way, and how many they are."""
    job, changes = group[0]
    many = f"all {compared:,}" if len(group) == compared else f"{len(group):,} of {compared:,}"
    heading = f"{many} letters, like row {job.row} {job.address}:" if compared > 1 else ""
    return [heading, *changes, ""] if heading else changes


def _kind(job: Job, changes: list[str]) -> tuple[str, ...]:
    """The changed lines without what the row says."""
    cells = [cell for cell in json.loads(job.data) if isinstance(cell, str)]
    own = sorted({cell for cell in cells if len(cell) >= _LEAST}, key=len, reverse=True)
    mark = re.compile("|".join(map(re.escape, own))) if own else None
    lines = [line for line in changes[2:] if not line.startswith("@@")]
    return tuple(mark.sub("\0", line) if mark else line for line in lines)


@contextmanager
def _named_by(revision: str, folder: str) -> Iterator[None]:
    """Faults of the files as they were name the revision, and not the folder they lie in now."""
    try:
        yield
    except CampaignError as error:
        root = f"{Path(folder) / 'files'}/"
        for each in error.errors if isinstance(error, ConfigErrors) else [error]:
            each.file = each.file.replace(root, f"{revision}:")
            each.what = each.what.replace(root, f"{revision}:")
        raise


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
    _link_what_git_has_not(top, files)
    inside = campaign.file.resolve().relative_to(top.resolve())
    if not (files / inside).exists():
        raise UsageError(f"{revision} has no {inside}", remedy="name a later revision")
    return files / inside


def _link_what_git_has_not(top: Path, files: Path) -> None:
    """Attachments and lists that are not in git are what they are now."""
    others = _git(top, "ls-files", "-z", "--others", "--directory", "--no-empty-directory")
    for name in filter(None, others.decode("utf-8", "surrogateescape").split("\0")):
        link = files / name.rstrip("/")
        if not link.exists() and not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(top / name)


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
