"""A finished letter taken apart again, as a reader's mail program sees it.

In: RFC 5322 bytes, ours or anybody's.  Out: headers, bodies and parts.  Touches: nothing.

The standard library parses it, which had no part in making it.  Nothing that arrives may end in
an error here: a broken part is shown as far as it can be read.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import NamedTuple

_CID = re.compile(r"cid:([^\"'\s)>]+)", re.IGNORECASE)
# A link element can make the browser open connections that no policy forbids (preconnect), and a
# refresh, though the sandbox keeps it from leaving, puts an error in the letter's place.  What
# other meta elements say (charset, viewport) is said by our answer.
_DOCTYPE = re.compile(r"\s*<!doctype", re.IGNORECASE)
_REACHES_OUT = re.compile(r"<(link|base|meta)(?=[\s/>])", re.IGNORECASE)
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_TURNED = (
    "<style>:root{background:#fff;filter:invert(1) hue-rotate(180deg)}"
    "img,video{filter:invert(1) hue-rotate(180deg)}</style>"
)


class Header(NamedTuple):
    """One field."""

    name: str
    value: str  # decoded
    raw: str  # as on the wire, folded lines kept


class Part(NamedTuple):
    """One leaf of the MIME tree."""

    type: str  # "image/png"
    name: str  # file name; "" where there is none
    content_id: str  # without angle brackets; "" where there is none
    content: bytes  # decoded

    @property
    def is_attachment(self) -> bool:
        return bool(self.name) or not self.type.startswith("text/")


@dataclass(frozen=True)
class Opened:
    """What there is to see."""

    source: bytes
    headers: tuple[Header, ...]
    text: str
    html: str
    parts: tuple[Part, ...]

    def header(self, name: str) -> str:
        """The first header of that name, decoded; "" where there is none."""
        wanted = name.lower()
        return next((field.value for field in self.headers if field.name.lower() == wanted), "")

    @property
    def subject(self) -> str:
        return self.header("Subject")

    @property
    def size_bytes(self) -> int:
        return len(self.source)

    @property
    def has_dark_style(self) -> bool:
        """The letter itself says how it looks in the dark."""
        return any(found.lower() == "dark" for found in _SCHEME.findall(self.html))


def take_apart(source: bytes) -> Opened:
    """Parse a message."""
    message = message_from_bytes(source, policy=default)
    leaves = [part for part in message.walk() if not part.is_multipart()]
    return Opened(
        source=source,
        headers=tuple(
            Header(name, _value(message, at), raw)
            for at, (name, raw) in enumerate(_raw_headers(source))
        ),
        text=_body(leaves, "text/plain"),
        html=_body(leaves, "text/html"),
        parts=tuple(_part(leaf) for leaf in leaves),
    )


def framed(letter: Opened, *, images: bool, dark: bool) -> str:
    """The HTML as it goes into the sandboxed frame: pictures that travel along stand in it as
    data: URLs; for a reader who blocks pictures they stay where nobody finds them, and their alt
    text shows.

    `dark`: the way many readers darken a letter without a dark style of its own is to turn its
    colours around.
    """
    own = {part.content_id: part for part in letter.parts if part.content_id}

    def picture(found: re.Match[str]) -> str:
        part = own.get(found[1])
        if part is None or not images:
            return found[0]
        return f"data:{part.type};base64,{base64.b64encode(part.content).decode('ascii')}"

    def asked_scheme(found: re.Match[str]) -> str:
        """Conditions that always or never hold: the reader's colours, not this browser's."""
        return "(min-width: 0)" if (found[1].lower() == "dark") == dark else "(max-width: 0)"

    html = _REACHES_OUT.sub(r"<blocked-\1", letter.html)
    html = _SCHEME.sub(asked_scheme, _CID.sub(picture, html))
    scheme = "dark" if dark and letter.has_dark_style else "light"
    before = "" if _DOCTYPE.match(html) else f'<meta name="color-scheme" content="{scheme}">'
    return before + html + (_TURNED if dark and not letter.has_dark_style else "")


def _raw_headers(source: bytes) -> list[tuple[str, str]]:
    """Name and folded value of every field, as they stand."""
    head = re.split(rb"\r?\n\r?\n", source, maxsplit=1)[0]
    text = head.decode("utf-8", "replace").replace("\r\n", "\n")
    fields = re.split(r"\n(?![ \t])", text)
    pairs = (field.partition(":") for field in fields if ":" in field)
    return [(name, value.removeprefix(" ")) for name, _, value in pairs]


def _value(message: EmailMessage, at: int) -> str:
    """A field decoded; as it stands where the parser disagrees on what a field is."""
    values = message.items()
    if at >= len(values):
        return ""
    return re.sub(r"\s*\n\s*", " ", str(values[at][1])).strip()


def _part(leaf: EmailMessage) -> Part:
    content_id = str(leaf.get("Content-ID", "")).strip("<> ")
    return Part(leaf.get_content_type(), leaf.get_filename() or "", content_id, _content(leaf))


def _content(leaf: EmailMessage) -> bytes:
    content = leaf.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _body(leaves: list[EmailMessage], kind: str) -> str:
    """The first part of that kind which is not a file."""
    for leaf in leaves:
        if leaf.get_content_type() == kind and leaf.get_content_disposition() != "attachment":
            charset = leaf.get_content_charset() or "utf-8"
            try:
                return _content(leaf).decode(charset, "replace").replace("\r\n", "\n")
            except LookupError:
                return _content(leaf).decode("latin-1").replace("\r\n", "\n")
    return ""
