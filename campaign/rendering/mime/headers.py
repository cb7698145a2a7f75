"""Header fields, written so that no value can become anything but itself.

In: field names from the config, values made from rows.  Out: the bytes of folded fields, each
ending in CRLF.  Touches: nothing.

The standard library's writer is not used: it loses spaces when it folds (cpython gh-92081), lets
cells that look like encoded words through (CVE-2024-6923) and encodes long URLs (faults 51, 54).
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache
from time import gmtime
from urllib.parse import quote

from campaign.errors import RenderError

LINE = 78  # RFC 5322, 2.1.1: lines should not be longer
LONGEST = 998  # RFC 5322, 2.1.1: lines must not be longer
WORD_LINE = 76  # RFC 2047, 2: a line that holds an encoded-word
_WORD = 75  # RFC 2047, 2: an encoded-word
_FRAME = len("=?utf-8?q??=")
_ONE_CHARACTER = len("=F0=9F=98=80")  # the longest character in the Q encoding
NAME_MAX = WORD_LINE - 2 - _FRAME - _ONE_CHARACTER  # leaves room for one character behind it
VALUE_MAX = 10_000  # characters; a tenth of what Postfix takes as a whole header (102,400 bytes)

# Control characters, line and paragraph separators, lone surrogates, and the bidi embeddings,
# overrides and isolates that can make a subject read as another one.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")  # narrower than ftext (RFC 5322, 3.6.8), on purpose
_TOKENS = re.compile(r" *[^ ]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN_PARAMETER = re.compile(r"(?!.*=\?)[ !#-\[\]-~]*")
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\U0010ffff-]+@(?:[A-Za-z0-9.-]+|\[[0-9A-Za-z.:]+\])"
)

# RFC 2047, 5 (3): what may stand for itself in an encoded-word everywhere, phrases included.
_Q_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"
_Q_BYTE = [chr(byte) if byte in _Q_PLAIN else f"={byte:02X}" for byte in range(256)]
_Q_BYTE[0x20] = "_"
_CONTINUES = frozenset("89AB")  # first digit of a UTF-8 continuation byte, 0x80 to 0xBF

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun",
           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # fmt: skip


class ForbiddenCharacterError(RenderError):
    """A value holds a character that may not stand in a header."""

    def __init__(self, field: str, char: str) -> None:
        super().__init__(f"{field} holds U+{ord(char):04X}, which no header may")
        self.char = char


def text_field(name: str, value: str) -> bytes:
    """An unstructured field (RFC 5322, 2.2.1): Subject and the like.

    What is not plain ASCII, or looks like an encoded-word, is encoded as a whole.
    Raises RenderError.
    """
    value = checked(name, value)
    if value.isascii() and "=?" not in value:
        if len(name) + 2 + len(value) <= LINE:
            return f"{name}: {value}\r\n".encode()
        folded = _folded(name, value)
        if folded is not None:
            return folded
    words = encoded_words(value, WORD_LINE - len(name) - 2)
    return f"{name}: {_joined(words)}\r\n".encode()


def token_field(name: str, items: Sequence[str]) -> bytes:
    """A structured field of comma-separated ASCII items, folded only between them: never encoded.

    Raises RenderError for items that are not ASCII, hold a space or are too long for a line.
    """
    text = ", ".join(items)
    if len(name) + 2 + len(text) > LINE:
        text = ",\r\n ".join(items)
    line = f"{name}: {text}\r\n"
    for item in items:
        if not item.isascii() or not item.isprintable() or " " in item:
            raise RenderError(f"{name} must be ASCII without spaces, not {item[:60]!r}")
        if len(name) + 3 + len(item) > LONGEST:
            raise RenderError(f"{name} has an item of {len(item)} characters, too long for a line")
    return line.encode()


def mailbox_field(name: str, display: str, address: str) -> bytes:
    """A field of one mailbox (RFC 5322, 3.4): From, To, Reply-To.

    `address` is an addr-spec with an A-label domain; a local part that is not ASCII is written
    as UTF-8 (RFC 6532).  Raises RenderError.
    """
    text = mailbox_text(name, display, address, len(name) + 2)
    return f"{name}: {text}\r\n".encode()


def mailbox_text(field: str, display: str, address: str, at: int) -> str:
    """A name-addr or a bare address (RFC 5322, 3.4), folded; `at` is the column it begins in.

    Raises RenderError.
    """
    display = checked(field, display)
    if (
        not _ADDRESS.fullmatch(address)
        or "=?" in address
        or (not address.isascii() and _FORBIDDEN.search(address))
    ):
        raise RenderError(f"{field} cannot carry the address {address[:80]!r}")
    return phrase_text(display, f"<{address}>", at) if display else address


def phrase_text(display: str, angle: str, at: int) -> str:
    """A phrase (RFC 5322, 3.2.5) and what stands in angle brackets behind it, folded.

    Two blanks in a row are kept, in quotes or in an encoded-word.
    """
    if display.isascii() and "=?" not in display:
        phrase = display if _ATOMS.fullmatch(display) else _quoted(display)
        if at + len(phrase) <= LINE:
            space = " " if at + len(phrase) + len(angle) + 1 <= LINE else "\r\n "
            return f"{phrase}{space}{angle}"
    words = encoded_words(display, WORD_LINE - at)
    last = len(words[-1]) + (at if len(words) == 1 else 1)
    space = " " if last + len(angle) + 1 <= WORD_LINE else "\r\n "
    return f"{_joined(words)}{space}{angle}"


def checked(field: str, value: str) -> str:
    """The value without blanks around it; raises RenderError if it may not stand in a header."""
    value = value.strip(" \t\r\n")
    if len(value) > VALUE_MAX:
        raise RenderError(f"{field} has {len(value)} characters, more than {VALUE_MAX}")
    if not value.isprintable():
        found = _FORBIDDEN.search(value)
        if found:
            raise ForbiddenCharacterError(field, found[0])
    return value


def field_name(name: str) -> str:
    """A name from the config; raises RenderError if it cannot be the name of a field."""
    if not _NAME.fullmatch(name) or len(name) > NAME_MAX:
        raise RenderError(
            f"{name!r} is not a header name: letters, digits and '-', at most {NAME_MAX}"
        )
    return name


def encoded_words(text: str, first: int = _WORD) -> list[str]:
    """Text as encoded-words (RFC 2047), Q or B, whichever is shorter, never splitting a character.

    `first` is the length the first one may have, at most 75; it must hold one character.
    """
    data = text.encode()
    plain = len(data) - len(data.translate(None, _Q_PLAIN + b" "))
    if plain + 3 * (len(data) - plain) > (len(data) + 2) // 3 * 4:
        words = _b_words(data, (min(first, _WORD) - _FRAME) // 4 * 3)
        if words:
            return words
    quoted = _Q_BYTE
    return _q_words("".join([quoted[byte] for byte in data]), min(first, _WORD) - _FRAME)


def is_plain_parameter(name: str, value: str) -> bool:
    """The value can stand in a short quoted-string that every reader understands."""
    return bool(_PLAIN_PARAMETER.fullmatch(value)) and len(name) + len(value) + 5 <= LINE


def old_parameter(name: str, value: str) -> str:
    """`; name="=?utf-8?b?...?="`: what readers that do not know RFC 2231 expect.

    RFC 2047, 5 forbids it and mail programs have written it ever since; it stands beside the
    parameter that follows RFC 2231, never alone.  Raises RenderError.
    """
    words = encoded_words(checked(name, value), WORD_LINE - len(f' {name}="";'))
    return f';\r\n {name}="{_joined(words)}"'


def parameter(name: str, value: str) -> str:
    """`; name="value"` on a line of its own, by RFC 2231 where it is long or not plain.

    Quotes and encoded-words count as not plain: readers differ about them.  Raises RenderError.
    """
    value = checked(name, value)
    if is_plain_parameter(name, value):
        return f';\r\n {name}="{value}"'
    full = quote(value, safe="!#$&+-.^_`|~")  # attribute-char, RFC 2231, 7
    one = f" {name}*=utf-8''{full}"
    if len(one) < LINE:
        return f";\r\n{one}"
    pieces = _cut(full, "%", LINE - len(f" {name}*0*=utf-8'';"), LINE - len(f" {name}*999*=;"))
    pieces[0] = f"utf-8''{pieces[0]}"
    lines = [f"{name}*{number}*={piece}" for number, piece in enumerate(pieces)]
    return ";\r\n " + ";\r\n ".join(lines)


def date_text(at_s: float) -> str:
    """Unix time as an RFC 5322 date in UTC."""
    t = gmtime(at_s)
    day, month = _DAYS[t.tm_wday], _MONTHS[t.tm_mon - 1]
    clock = f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}"
    return f"{day}, {t.tm_mday:02d} {month} {t.tm_year:04d} {clock} +0000"


def verify(block: bytes, names: Sequence[bytes]) -> None:
    """Read finished fields back: exactly these names in this order, no line without a name.

    The last gate before the wire (faults 51, 52).  Raises RenderError.
    """
    is_bare = block.count(b"\r") != block.count(b"\n")  # there is a CR that does not end a line
    if is_bare or not _block_of(tuple(names)).fullmatch(block):
        shown = ", ".join(name.decode() for name in names)
        raise RenderError(f"the header does not read back as {shown}: {block[:200]!r}")


@lru_cache(maxsize=256)
def _block_of(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Fields of these names, each perhaps folded, in lines that are not too long.

    A line is anything without LF: to leave CR out too would take four times as long.
    """
    field = rb"%s:.{0,%d}\r\n(?:[ \t].{0,%d}\r\n)*+"
    room = LONGEST - len(":")
    return re.compile(
        b"".join(field % (re.escape(name), room - len(name), LONGEST - 1) for name in names)
    )


