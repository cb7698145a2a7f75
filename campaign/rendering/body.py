"""The body of a letter: which parts it has, and the bytes of each for one row.

In: [message] of the config, the columns of a row.  Out: pieces of a MIME body, from the
Content-Type field on.  Touches: template and attachment files, for reading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from campaign.errors import ConfigError, RenderError
from campaign.rendering.attachments import PersonalFiles, fixed_file
from campaign.rendering.mime import Hole, Multipart, Skeleton, delimited, text_entity
from campaign.rendering.templates import Template, Workshop, is_constant

_CONTENT_ID = re.compile(r"[A-Za-z0-9._+@-]+")
_TEXT, _HTML, _PERSONAL = range(3)


class Parts(Protocol):
    """What of [message] makes up the body."""

    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str: ...
    @property
    def inline(self) -> Mapping[str, str]: ...
    @property
    def attachments(self) -> tuple[str, ...]: ...


class Body:
    """Only the levels that are needed: mixed(alternative(text, related(html, images)), files).

    Raises TemplateError or ConfigError when it is made.
    """

    def __init__(self, workshop: Workshop, folder: Path, parts: Parts) -> None:
        self._text = _file(workshop, parts.text, autoescape=False)
        self._html = _file(workshop, parts.html, autoescape=True)
        fixed = [fixed_file(folder, path) for path in parts.attachments if is_constant(path)]
        self._personal = [
            PersonalFiles(workshop, folder, path)
            for path in parts.attachments
            if not is_constant(path)
        ]
        self._skeleton = Skeleton(self._layout(_images(folder, parts.inline), fixed))

    def pieces(self, values: dict[str, Any], boundary: str) -> list[bytes]:
        """One body.  Raises RenderError; UnicodeEncodeError for a lone surrogate."""
        entities = [b"", b"", b""]
        html = ""
        if self._html:
            html = _checked(self._html.render(values), "the HTML")
            entities[_HTML] = text_entity(b"text/html", html)
        text = self._text.render(values) if self._text else _text_of(html)
        entities[_TEXT] = text_entity(b"text/plain", _checked(text, "the text"))
        files = [entity for source in self._personal for entity in source.entities(values)]
        entities[_PERSONAL] = delimited(boundary, files)
        return self._skeleton.fill(boundary, entities)

    def _layout(self, images: list[bytes], fixed: list[bytes]) -> Multipart | Hole:
        layout: Multipart | Hole = Hole(_TEXT)
        if self._html:
            html: Multipart | Hole = Hole(_HTML)
            if images:
                html = Multipart("related", (html, *images), '; type="text/html"')
            layout = Multipart("alternative", (layout, html))
        if fixed or self._personal:
            more = Hole(_PERSONAL) if self._personal else None
            layout = Multipart("mixed", (layout, *fixed), more=more)
        return layout


def refuse_leftover(text: str, what: str) -> None:
    """Raise RenderError if something that looks like a template came out (fault 57)."""
    at = text.find("{{")
    if at >= 0:
        raise RenderError(f"{what} still holds {text[at : at + 40]!r}")


def _checked(text: str, what: str) -> str:
    if not text or text.isspace():
        raise RenderError(f"{what} is empty")
    refuse_leftover(text, what)
    return text


def _file(workshop: Workshop, path: str, *, autoescape: bool) -> Template | None:
    return workshop.file(path, autoescape=autoescape) if path else None


def _images(folder: Path, inline: Mapping[str, str]) -> list[bytes]:
    images = []
    for name, path in inline.items():
        if not _CONTENT_ID.fullmatch(name):
            raise ConfigError(f"message.inline: {name!r} cannot be written as cid:")
        images.append(fixed_file(folder, path, content_id=name))
    return images


def _text_of(html: str) -> str:
    from campaign.rendering.plain import text_of_html  # lxml is loaded only where it is needed

    return text_of_html(html)
