"""Letters that are asked for one by one: each row names its template and brings its own data.

In: the `RenderSpec` of an open campaign, its rows.  Out: drafts.
Touches: template and attachment files, for reading.

For each template, and for each list that its letters may leave, there is a renderer as for any
campaign, made once.  A source that has no template takes finished messages.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence

from campaign.errors import CampaignError, RenderError, TemplateError
from campaign.records import Job
from campaign.rendering.asked import asked_of, content_of, list_of, path_of
from campaign.rendering.draft import Draft, Piece
from campaign.rendering.files.attachments import OwnFile
from campaign.rendering.finished import finished_draft
from campaign.rendering.mime.entities import file_entity
from campaign.rendering.render import Renderer
from campaign.rendering.sheet import Sheet
from campaign.rendering.spec import FINISHED, RenderSpec
from campaign.rendering.templating.values import Columns


class RequestRenderer(Renderer):
    """Of one template: what columns are to others is here what the request brings."""

    def __init__(self, spec: RenderSpec) -> None:
        super().__init__(spec, takes_files=True)

    def _read(self, sheet: Sheet) -> None:
        asked = asked_of(sheet.job.data)
        data = asked.data or {}
        columns = Columns(data)
        sheet.columns = columns
        spoken = data.get(self._spec.locale_column)
        sheet.locale = spoken.strip() if isinstance(spoken, str) else ""
        sheet.locale = sheet.locale or self._spec.default_locale
        sheet.values = self._values(sheet.job, columns)
        sheet.name = asked.name
        sheet.added = list((asked.headers or {}).items())
        for enclosed in asked.attachments:
            if os.path.basename(enclosed.name) != enclosed.name or not enclosed.name.strip():
                raise RenderError(f"attachment {enclosed.name!r} is not the name of a file")
            content = content_of(enclosed)
            digest = hashlib.sha256(content).digest()
            sheet.files.append(OwnFile(file_entity(content, enclosed.name), digest))

    def _place_of(self, char: str, sheet: Sheet) -> str:
        return path_of(char, asked_of(sheet.job.data).data, "data")


class Repertoire:
    """All templates of an open campaign, behind the face of one renderer.

    Raises TemplateError or ConfigError, which name the template, when it is made.
    """

    def __init__(self, spec: RenderSpec) -> None:
        self._spec = spec
        self._renderers: dict[tuple[int, str], RequestRenderer] = {}
        self._first: dict[tuple[int, str], int] = {}  # number of its first shared piece
        self.shared: list[bytes] = []
        for source, letter in enumerate(spec.letters):
            for name in ("", *spec.lists):
                if letter is not None:
                    self._add(source, name, letter.leaving(name))

    @property
    def progress(self) -> int:
        """As of a renderer."""
        return sum(renderer.progress for renderer in self._renderers.values())

    def drafts(self, jobs: Sequence[Job]) -> Iterator[Draft]:
        """As of a renderer."""
        for job in jobs:
            named = self._spec.names[job.source]
            if named == FINISHED:
                yield finished_draft(job, self._spec)
                continue
            if self._spec.letters[job.source] is None:
                gone = f"render: there is no [template.{named}] any more"
                yield Draft(job.row, [], 0, False, gone)
                continue
            at = (job.source, list_of(job.data))
            if at not in self._renderers:  # the list was taken out of the config since
                at = (job.source, "")
            for draft in self._renderers[at].drafts([job]):
                yield self._numbered(draft, self._first[at])

    def _add(self, source: int, name: str, spec: RenderSpec) -> None:
        try:
            renderer = RequestRenderer(spec)
        except TemplateError:
            raise
        except CampaignError as error:  # of a setting, which has no place of its own
            error.what = f"[template.{self._spec.names[source]}] {error.what}"
            raise
        self._renderers[source, name] = renderer
        self._first[source, name] = len(self.shared)
        self.shared += renderer.shared

    def _numbered(self, draft: Draft, first: int) -> Draft:
        if not first or not draft.pieces:
            return draft
        pieces: list[Piece] = []
        for piece in draft.pieces:
            pieces.append(piece + first if isinstance(piece, int) else piece)
        return draft.with_pieces(pieces)
