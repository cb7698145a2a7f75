"""The body of a letter: which parts it has, and the bytes of each for one row.

In: [message] of the config, the columns of a row.  Out: pieces of a MIME body, from the
Content-Type field on.  Touches: template and attachment files, for reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from campaign.errors import ConfigError, RenderError
from campaign.rendering.attachments import OwnFile, PersonalFiles, fixed_file
from campaign.rendering.draft import Piece
from campaign.rendering.escaping import Escaping
from campaign.rendering.invitation import folded, method_of
from campaign.rendering.locales import Variants, variants_of
from campaign.rendering.markup import markdown_page, style_inliner
from campaign.rendering.mime import Hole, Multipart, Skeleton, delimited, text_entity
from campaign.rendering.spec import Content
from campaign.rendering.templates import Row, Template, Workshop, is_constant
from campaign.rendering.transfer import TextEncoder

_CONTENT_ID = re.compile(r"[A-Za-z0-9._+@-]+")
_TEXT, _HTML, _CALENDAR, _PERSONAL = range(4)

Change = Callable[[str], str]


class Body:
    """Only the levels that are needed:
    mixed(alternative(text, related(html, images), calendar), files).

    Raises TemplateError or ConfigError when it is made.
    """

    def __init__(
        self, workshop: Workshop, folder: Path, content: Content, *, by_locale: bool
    ) -> None:
        def file(path: str, escaping: Escaping) -> Variants[Template] | None:
            if not path:
                return None
            others = variants_of(folder, path) if by_locale else {}
            variants = {tag: workshop.file(other, escaping) for tag, other in others.items()}
            return Variants(workshop.file(path, escaping), variants)

        # Markdown stands in for what is not written: its own text, and the HTML made from it.
        self._text = file(content.text or content.markdown, "none")
        self._html = file(content.html, "html") or file(content.markdown, "markdown")
        self._calendar = file(content.calendar, "calendar")
        self._encoders = [
            TextEncoder(partial(refuse_leftover, what=what))
            for what in ("the text", "the HTML", "the calendar")
        ]
        self._changes: list[Change] = []
        if self._html and not content.html:
            self._changes.append(markdown_page())
        if self._html and content.inline_css:
            self._changes.append(style_inliner())
        fixed = [fixed_file(folder, path) for path in content.attachments if is_constant(path)]
        self._personal = [
            PersonalFiles(workshop, folder, path)
            for path in content.attachments
            if not is_constant(path)
        ]
        self._skeleton = Skeleton(self._layout(_images(folder, content.inline), fixed))
        self.shared = self._skeleton.shared

    def own_files(self, values: Row) -> list[OwnFile]:
        """The attachments of one recipient.  Raises RenderError."""
        return [file for source in self._personal for file in source.files(values)]

    def pieces(self, values: Row, files: list[OwnFile], locale: str, boundary: str) -> list[Piece]:
        """One body.  Raises RenderError; UnicodeEncodeError for a lone surrogate."""
        entities = [b"", b"", b"", b""]
        html: list[str] = []
        if self._html:
            html = _checked(self._html.pick(locale).chunks(values), "the HTML")
            for change in self._changes:
                html = _lines(change("".join(html)))
            entities[_HTML] = text_entity(b"text/html", self._encoders[_HTML], html)
        text = self._text.pick(locale).chunks(values) if self._text else _text_of(html)
        text = _checked(text, "the text")
        entities[_TEXT] = text_entity(b"text/plain", self._encoders[_TEXT], text)
        if self._calendar:
            event = "".join(_checked(self._calendar.pick(locale).chunks(values), "the calendar"))
            kind = f"text/calendar; method={method_of(event)}".encode()
            lines = _lines(folded(event))
            entities[_CALENDAR] = text_entity(kind, self._encoders[_CALENDAR], lines)
        entities[_PERSONAL] = delimited(boundary, [file.entity for file in files])
        return self._skeleton.fill(boundary, entities)

    def _layout(self, images: list[bytes], fixed: list[bytes]) -> Multipart | Hole:
        forms: list[Multipart | Hole] = [Hole(_TEXT)]
        if self._html and images:
            forms.append(Multipart("related", (Hole(_HTML), *images), '; type="text/html"'))
        elif self._html:
            forms.append(Hole(_HTML))
        if self._calendar:  # the last form is the one liked best (RFC 2046, 5.1.4)
            forms.append(Hole(_CALENDAR))
        layout = Multipart("alternative", tuple(forms)) if len(forms) > 1 else forms[0]
        if fixed or self._personal:
            more = Hole(_PERSONAL) if self._personal else None
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


def _images(folder: Path, inline: Mapping[str, str]) -> list[bytes]:
    images = []
    for name, path in inline.items():
        if not _CONTENT_ID.fullmatch(name):
            raise ConfigError(f"message.inline: {name!r} cannot be written as cid:")
        images.append(fixed_file(folder, path, content_id=name))
    return images


def _text_of(html: list[str]) -> list[str]:
    from campaign.rendering.plain import text_of_html  # lxml is loaded only where it is needed

    return _lines(text_of_html("".join(html)))
