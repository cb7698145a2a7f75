"""MIME entities and the skeleton that holds them.

In: text, file contents.  Out: bytes of entities and of whole bodies.  Touches: nothing.

All bodies are 7-bit (quoted-printable, base64 or short ASCII lines), so no server needs 8BITMIME.
What is the same for everybody is encoded once; a message is a list of pieces that is joined.
"""

from __future__ import annotations

from binascii import b2a_base64, b2a_qp
from collections.abc import Sequence
from functools import lru_cache
from mimetypes import MimeTypes
from typing import NamedTuple

from campaign.rendering.draft import Piece
from campaign.rendering.headers import LINE, parameter, verify

# Bytes that stand for themselves in quoted-printable (RFC 2045, 6.7).
_QP_PLAIN = bytes(set(range(33, 127)) - {ord("=")}) + b" \t\n"
_ASCII_TEXT = bytes(range(32, 127)) + b"\t\n"
_QP_LINE = 75  # characters before the soft line break
_B64_LINE = 76
_SHARED_BYTES = 8000  # what is larger is worth keeping apart
_KEPT_LINE = 1000  # bytes; longer ones are not worth their memory
# The table of the library only, not the machine's: the same file is the same type everywhere.
_TYPES = MimeTypes(filenames=())


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


def text_entity(content_type: bytes, text: str) -> bytes:
    """A text part; `content_type` is "text/plain" and so on, charset and encoding are added."""
    encoding, body = encoded_text(text)
    return b"Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n%s" % (
        content_type,
        encoding,
        body,
    )


def encoded_text(text: str) -> tuple[bytes, bytes]:
    """Content-Transfer-Encoding and body, which is canonical CRLF without bare CR or LF.

    The shorter of quoted-printable and base64 is judged by counting; plain ASCII in short lines
    goes as it is.  Raises UnicodeEncodeError for a lone surrogate.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    data = text.encode()
    if text.isascii() and _is_short_ascii(data):
        return b"7bit", data.replace(b"\n", b"\r\n")
    escaped = len(data.translate(None, _QP_PLAIN))
    quoted_size = (len(data) + 2 * escaped) * (_QP_LINE + 3) // _QP_LINE
    base64_size = (len(data) + 2) // 3 * 4 * (_B64_LINE + 2) // _B64_LINE
    if quoted_size <= base64_size:
        lines = data.split(b"\n")
        return b"quoted-printable", b"\r\n".join(
            [_qp_line(line) if len(line) < _KEPT_LINE else _qp(line) for line in lines]
        )
    return b"base64", base64_lines(data.replace(b"\n", b"\r\n"))


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 76 (RFC 2045, 6.8), without a line end after the last."""
    text = b2a_base64(data, newline=False)
    return b"\r\n".join([text[at : at + _B64_LINE] for at in range(0, len(text), _B64_LINE)])


def file_entity(content: bytes, name: str, *, content_id: str = "") -> bytes:
    """An attachment, or with a Content-ID an inline image.  Raises RenderError for a bad name."""
    media = media_type(name)
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
    found, packed = _TYPES.guess_type(name, strict=False)
    if not found or packed or found.startswith(("message/", "multipart/")):
        return "application/octet-stream"
    return found


def _qp(line: bytes) -> bytes:
    return b2a_qp(line, istext=True).replace(b"\n", b"\r\n")


# Most lines of a letter are the same for everybody; finding one again costs a third of making it.
_qp_line = lru_cache(maxsize=2048)(_qp)


def _is_short_ascii(data: bytes) -> bool:
    """Nothing but printable ASCII, in lines of at most 78 without blanks at their ends."""
    return (
        not data.translate(None, _ASCII_TEXT)
        and b" \n" not in data
        and b"\t\n" not in data
        and data[-1:] not in (b" ", b"\t")
        and max(map(len, data.split(b"\n"))) <= LINE
    )
