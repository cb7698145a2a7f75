"""Content-Transfer-Encoding: text as quoted-printable, base64 or plain ASCII lines (RFC 2045, 6).

In: text in chunks.  Out: the encoding's name and bytes.  Touches: nothing.

Most lines of a letter are the same for everybody, and are encoded once.
No line that is written here begins with a dot: SMTP would want it stuffed (RFC 5321, 4.5.2).
"""

from __future__ import annotations

from binascii import b2a_base64, b2a_qp
from collections.abc import Callable, Sequence

from campaign.rendering.memo import Memo

_B64_LINE = 76
_B64_GROWTH = 4 / 3  # the least that base64 makes of a text
_KEPT = 500_000  # characters of lines


class TextEncoder:
    """Encodes one text of a letter for recipient after recipient.

    `check` is shown every line, and raises for what may not be sent.
    """

    def __init__(self, check: Callable[[str], None]) -> None:
        self._quoted = _quoted_by(check)
        self.lines = Memo(self._quoted, most=_KEPT)  # only such as have an end

    def encoded(self, chunks: Sequence[str]) -> tuple[bytes, bytes]:
        """Content-Transfer-Encoding and body, which is canonical CRLF without bare CR or LF.

        The shorter of quoted-printable and base64; a text that is the same in quoted-printable
        goes as it is.  It may be cut into chunks anywhere; those that end with a line are the
        quick ones.  Raises UnicodeEncodeError for a lone surrogate, and what the check raises.
        """
        quoted = self._all_quoted(chunks)
        if b"=" not in quoted:
            return b"7bit", quoted
        characters = 0
        for chunk in chunks:
            characters += len(chunk)
        if len(quoted) <= characters * _B64_GROWTH:  # spares making what is not shorter
            return b"quoted-printable", quoted
        lines = base64_lines(_canonical("".join(chunks)).replace(b"\n", b"\r\n"))
        return (b"base64", lines) if len(lines) < len(quoted) else (b"quoted-printable", quoted)

    def _all_quoted(self, chunks: Sequence[str]) -> bytes:
        lines = self.lines.known
        done: list[bytes] = []
        begun: list[str] = []  # a line that goes on in the next chunk
        for chunk in chunks:
            known = None if begun else lines.get(chunk)
            if known is not None:
                done.append(known)
                continue
            begun.append(chunk)
            if chunk.endswith("\n"):
                done.append(self.lines.of("".join(begun)))
                begun.clear()
        if begun:
            done.append(self._quoted("".join(begun)))
        return b"".join(done)


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 76 (RFC 2045, 6.8), without a line end after the last."""
    text = b2a_base64(data, newline=False)
    return b"\r\n".join([text[at : at + _B64_LINE] for at in range(0, len(text), _B64_LINE)])


def _canonical(text: str) -> bytes:
    """In UTF-8, every line end a bare LF."""
    data = text.encode()
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _quoted_by(check: Callable[[str], None]) -> Callable[[str], bytes]:
    def quoted(lines: str) -> bytes:
        check(lines)
        canonical = _canonical(lines)
        if canonical.count(b"\n") == 1 and canonical.endswith(b"\n"):  # as most that differ
            return _quoted_line(canonical[:-1]) + b"\r\n"
        return b"\r\n".join(map(_quoted_line, canonical.split(b"\n")))

    return quoted


def _quoted_line(line: bytes) -> bytes:
    encoded = b2a_qp(line, istext=True)
    if b"\n" not in encoded:
        return _undotted(encoded)
    return b"\r\n".join(map(_undotted, encoded.split(b"\n")))


def _undotted(line: bytes) -> bytes:
    """A line of quoted-printable whose first dot is escaped; it stays within 76 characters."""
    if line[:1] != b".":
        return line
    return b"=2E" + line[1:] if len(line) <= 74 else b"=2E=\r\n" + _undotted(line[1:])
