"""What is in the HTML of a letter, for those who judge it.

In: HTML.  Out: its links, images, words, and what would run.  Touches: nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import NamedTuple

_SILENT = frozenset({"style", "script", "head", "title", "template"})
_ACTIVE = frozenset({"script", "iframe", "object", "embed", "form", "applet"})
_SCHEME = re.compile(r"[\s\x00-\x1f]*([a-z][a-z0-9+.-]*)\s*:", re.IGNORECASE)


class Link(NamedTuple):
    """An `<a href>`."""

    text: str
    target: str

    @property
    def scheme(self) -> str:
        """ "https", "mailto", ...; browsers pass over blanks and controls before and in it."""
        bare = re.sub(r"[\t\r\n]", "", self.target)
        found = _SCHEME.match(bare)
        return found[1].lower() if found else ""


class Image(NamedTuple):
    """An `<img>`."""

    source: str
    alt: str | None  # None: it has none; "" says it is decoration
    is_pixel: bool  # 1 by 1: it counts, it shows nothing


@dataclass(frozen=True)
class Markup:
    """One letter's HTML."""

    text: str
    links: tuple[Link, ...]
    images: tuple[Image, ...]
    active: tuple[str, ...]  # tags and attributes that would run


def read_markup(html: str) -> Markup:
    """Read it as forgivingly as a mail program does."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return Markup(
        " ".join("".join(reader.words).split()),
        tuple(reader.links),
        tuple(reader.images),
        tuple(dict.fromkeys(reader.active)),
    )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.links: list[Link] = []
        self.images: list[Image] = []
        self.active: list[str] = []
        self._silent = 0
        self._target: str | None = None
        self._link_words: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag in _ACTIVE:
            self.active.append(f"<{tag}>")
        self.active += [name for name in given if name.startswith("on")]
        if tag in _SILENT:
            self._silent += 1
        elif tag == "a" and "href" in given:
            self._end_link()
            self._target = given["href"].strip()
        elif tag == "img":
            self._image(given)
        elif tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.active.append("meta refresh")
        self.words.append(" ")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag in _SILENT:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and self._silent:
            self._silent -= 1
        elif tag == "a":
            self._end_link()
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        self.words.append(data)
        if self._target is not None:
            self._link_words.append(data)

    def close(self) -> None:
        super().close()
        self._end_link()

    def _image(self, given: dict[str, str]) -> None:
        alt = given.get("alt")
        is_pixel = given.get("width") in ("0", "1") and given.get("height") in ("0", "1")
        self.images.append(Image(given.get("src", "").strip(), alt, is_pixel))
        if alt and self._target is not None:
            self._link_words.append(alt)

    def _end_link(self) -> None:
        if self._target is not None:
            self.links.append(Link(" ".join("".join(self._link_words).split()), self._target))
        self._target, self._link_words = None, []
