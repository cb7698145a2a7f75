"""The campaign as it is on disk now: loaded, compiled, rendered row by row, loaded again.

In: a path, the journal, a way to render.  Out: letters, or the fault that keeps them back.
Touches: the campaign's files, render workers.

What the templates' author wrote runs in a render worker only; here it is parsed and shown.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from campaign.config.loader import Campaign, load
from campaign.errors import CampaignError, ConfigErrors
from campaign.journal.reading.browsing import RecipientStanding
from campaign.pages.letter import Opened, take_apart
from campaign.planning.inputs import changes_since
from campaign.preview.desk import Desk
from campaign.records import Job, Message, PlanRecord, Source
from campaign.rendering.render import input_files
from campaign.rendering.templating.branches import Traced

_KEPT = 64  # letters kept, for stepping back and forth
_AROUND = 4  # lines shown before and after the one that is wrong
_PROBLEM = re.compile(r"^(?:render: )?(?:(?P<file>[^:\n]+?\.\w+|message\.[\w.-]+|recipients\.name)"
                      r":(?P<line>\d+)(?::\d+)?: )?(?P<what>.*)$", re.DOTALL)  # fmt: skip
_ANYWHERE = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_PRINTED = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_ASKED = re.compile(r"\{%-?\s*(?:if|elif|for)\b.*?%\}|\bif\b.*?\}\}|\bor\b.*?\}\}", re.DOTALL)
# A name in a template, in any script: marks that are combined with a letter are not in `\w`.
NAME = r"[^\W\d][\w\x80-\U0010ffff]*"
_NAME = re.compile(NAME)
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")


class Press(AbstractAsyncContextManager["Press", None], Protocol):
    """Renders in workers of its own; entering it compiles the templates."""

    async def render(self, jobs: list[Job]) -> list[Message]: ...
    async def trace(self, jobs: list[Job], *, is_shown: bool = True) -> list[Traced]: ...


OpenPress = Callable[[Campaign, PlanRecord, Sequence[Source]], Press]


class Fault(NamedTuple):
    """Why there is no letter to show."""

    what: str
    file: str = ""
    line: int = 0
    remedy: str = ""
    excerpt: tuple[tuple[int, str], ...] = ()  # lines of the file around it, numbered


@dataclass(frozen=True)
class Edition:
    """The campaign as it was when it was last read."""

    number: int
    name: str
    sources: tuple[Source, ...]
    name_template: str
    planned_s: float
    used: frozenset[str]  # words that stand in expressions of the templates
    relied_on: frozenset[str]  # those of them that are printed without being asked for first
    changed: tuple[str, ...]  # files that are not what was planned
    files: tuple[Path, ...]  # what to watch
    faults: tuple[Fault, ...]  # of the whole campaign: no letter can be rendered


class Workbench:
    """Holds the current edition; `open` before anything else."""

    def __init__(self, path: Path, desk: Desk, open_press: OpenPress) -> None:
        self._path = path
        self._desk = desk
        self._open_press = open_press
        self._press: Press | None = None
        self._letters: OrderedDict[int, Opened | Fault] = OrderedDict()
        self._turn = asyncio.Lock()
        self.edition = Edition(0, "", (), "", 0.0, frozenset(), frozenset(), (), (), ())

    async def open(self) -> None:
        """Read everything (again).  Faults are kept in the edition, not raised."""
        async with self._turn:
            before = self.edition
            await self._close_press()
            faults: list[Fault] = []
            campaign: Campaign | None = None
            record, sources = await self._desk.plan()
            try:
                campaign = await asyncio.to_thread(load, self._path)
                press = self._open_press(campaign, record, sources)
                self._press = await press.__aenter__()
            except CampaignError as error:
                folder = campaign.folder if campaign else _folder_of(self._path)
                each = error.errors if isinstance(error, ConfigErrors) else [error]
                faults = [_fault(one, folder) for one in each]
            self._letters.clear()
            self.edition = await asyncio.to_thread(
                _edition, before, campaign, record, tuple(sources), tuple(faults)
            )

    async def close(self) -> None:
        async with self._turn:
            await self._close_press()

    async def letter(self, standing: RecipientStanding) -> Opened | Fault:
        """What this recipient would get."""
        if self.edition.faults:
            return self.edition.faults[0]
        if not standing.key:
            return Fault(standing.reason, remedy="mend the row, then `campaign plan --amend`")
        kept = self._letters.get(standing.row)
        if kept is not None:
            self._letters.move_to_end(standing.row)
            return kept
        ((message, _),) = await self.trace([standing.job])
        made = self._made(message)
        self._letters[standing.row] = made
        if len(self._letters) > _KEPT:
            self._letters.popitem(last=False)
        return made

    async def trace(self, jobs: list[Job], *, is_shown: bool = True) -> list[Traced]:
        """Messages in the order of the jobs, with the branches they took; what went wrong stands
        in `problem`."""
        async with self._turn:
            if self._press is None:
                broken = "the templates are broken"
                return [Traced(Message(job.row, b"", 0, False, broken), {}) for job in jobs]
            return await self._press.trace(jobs, is_shown=is_shown)

    def _made(self, message: Message) -> Opened | Fault:
        if not message.problem:
            return take_apart(message.wire)
        found = _PROBLEM.match(message.problem)
        assert found is not None  # it matches everything
        file, line = found["file"] or "", int(found["line"] or 0)
        what, remedy = _split_remedy(found["what"])
        folder = _folder_of(self._path)
        return Fault(what, file, line, remedy, excerpt(folder / file, line))

    async def _close_press(self) -> None:
        if self._press is not None:
            await self._press.__aexit__(None, None, None)
            self._press = None


def excerpt(file: Path, line: int) -> tuple[tuple[int, str], ...]:
    """The lines around a place, numbered; nothing where the file cannot be read."""
    if not line:
        return ()
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    first = max(1, line - _AROUND)
    return tuple(enumerate(lines[first - 1 : line + _AROUND], first))


def words_used(texts: Sequence[str], within: re.Pattern[str]) -> frozenset[str]:
    """Every name that stands in such parts of the templates; a column may stand in quotes."""
    parts = [part for text in texts for part in within.findall(text)]
    return frozenset(word for part in parts for word in _NAME.findall(part) + _quoted(part))


def _quoted(part: str) -> list[str]:
    return [double or single for double, single in _QUOTED.findall(part)]


def _edition(
    before: Edition,
    campaign: Campaign | None,
    record: PlanRecord,
    sources: tuple[Source, ...],
    faults: tuple[Fault, ...],
) -> Edition:
    if campaign is None:
        return Edition(
            before.number + 1, record.campaign, sources, before.name_template, record.created_s,
            frozenset(), frozenset(), (), before.files, faults,
        )  # fmt: skip
    try:
        recipients = campaign.settings.recipients
        inputs = tuple(
            input_files(
                campaign.folder,
                campaign.settings.message,
                locale_column=recipients.locale,
                default_locale=recipients.default_locale,
            )
        )
    except CampaignError:
        inputs = before.files  # what was there before it broke
    templates = [campaign.file, *(path for path in inputs if path.suffix not in _NOT_TEMPLATES)]
    texts = [_text(path) for path in templates]
    return Edition(
        number=before.number + 1,
        name=campaign.settings.name,
        sources=sources,
        name_template=campaign.settings.recipients.name,
        planned_s=record.created_s,
        used=words_used(texts, _ANYWHERE),
        relied_on=words_used(texts, _PRINTED) - words_used(texts, _ASKED),
        changed=_changed(campaign, record),
        files=(campaign.file, *inputs),
        faults=faults,
    )


_NOT_TEMPLATES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".pdf", ".zip", ".ics"})


def _changed(campaign: Campaign, record: PlanRecord) -> tuple[str, ...]:
    try:
        return tuple(str(each) for each in changes_since(campaign, record))
    except (CampaignError, OSError):  # a list that is being written; the next look tells
        return ()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _fault(error: CampaignError, folder: Path) -> Fault:
    return Fault(
        error.what, error.file, error.line, error.remedy, excerpt(folder / error.file, error.line)
    )


def _folder_of(path: Path) -> Path:
    return (path if path.is_dir() else path.parent).absolute()


def _split_remedy(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.*) \((did you mean .*)\)", text, re.DOTALL)
    return (found[1], found[2]) if found else (text, "")
