"""A row becomes a finished message.

In: what the campaign says (`RenderSpec`), one recipient (`Job`).  Out: `Message`.
Touches: template and attachment files, for reading.

The same job gives the same bytes, always: Message-ID and boundary come from the plan, and Date from
the job, or from the plan where the job has none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.addresses.marks import LetterMarker
from campaign.errors import RenderError, RunawayError, TemplateError
from campaign.records import Job, Message
from campaign.rendering.body import Body
from campaign.rendering.draft import Draft, merged, size_of
from campaign.rendering.files.attachments import personal_root
from campaign.rendering.files.images import Images
from campaign.rendering.head import Head, unsubscribe_url
from campaign.rendering.mime.headers import ForbiddenCharacterError
from campaign.rendering.sheet import Sheet, Step
from campaign.rendering.spec import Content, RenderSpec, UnsubscribeSpec
from campaign.rendering.templating.branches import Trace, line_of
from campaign.rendering.templating.templates import Columns, Row, TemplateCompiler, is_constant
from campaign.rendering.templating.versions import reach_of, reach_of_spec, template_files
from campaign.units import show_size

if TYPE_CHECKING:
    from campaign.config.settings import MessageSettings

__all__ = [
    "Content", "RenderSpec", "Renderer", "TracingRenderer", "UnsubscribeSpec", "input_files",
    "readable_paths",
]  # fmt: skip

# As `json.loads`, which looks for blanks around what we wrote ourselves.
_read_json = json.JSONDecoder().raw_decode
_AT_ONCE = 25  # letters that go through the steps together
_AT_ONCE_BYTES = 300_000
RUNAWAYS_MAX = 3  # rows in a row that take too much time or memory
MESSAGE_MAX = 50_000_000  # bytes; no provider takes more: Gmail receives 50 MB at most


class Renderer:
    """Compiles everything once, then renders row after row.

    It runs code of the templates' author, so it belongs into a render worker.
    Raises TemplateError or ConfigError when it is made.
    """

    def __init__(
        self, spec: RenderSpec, trace: Trace | None = None, *, takes_files: bool = False
    ) -> None:
        folder = Path(spec.folder)
        self._spec = spec
        self._compiler = TemplateCompiler(
            reach_of_spec(spec), trace, list_locale=spec.default_locale, places=spec.places
        )
        self._head = Head(self._compiler, spec)
        self._marker = LetterMarker(
            spec.key, spec.campaign, spec.message_id_domain or self._head.domain
        )
        content = Content.of(spec.message)
        self._body = Body(
            self._compiler,
            folder,
            content,
            Images(folder, content.inline, spec.key, self._head.domain),
            by_locale=bool(spec.locale_column),
            default_locale=spec.default_locale,
            private=spec.private,
            takes_files=takes_files,
        )
        self._steps: list[Step] = [
            self._read,
            *self._body.file_steps,
            self._mark,
            self._head.write,
            *self._body.steps,
            self._finish,
            *([spec.judge] if spec.judge else []),
        ]
        self._runaways = [0] * len(self._steps)  # in a row, of each step
        self.progress = 0  # steps that were done, ever; who waits sees by it whether one hangs
        self._at_once = 1  # letters that go through the steps together; more when they are small

    @property
    def shared(self) -> list[bytes]:
        """What drafts mean by numbers: large pieces that are in every message."""
        return self._body.shared

    def render(self, job: Job) -> Message:
        """Raises RenderError, which says why this row cannot be sent."""
        return self.draft(job).assembled(self.shared)

    def draft(self, job: Job) -> Draft:
        """The message in pieces, for another process to put together.  Raises RenderError."""
        sheet = Sheet(job)
        self._go_through([sheet])
        if sheet.problem:
            raise sheet.problem
        return sheet.draft

    def drafts(self, jobs: Sequence[Job]) -> Iterator[Draft]:
        """A draft for each job, in order; of a row that cannot be sent, only its problem.

        Raises TemplateError when several rows in a row took more than a row may.
        """
        start = 0
        while start < len(jobs):
            sheets = [Sheet(job) for job in jobs[start : start + self._at_once]]
            start += len(sheets)
            self._go_through(sheets)
            drafts = [_draft_of(sheet) for sheet in sheets]
            largest = max(draft.own_bytes for draft in drafts)
            self._at_once = max(1, min(_AT_ONCE, _AT_ONCE_BYTES // max(1, largest)))
            yield from drafts

    def _go_through(self, sheets: Sequence[Sheet]) -> None:
        """All sheets through one step, then through the next."""
        speaks = self._spec.locale_column or self._spec.default_locale
        speak = self._compiler.speak if speaks else None
        for number, step in enumerate(self._steps):
            for sheet in sheets:
                self.progress += 1
                if sheet.problem is not None:
                    continue
                if speak is not None:
                    speak(sheet.locale)
                try:
                    step(sheet)
                    self._runaways[number] = 0
                except RunawayError as runaway:
                    sheet.problem = runaway
                    self._count_runaway(number, runaway)
                except ForbiddenCharacterError as forbidden:
                    sheet.problem = self._blamed(forbidden, forbidden.char, sheet)
                except RenderError as error:
                    sheet.problem = error
                except UnicodeEncodeError as surrogate:
                    char = surrogate.object[surrogate.start]
                    half = RenderError(f"U+{ord(char):04X} is half a character")
                    sheet.problem = self._blamed(half, char, sheet)

    def _blamed(self, error: RenderError, char: str, sheet: Sheet) -> RenderError:
        """The same error, with the place that the character came from."""
        place = self._place_of(char, sheet)
        return RenderError(f"{error.what}: it stands in {place}") if place else error

    def _place_of(self, char: str, sheet: Sheet) -> str:
        """What of the row holds a character; "" where nothing does."""
        for column, cell in sheet.columns.items():
            if char in cell:
                return f"column '{column}'"
        return ""

    def _count_runaway(self, step: int, error: RunawayError) -> None:
        """Raises TemplateError when it is no longer this row's fault."""
        self._runaways[step] += 1
        if self._runaways[step] >= RUNAWAYS_MAX:
            raise TemplateError(
                f"{error.what}, for {RUNAWAYS_MAX} recipients in a row",
                file=error.file,
                line=error.line,
                remedy="mend what repeats itself there",
            )

    # The steps that belong neither to the head nor to the body.

    def _read(self, sheet: Sheet) -> None:
        """The cells of the row, and what templates see of them."""
        job, spec = sheet.job, self._spec
        cells, _ = _read_json(job.data)
        rows = self._rows(job, cells) if spec.group_column else []
        sheet.columns = columns = Columns(zip(spec.sources[job.source], cells, strict=True))
        sheet.locale = columns.get(spec.locale_column, "").strip() or spec.default_locale
        sheet.values = self._values(job, columns)
        if spec.group_column:
            sheet.values["rows"] = rows or [columns]

    def _mark(self, sheet: Sheet) -> None:
        """What tells this letter from all others, once it is known to be the planned one."""
        if sheet.job.snapshot and sheet.snapshot != sheet.job.snapshot:
            raise RenderError(
                "an attachment is not what it was when the plan was made",
                remedy="`campaign plan --amend` takes the change in",
            )
        sheet.marks = self._marker.marks(sheet.job.letter_key)

    def _finish(self, sheet: Sheet) -> None:
        pieces = [self._head.constant, sheet.head, *self._body.pieces(sheet)]
        last = pieces[-1]
        if isinstance(last, bytes) and not last.endswith(b"\r\n"):
            pieces.append(b"\r\n")  # a text of a single part
        pieces = merged(pieces)
        size = size_of(pieces, self.shared)
        if size > MESSAGE_MAX:
            limit = show_size(MESSAGE_MAX)
            raise RenderError(f"the message has {show_size(size)}, more than {limit}")
        job = sheet.job
        needs_smtputf8 = not job.address.isascii()
        sheet.draft = Draft(job.row, pieces, size, needs_smtputf8, snapshot=sheet.snapshot)

    def _rows(self, job: Job, cells: list[Any]) -> list[Columns]:
        """Takes the rows of a group from behind the cells of its first; [] of a single row."""
        if len(cells) == len(self._spec.sources[job.source]):
            return []
        sources = self._spec.sources
        return [Columns(zip(sources[at], row, strict=True)) for at, row in cells.pop()]

    def _values(self, job: Job, columns: dict[str, str]) -> Row:
        """What templates see: the row's columns, `columns`, `address`, `unsubscribe_url`, and in
        a campaign that groups rows `rows`.

        A column called `address` stands for itself; of the other names, ours are meant.
        """
        values = self._compiler.values()
        values["address"] = job.address
        values.update(columns)
        values["columns"] = columns
        if url := unsubscribe_url(self._spec, job.token):
            values["unsubscribe_url"] = url
        return values


