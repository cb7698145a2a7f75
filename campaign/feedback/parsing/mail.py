"""A mail taken apart within bounds, whoever wrote it and however badly.

In: its bytes.  Out: `Mail`: header fields and pieces, decoded.  Touches: nothing; never raises.

The parser of the standard library builds a tree of all parts, and recurses for each level: 10,000
parts or a header without end cost it minutes.  What is read here is bounded instead: the first
mebibyte, 400 fields, 60 pieces, 6 levels.  What a bounce says stands at its beginning.
"""

from __future__ import annotations

import binascii
import codecs
import quopri
import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from html import unescape
from typing import NamedTuple

LOOKED_AT = 1 << 20  # bytes of a mail
_HEADER_BYTES = 128 * 1024
_FIELDS = 400
_VALUE = 4_000  # characters of one field; a References header may be long
_PIECES = 60
_LEVELS = 6
_TEXT = 64 * 1024  # characters of one piece

_NAME = re.compile(r"[!-9;-~]{1,100}[ \t]*\Z")
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,200})"|([^;\s"]{1,200}))', re.IGNORECASE)
_CHARSET = re.compile(r'charset\s*=\s*"?([A-Za-z0-9._:-]{1,40})', re.IGNORECASE)
# Codecs such as punycode take quadratic time; those that mail is written in do not.
_CODECS = re.compile(
    r"utf|us-|ascii|iso|windows|cp\d|koi|gb|big5|euc|shift|sjis|latin|mac|tis|hz|ks_?c", re.ASCII
)
_TAG = re.compile(r"<[^<>]{0,2000}>")
_HIDDEN = re.compile(r"<(style|script|head)\b", re.IGNORECASE)
_LINE_TAG = re.compile(r"<(br|/?p|/?div|/?tr|/?li|/?h\d)\b[^<>]{0,500}>", re.IGNORECASE)


