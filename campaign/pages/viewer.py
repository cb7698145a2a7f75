"""The parts of a page that show one letter: its frame, its files, its source.

In: a letter.  Out: answers.  Touches: nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from campaign.pages.guard import LETTER_POLICY, LETTER_POLICY_WITHOUT_IMAGES
from campaign.pages.letter import Opened, framed

VIEWS = ("html", "text", "headers", "source", "files")


class Enclosed(NamedTuple):
    """One file in a letter, as the list of files shows it."""

    at: int  # index among the parts
    name: str
    type: str
    size_bytes: int
    is_shown: bool  # inside the HTML


def files_of(letter: Opened) -> list[Enclosed]:
    """Every part that is a file."""
    return [
        Enclosed(
            at,
            part.name or f"part-{at + 1}",
            part.type,
            len(part.content),
            bool(part.content_id),
        )
        for at, part in enumerate(letter.parts)
        if part.is_attachment
    ]


def frame(letter: Opened | None, request: Request) -> Response:
    """The HTML for the sandboxed frame, under its own policy; 404 without a letter."""
    if letter is None:
        return PlainTextResponse("", 404)
    images = request.query_params.get("images") != "0"
    html = framed(letter, images=images, dark=request.query_params.get("dark") == "1")
    policy = LETTER_POLICY if images else LETTER_POLICY_WITHOUT_IMAGES
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


def source(letter: Opened | None, name: str) -> Response:
    """The letter as a file."""
    if letter is None:
        return PlainTextResponse("", 404)
    return _download(letter.source, "message/rfc822", name)


def part(letter: Opened | None, at: int) -> Response:
    """One of its files."""
    if letter is None or at >= len(letter.parts):
        return PlainTextResponse("", 404)
    found = letter.parts[at]
    return _download(found.content, found.type, found.name or f"part-{at + 1}")


def _download(content: bytes, media_type: str, name: str) -> Response:
    """Saved, never shown: what a letter carries must not become a page of ours."""
    ascii_name = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    disposition = f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name)}"
    policy = "default-src 'none'; sandbox"
    return Response(
        content,
        media_type=media_type,
        headers={"Content-Disposition": disposition, "Content-Security-Policy": policy},
    )
