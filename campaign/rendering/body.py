"""The body of a letter: which parts it has, and the bytes of each for one row.

In: [message] of the config, sheets.  Out: on each sheet the pieces of a MIME body, from the
Content-Type field on.  Touches: template and attachment files, for reading.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from campaign.errors import RenderError
from campaign.languages import written_in
from campaign.rendering.draft import Piece
from campaign.rendering.files.attachments import PersonalFiles, fixed_file, snapshot_of
from campaign.rendering.files.images import Images
from campaign.rendering.html.markup import markdown_page, style_inliner
from campaign.rendering.mime.entities import Hole, Multipart, Skeleton, delimited, text_entity
from campaign.rendering.mime.invitation import cells_written, folded, method_of
from campaign.rendering.mime.transfer import TextEncoder
from campaign.rendering.sheet import CALENDAR, HTML, PERSONAL, TEXT, Sheet, Step
from campaign.rendering.spec import Content
from campaign.rendering.templating.escaping import Escaping
from campaign.rendering.templating.locales import Variants
from campaign.rendering.templating.templates import Template, TemplateCompiler, is_constant

Change = Callable[[str], str]


class Body:
    """Only the levels that are needed:
    mixed(alternative(text, related(html, images), calendar), files).

    Raises TemplateError or ConfigError when it is made.
    """

    def __init__(
        self,
        compiler: TemplateCompiler,
        folder: Path,
        content: Content,
        images: Images,
        *,
        by_locale: bool,
        default_locale: str = "",
        private: tuple[str, ...] = (),
        takes_files: bool = False,
    ) -> None:
        """`takes_files`: a sheet may have files of its own that no path in the config names."""

        def file(path: str, escaping: Escaping) -> Variants[Template] | None:
            if not path:
                return None
            files = written_in(folder, path, default_locale=default_locale, by_locale=by_locale)
            variants = {tag: compiler.file(at, escaping) for tag, at in files.variants.items()}
            return Variants(compiler.file(files.default, escaping), variants)

        # Markdown stands in for what is not written: its own text, and the HTML made from it.
        self._text = file(content.text or content.markdown, "none")
        self._html = file(content.html, "html") or file(content.markdown, "markdown")
        self._calendar = file(content.calendar, "calendar")
        self._text_encoder, self._html_encoder, self._calendar_encoder = (
            TextEncoder(partial(refuse_leftover, what=what))
            for what in ("the text", "the HTML", "the calendar")
        )
        self._changes: list[Change] = []
        if self._html and not content.html:
            self._changes.append(markdown_page())
        if self._html and content.inline_css:
            self._changes.append(style_inliner())
        fixed = [fixed_file(folder, path) for path in content.attachments if is_constant(path)]
        self._personal = [
            PersonalFiles(compiler, folder, path, private)
            for path in content.attachments
            if not is_constant(path)
        ]
        self._point = images.pointed if content.inline else None
        self._skeleton = Skeleton(self._layout(images.entities, fixed, bool(self._personal)))
        self._with_files = (
            Skeleton(self._layout(images.entities, fixed, True)) if takes_files else None
        )
        self.shared = self._skeleton.shared  # both hold the same large constants

    @property
    def file_steps(self) -> list[Step]:
        """What finds the attachments of one recipient, where there may be some."""
        return [self._find_files] if self._personal else []

    @property
    def steps(self) -> list[Step]:
        """What makes the parts of a body; only the steps that are needed."""
        steps: list[Step] = []
        if self._html:
            steps += [self._write_html, self._encode_html]
        steps += [self._write_text, self._encode_text]
        if self._calendar:
            steps.append(self._make_calendar)
        if self._personal or self._with_files is not None:
            steps.append(self._add_files)
        return steps

    def pieces(self, sheet: Sheet) -> list[Piece]:
        """The body, when all steps have made their parts."""
        skeleton = self._skeleton
        if self._with_files is not None and sheet.parts[PERSONAL]:
            skeleton = self._with_files
        return skeleton.fill(sheet.marks.boundary, sheet.parts)

    def _find_files(self, sheet: Sheet) -> None:
        sheet.files = [file for source in self._personal for file in source.files(sheet.values)]
        sheet.snapshot = snapshot_of(sheet.files)

    def _write_html(self, sheet: Sheet) -> None:
        assert self._html is not None
        html = _checked(self._html.pick(sheet.locale).chunks(sheet.values), "the HTML")
        for change in self._changes:
            html = _lines(change("".join(html)))
        sheet.html = [self._point(chunk) for chunk in html] if self._point else html

    def _encode_html(self, sheet: Sheet) -> None:
        sheet.parts[HTML] = text_entity(b"text/html", self._html_encoder, sheet.html)

    def _write_text(self, sheet: Sheet) -> None:
        written = self._text
        text = written.pick(sheet.locale).chunks(sheet.values) if written else _text_of(sheet.html)
        sheet.text = _checked(text, "the text")

    def _encode_text(self, sheet: Sheet) -> None:
        sheet.parts[TEXT] = text_entity(b"text/plain", self._text_encoder, sheet.text)

    def _make_calendar(self, sheet: Sheet) -> None:
        assert self._calendar is not None
        chunks = _checked(self._calendar.pick(sheet.locale).chunks(sheet.values), "the calendar")
        event = cells_written("".join(chunks))
        kind = f"text/calendar; method={method_of(event)}".encode()
        sheet.parts[CALENDAR] = text_entity(kind, self._calendar_encoder, _lines(folded(event)))

    def _add_files(self, sheet: Sheet) -> None:
        if not sheet.files:
            return
        entities = [file.entity for file in sheet.files]
        sheet.parts[PERSONAL] = delimited(sheet.marks.boundary, entities)

    def _layout(
        self, images: list[bytes], fixed: list[bytes], has_personal: bool
    ) -> Multipart | Hole:
        forms: list[Multipart | Hole] = [Hole(TEXT)]
        if self._html and images:
            forms.append(Multipart("related", (Hole(HTML), *images), '; type="text/html"'))
        elif self._html:
            forms.append(Hole(HTML))
        if self._calendar:  # the last form is the one liked best (RFC 2046, 5.1.4)
            forms.append(Hole(CALENDAR))
        layout = Multipart("alternative", tuple(forms)) if len(forms) > 1 else forms[0]
        if fixed or has_personal:
            more = Hole(PERSONAL) if has_personal else None
            layout = Multipart("mixed", (layout, *fixed), more=more)
        return layout


def refuse_leftover(text: str, what: str) -> None:
    """Raise RenderError if something that looks like a template came out (fault 57)."""
    at = text.find("{{")
    if at >= 0:
        raise RenderError(f"{what} still holds {text[at : at + 40].splitlines()[0]!r}")


def _checked(chunks: list[str], what: str) -> list[str]:
    if all(not chunk or chunk.isspace() for chunk in chunks):
        raise RenderError(f"{what} is empty")
    return chunks


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _text_of(html: list[str]) -> list[str]:
    # lxml is loaded only where it is needed.
    from campaign.rendering.html.plain import text_of_html

    text = text_of_html("".join(html))
    if not text.strip():
        raise RenderError(
            "the HTML has no words a text could be made of",
            remedy="give its images an alt text, or name a `text` in [message]",
        )
    return _lines(text)
