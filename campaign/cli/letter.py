"""A finished letter taken apart again, to be looked at.

In: RFC 5322 bytes.  Out: headers, bodies and parts as a reader's mail program sees them.
Touches: nothing.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


@dataclass(frozen=True)
class Part:
    """One leaf of the MIME tree."""

    type: str  # "image/png"
    size_bytes: int  # decoded
    name: str  # file name; "" where there is none
    content_id: str  # without angle brackets; "" where there is none


@dataclass(frozen=True)
class LetterView:
    """What there is to see."""

    headers: tuple[tuple[str, str], ...]  # decoded, in the order of the letter
    text: str
    html: str  # images shown inline are data: URLs in it
    parts: tuple[Part, ...]
    size_bytes: int

    def header(self, name: str) -> str:
        """The first header of that name; "" where there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


def take_apart(letter: bytes) -> LetterView:
    """Parse with the standard library, which had no part in making the letter."""
    message = message_from_bytes(letter, policy=default)
    leaves = [part for part in message.walk() if not part.is_multipart()]
    contents = [_content(part) for part in leaves]
    parts = tuple(
        Part(
            part.get_content_type(),
            len(content),
            part.get_filename() or "",
            str(part.get("Content-ID", "")).strip("<> "),
        )
        for part, content in zip(leaves, contents, strict=True)
    )
    images = {
        part.content_id: f"data:{part.type};base64,{base64.b64encode(content).decode('ascii')}"
        for part, content in zip(parts, contents, strict=True)
        if part.content_id
    }
    html = _body(message, "html")
    for content_id, url in images.items():
        html = html.replace(f"cid:{content_id}", url)
    return LetterView(
        headers=tuple((name, str(value)) for name, value in message.items()),
        text=_body(message, "plain"),
        html=html,
        parts=parts,
        size_bytes=len(letter),
    )


def _content(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _body(message: EmailMessage, kind: str) -> str:
    body = message.get_body(preferencelist=(kind,))
    return str(body.get_content()) if body is not None else ""