class TracingRenderer(Renderer):
    """Puts before each letter which branches it took; for a preview, never for a run."""

    def __init__(self, spec: RenderSpec) -> None:
        self._trace = Trace()
        super().__init__(spec, self._trace)

    def draft(self, job: Job) -> Draft:
        """As of any renderer; `branches.traced` takes the line away again."""
        self._trace.clear()
        draft = super().draft(job)
        return draft.with_pieces([line_of(self._trace.branches()), *draft.pieces])

    def drafts(self, jobs: Sequence[Job]) -> Iterator[Draft]:
        """One by one: a trace is that of one letter."""
        for job in jobs:
            try:
                yield self.draft(job)
            except RenderError as error:
                yield _unsendable(job, error)


def input_files(
    folder: Path,
    message: MessageSettings | Content,
    *,
    locale_column: str = "",
    default_locale: str = "",
) -> list[Path]:
    """Every file whose change would change a letter, sorted; nothing is run, only parsed.

    With a locale column or a default locale these are the templates of all languages.  Files whose
    names are made from cells are not known here.  Raises TemplateError.
    """
    compiler = TemplateCompiler(reach_of(folder, message, default_locale))
    files = template_files(
        folder, message, default_locale=default_locale, by_locale=bool(locale_column)
    )
    found = {path for file in files for path in compiler.files_of(file)}
    found |= {folder / path for path in _fixed_files(message)}
    return sorted(found)


def readable_paths(spec: RenderSpec) -> list[str]:
    """Folders and files that rendering has to read; it needs nothing else of the disk."""
    if spec.letters:
        return [path for letter in spec.letters if letter for path in readable_paths(letter)]
    folder, message = Path(spec.folder), spec.message
    paths = [os.path.realpath(folder / path) for path in _fixed_files(message)]
    reach = reach_of_spec(spec)
    for name in reach.named:
        roots = reach.of(name)
        paths += [*roots.files, *roots.folders]
    return paths + personal_roots(spec)


def personal_roots(spec: RenderSpec) -> list[str]:
    """Folders that the attachments of single recipients are in."""
    folder = Path(spec.folder)
    personal = [path for path in spec.message.attachments if not is_constant(path)]
    return [personal_root(folder, path) for path in personal]


def _fixed_files(message: MessageSettings | Content) -> list[str]:
    fixed = [path for path in message.attachments if is_constant(path)]
    return [*message.inline.values(), *fixed]


def _draft_of(sheet: Sheet) -> Draft:
    return _unsendable(sheet.job, sheet.problem) if sheet.problem else sheet.draft


def _unsendable(job: Job, error: RenderError) -> Draft:
    return Draft(job.row, [], 0, False, f"render: {error}")
