"""Content-Transfer-Encoding: text as quoted-printable, base64 or plain ASCII lines (RFC 2045, 6).

In: text.  Out: the encoding's name and bytes.  Touches: nothing.

Most lines of a letter are the same for everybody, and are encoded once.
No line that is written here begins with a dot: SMTP would want it stuffed (RFC 5321, 4.5.2).
"""

from __future__ import annotations

from binascii import b2a_base64, b2a_qp
from collections.abc import Callable

from campaign.rendering.kept import Kept

_B64_LINE = 76
_B64_GROWTH = 4 / 3  # the least that base64 makes of a text
_KEPT_LINE = 1000  # bytes
_KEPT_LINES = 2000


class TextEncoder:
    """Encodes one text of a letter for recipient after recipient.

    `check` is shown every line in UTF-8, without its end, and raises for what may not be sent.
    """

    def __init__(self, check: Callable[[bytes], None]) -> None:
        self.lines = Kept(_quoted_by(check), shorter_than=_KEPT_LINE, most=_KEPT_LINES)

    def encoded(self, text: str) -> tuple[bytes, bytes]:
        """Content-Transfer-Encoding and body, which is canonical CRLF without bare CR or LF.

        The shorter of quoted-printable and base64; a text that is the same in quoted-printable
        goes as it is.  Raises UnicodeEncodeError for a lone surrogate, and what the check raises.
        """
        data = text.encode()
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        quoted = b"\r\n".join(map(self.lines.__getitem__, data.split(b"\n")))
        if b"=" not in quoted:
            return b"7bit", quoted
        if len(quoted) <= len(data) * _B64_GROWTH:  # spares making what is not shorter
            return b"quoted-printable", quoted
        lines = base64_lines(data.replace(b"\n", b"\r\n"))
        return (b"base64", lines) if len(lines) < len(quoted) else (b"quoted-printable", quoted)


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 76 (RFC 2045, 6.8), without a line end after the last."""
    text = b2a_base64(data, newline=False)
    return b"\r\n".join([text[at : at + _B64_LINE] for at in range(0, len(text), _B64_LINE)])


def _quoted_by(check: Callable[[bytes], None]) -> Callable[[bytes], bytes]:
    def quoted(line: bytes) -> bytes:
        check(line)
        return b"\r\n".join(map(_undotted, b2a_qp(line, istext=True).split(b"\n")))

    return quoted


def _undotted(line: bytes) -> bytes:
    """A line of quoted-printable whose first dot is escaped; it stays within 76 characters."""
    if line[:1] != b".":
        return line
    return b"=2E" + line[1:] if len(line) <= 74 else b"=2E=\r\n" + _undotted(line[1:])