class Fields:
    """Header fields in their order, unfolded; names in small letters."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def __len__(self) -> int:
        return len(self._fields)

    def get(self, name: str) -> str:
        """The first of that name, "" without one."""
        return next((value for known, value in self._fields if known == name), "")

    def all(self, *names: str) -> list[str]:
        return [value for known, value in self._fields if known in names]

    def has(self, name: str) -> bool:
        return any(known == name for known, _ in self._fields)


class Piece(NamedTuple):
    """One leaf of a mail, or the text of a mail inside it.

    kind: "text/plain", "message/delivery-status" ...
    inside: how many mails it stands in; 0 is the mail itself
    """

    kind: str
    fields: Fields
    text: str
    inside: int


class Mail(NamedTuple):
    """What was read of it.

    plain: the first `LOOKED_AT` bytes as text with "\\n" at line ends, undecoded
    """

    fields: Fields
    kind: str  # content type without parameters
    parameters: str  # of the content type
    pieces: tuple[Piece, ...]
    plain: str

    def texts(self, *kinds: str, inside: int = 0) -> Iterator[str]:
        """Of the pieces of these kinds that stand in no more mails than that."""
        for piece in self.pieces:
            if piece.kind in kinds and piece.inside <= inside:
                yield piece.text


def read_mail(raw: bytes) -> Mail:
    """Whatever the bytes are; of what is not a mail there are no fields."""
    plain = raw[:LOOKED_AT].replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("latin-1")
    fields, body = split(plain.lstrip("\n"))
    kind, parameters = _content_type(fields)
    pieces: list[Piece] = []
    _take_apart(kind, parameters, fields, body, 0, 0, pieces)
    return Mail(fields, kind, parameters, tuple(pieces), plain)


def split(text: str) -> tuple[Fields, str]:
    """Header fields, and what follows the first empty line."""
    head, _, body = text.partition("\n\n")
    if len(head) > _HEADER_BYTES:
        head = head[:_HEADER_BYTES]
    fields: list[tuple[str, str]] = []
    for number, line in enumerate(head.split("\n")):
        if line[:1] in (" ", "\t") and fields:
            name, value = fields[-1]
            if len(value) < _VALUE:
                fields[-1] = (name, f"{value} {line.strip()}"[:_VALUE])
            continue
        name, colon, value = line.partition(":")
        if not colon or not _NAME.match(name):
            if number == 0 and line.startswith(("From ", ">From ")):  # of an mbox
                continue
            if not fields:
                return Fields([]), text
            continue
        if len(fields) == _FIELDS:
            break
        fields.append((name.strip().lower(), value.strip()[:_VALUE]))
    return Fields(fields), body


def decoded_words(value: str) -> str:
    """A header value with its encoded words (RFC 2047) read; as it is where that fails."""
    if "=?" not in value:
        return utf8(value)
    try:
        parts = decode_header(value[:2000])
        return "".join(
            part if isinstance(part, str) else in_charset(part, charset or "")
            for part, charset in parts
        )
    except (HeaderParseError, ValueError, binascii.Error):
        return value


def utf8(text: str) -> str:
    """Text read as latin-1, as the UTF-8 that it may be."""
    if text.isascii():
        return text
    raw = text.encode("latin-1", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace") if _looks_chinese(raw) else text


def in_charset(raw: bytes, charset: str) -> str:
    """Bytes as text, whatever the charset is called."""
    name = charset.lower().strip()
    if name in ("gb2312", "gbk", "x-gbk"):
        name = "gb18030"
    if _CODECS.match(name):
        try:
            codecs.lookup(name)
            return raw.decode(name, "replace")
        except (LookupError, ValueError):
            pass
    return utf8(raw.decode("latin-1"))


def _looks_chinese(raw: bytes) -> bool:
    """Most bytes above ASCII stand in pairs, as GB2312 has them."""
    high = sum(byte >= 0xB0 for byte in raw[:2000])
    return high > 0.2 * len(raw[:2000])


def _content_type(fields: Fields) -> tuple[str, str]:
    value = fields.get("content-type")
    kind, _, parameters = value.partition(";")
    kind = kind.strip().lower()
    return (kind if "/" in kind else "text/plain"), parameters


def _take_apart(
    kind: str, parameters: str, fields: Fields, body: str, inside: int, level: int,
    pieces: list[Piece],
) -> None:  # fmt: skip
    if len(pieces) >= _PIECES:
        return
    if kind.startswith("multipart/") and level < _LEVELS:
        found = _BOUNDARY.search(parameters)
        if found:
            for part in _parts(body, found[1] or found[2]):
                part_fields, part_body = split(part) if not part.startswith("\n") else (
                    Fields([]), part[1:])  # fmt: skip
                part_kind, part_parameters = _content_type(part_fields)
                _take_apart(
                    part_kind, part_parameters, part_fields, part_body, inside, level + 1, pieces
                )
            return
    if kind in ("message/rfc822", "message/global") and level < _LEVELS:
        text = _transfer_decoded(fields, body)
        pieces.append(Piece(kind, fields, text[:_TEXT], inside))
        inner, inner_body = split(text.lstrip("\n"))
        inner_kind, inner_parameters = _content_type(inner)
        _take_apart(inner_kind, inner_parameters, inner, inner_body, inside + 1, level + 1, pieces)
        return
    text = _decoded(kind, parameters, fields, body[: 2 * _TEXT])[:_TEXT]
    pieces.append(Piece(kind, fields, text, inside))


def _parts(body: str, boundary: str) -> Iterator[str]:
    """Between the delimiter lines (RFC 2046, 5.1.1); the last may lack its end."""
    mark = "\n--" + boundary
    text = "\n" + body
    at = text.find(mark)
    for _ in range(_PIECES):
        if at < 0:
            return
        start = text.find("\n", at + len(mark))
        if start < 0 or text.startswith("--", at + len(mark)):
            return
        following = text.find(mark, start)
        yield text[start + 1 : following if following >= 0 else len(text)]
        at = following


def _transfer_decoded(fields: Fields, body: str) -> str:
    raw = _bytes_of(fields, body[: 2 * _TEXT])
    return raw.decode("latin-1")


def _bytes_of(fields: Fields, body: str) -> bytes:
    encoding = fields.get("content-transfer-encoding").strip().lower()
    raw = body.encode("latin-1", "replace")
    try:
        if encoding == "base64":
            clean = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
            clean = clean[: len(clean) - (len(clean) % 4 == 1)]
            return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
        if encoding == "quoted-printable":
            return quopri.decodestring(raw)
    except (binascii.Error, ValueError):
        pass
    return raw


def _decoded(kind: str, parameters: str, fields: Fields, body: str) -> str:
    found = _CHARSET.search(parameters)
    text = in_charset(_bytes_of(fields, body), found[1] if found else "")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return without_tags(text) if kind == "text/html" else text


def without_tags(html: str) -> str:
    """What a person reads of it, roughly; lines where the page has them."""
    text = _without_hidden(html)
    text = _TAG.sub(" ", _LINE_TAG.sub("\n", text))
    return re.sub(r"[ \t\xa0]+", " ", unescape(text))


def _without_hidden(html: str) -> str:
    """Without styles and scripts; a pattern would look for the end of each anew."""
    low, kept, at = html.lower(), "", 0
    while found := _HIDDEN.search(low, at):
        kept += html[at : found.start()]
        end = low.find(f"</{found[1]}", found.end())
        if end < 0:
            return kept
        at = end
    return kept + html[at:]