def _folded(name: str, value: str) -> bytes | None:
    """ASCII folded at spaces, which stay as they are; None if a word is too long for a line."""
    lines: list[str] = []
    line = f"{name}:"
    for token in _TOKENS.findall(f" {value}"):
        if len(line) + len(token) > LINE and len(line) > len(name) + 1:
            lines.append(line)
            line = ""
        line += token
    lines.append(line)
    if max(map(len, lines)) > LONGEST:
        return None
    return ("\r\n".join(lines) + "\r\n").encode()


def _quoted(text: str) -> str:
    """A quoted-string (RFC 5322, 3.2.4)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else "\r\n ".join(words)


def _q_words(text: str, first: int) -> list[str]:
    if len(text) <= first:
        return [f"=?utf-8?q?{text}?="]
    return [f"=?utf-8?q?{piece}?=" for piece in _cut(text, "=", first, _WORD - _FRAME)]


def _b_words(data: bytes, first: int) -> list[str]:
    """Every word but the last holds whole triples of octets, so that `=` stands at the very end.

    GMime 3.2 joins neighbouring words before it decodes them and stops at the first `=`: notmuch
    and mu show the rest of such a subject to nobody (jstedfast/gmime#133).  [] where the text
    cannot be cut so.
    """
    words, start, room = [], 0, first
    while start < len(data):
        end = start + room
        while end < len(data) and (data[end] & 0xC0 == 0x80 or (end - start) % 3):
            end -= 1
        if end <= start:
            return []
        words.append(f"=?utf-8?b?{b2a_base64(data[start:end], newline=False).decode()}?=")
        start, room = end, (_WORD - _FRAME) // 4 * 3
    return words


def _cut(text: str, mark: str, first: int, other: int) -> list[str]:
    """Escaped UTF-8 (`=C3=A9` or `%C3%A9`) in pieces that end at a whole character."""
    pieces, start, room = [], 0, first
    while len(text) - start > room:
        end = start + room
        if text[end - 1] == mark:
            end -= 1
        elif text[end - 2] == mark:
            end -= 2
        while text[end] == mark and text[end + 1] in _CONTINUES:
            end -= 3
        pieces.append(text[start:end])
        start, room = end, other
    pieces.append(text[start:])
    return pieces
