"""MIME entities and the skeleton that holds them.

In: text, file contents.  Out: bytes of entities and of whole bodies.  Touches: nothing.

All bodies are 7-bit (quoted-printable, base64 or short ASCII lines), so no server needs 8BITMIME.
What is the same for everybody is encoded once; a message is a list of pieces that is joined.
No line of a body begins with a dot, so that SMTP has nothing to stuff (RFC 5321, 4.5.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from mimetypes import MimeTypes
from typing import NamedTuple

from campaign.rendering.draft import Piece
from campaign.rendering.mime.headers import is_plain_parameter, old_parameter, parameter, verify
from campaign.rendering.mime.transfer import TextEncoder, base64_lines

_CHARSET = b"; charset=utf-8\r\nContent-Transfer-Encoding: "
_SHARED_BYTES = 8000  # what is larger is worth keeping apart
_OOXML = "application/vnd.openxmlformats-officedocument"  # ECMA-376
_ODF = "application/vnd.oasis.opendocument"
_MEDIA = {
    ".docx": f"{_OOXML}.wordprocessingml.document",
    ".dotx": f"{_OOXML}.wordprocessingml.template",
    ".xlsx": f"{_OOXML}.spreadsheetml.sheet",
    ".xltx": f"{_OOXML}.spreadsheetml.template",
    ".pptx": f"{_OOXML}.presentationml.presentation",
    ".potx": f"{_OOXML}.presentationml.template",
    ".ppsx": f"{_OOXML}.presentationml.slideshow",
    ".docm": "application/vnd.ms-word.document.macroEnabled.12",
    ".xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
    ".xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    ".pptm": "application/vnd.ms-powerpoint.presentation.macroEnabled.12",
    ".doc": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
    ".odt": f"{_ODF}.text",
    ".ods": f"{_ODF}.spreadsheet",
    ".odp": f"{_ODF}.presentation",
    ".epub": "application/epub+zip",
    ".pkpass": "application/vnd.apple.pkpass",
    ".ics": "text/calendar",  # RFC 5545, 8.1
    ".vcf": "text/vcard",  # RFC 6350, 10.1
    ".md": "text/markdown",  # RFC 7763
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
}


class Hole(NamedTuple):
    """A place in the layout that each message fills with an entity of its own."""

    slot: int


class Multipart(NamedTuple):
    """A level of the layout."""

    subtype: str
    children: tuple[Multipart | Hole | bytes, ...]
    parameters: str = ""
    more: Hole | None = None  # at the top level only: any number of children, by `delimited`


class Skeleton:
    """The bytes of a layout, with places for the boundary and for what differs.

    Filled, it begins with the MIME header fields of the message and its blank line.  Large
    constants are not in it: they stand in `shared`, and their numbers among the pieces.
    """

    def __init__(self, layout: Multipart | Hole) -> None:
        self.shared: list[bytes] = []
        self._pieces: list[Piece] = []
        self._boundaries: list[int] = []
        self._holes: list[tuple[int, int]] = []
        self._levels = 0
        self._add(layout)

    def fill(self, boundary: str, entities: Sequence[bytes]) -> list[Piece]:
        """The pieces of one body; `entities[n]` goes where `Hole(n)` stood."""
        pieces = self._pieces.copy()
        mark = boundary.encode()
        for index in self._boundaries:
            pieces[index] = mark
        for index, slot in self._holes:
            pieces[index] = entities[slot]
        return pieces

    def _add(self, node: Multipart | Hole | bytes) -> None:
        if isinstance(node, bytes) and len(node) > _SHARED_BYTES:
            self._pieces.append(len(self.shared))
            self.shared.append(node)
        elif isinstance(node, bytes):
            self._constant(node)
        elif isinstance(node, Hole):
            self._holes.append((len(self._pieces), node.slot))
            self._pieces.append(b"")
        else:
            self._multipart(node)

    def _multipart(self, node: Multipart) -> None:
        # Levels end differently, and none is the beginning of another (RFC 2046, 5.1.1).
        level = b".%d" % self._levels
        self._levels += 1
        head = f'Content-Type: multipart/{node.subtype}{node.parameters};\r\n boundary="'
        self._constant(head.encode())
        self._mark(level + b'"\r\n\r\n')
        for child in node.children:
            self._constant(b"--")
            self._mark(level + b"\r\n")
            self._add(child)
            self._constant(b"\r\n")
        if node.more:
            self._add(node.more)
        self._constant(b"--")
        self._mark(level + b"--\r\n")

    def _mark(self, after: bytes) -> None:
        self._boundaries.append(len(self._pieces))
        self._pieces.append(b"")
        self._pieces.append(after)

    def _constant(self, data: bytes) -> None:
        last = self._pieces[-1] if self._pieces else b""
        if last and isinstance(last, bytes):
            self._pieces[-1] = last + data
        else:
            self._pieces.append(data)


def delimited(boundary: str, entities: Sequence[bytes]) -> bytes:
    """Further children of the top level, each with the delimiter before it."""
    mark = boundary.encode()
    return b"".join([b"--%s.0\r\n%s\r\n" % (mark, entity) for entity in entities])


def text_entity(content_type: bytes, encoder: TextEncoder, chunks: Sequence[str]) -> bytes:
    """A part of text; `content_type` is "text/plain" and so on, charset and encoding are added.

    Raises what the encoder raises.
    """
    encoding, body = encoder.encoded(chunks)
    fields = (b"Content-Type: ", content_type, _CHARSET, encoding, b"\r\n\r\n", body)
    return b"".join(fields)  # half the time of `%`


def file_entity(content: bytes, name: str, *, content_id: str = "") -> bytes:
    """An attachment, or with a Content-ID an inline image.  Raises RenderError for a bad name."""
    media = media_type(name)
    if media.startswith("text/") and _is_utf8(content):
        media += "; charset=utf-8"  # without it a reader takes US-ASCII (RFC 2046, 4.1.2)
    if not is_plain_parameter("filename", name):
        media += old_parameter("name", name)
    disposition = "inline" if content_id else "attachment"
    fields = [
        f"Content-Type: {media}\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        f"Content-Disposition: {disposition}{parameter('filename', name)}\r\n",
    ]
    names = [b"Content-Type", b"Content-Transfer-Encoding", b"Content-Disposition"]
    if content_id:
        fields.append(f"Content-ID: <{content_id}>\r\n")
        names.append(b"Content-ID")
    head = "".join(fields).encode()
    verify(head, names)
    return b"%s\r\n%s" % (head, base64_lines(content))


def media_type(name: str) -> str:
    """By the end of the name; what may not be base64 (RFC 2046, 5.2.1) is called octet-stream."""
    found, packed = media_types().guess_type(name, strict=False)
    if not found or packed or found.startswith(("message/", "multipart/")):
        return "application/octet-stream"
    return found


@cache
def media_types() -> MimeTypes:
    """The table of the library only, not the machine's: the same file is the same type everywhere.

    It is filled when it is first asked, since few letters have a file.  Python's library reads the
    machine's tables then all the same: whoever is going to be confined asks before.
    """
    types = MimeTypes(filenames=())
    for end, media in _MEDIA.items():
        types.add_type(media, end)
    return types


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
