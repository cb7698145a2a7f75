"""Bytes from a server cut into complete SMTP replies (RFC 5321, 4.2).

In: bytes as they arrive.  Out: `Reply`, or a `problem` that ends the session.  Touches: nothing.

A server may be hostile: a reply is at most 64 KB in 1000 lines, its text is stored with every
control character escaped, and what is no reply is never guessed at.
"""

from __future__ import annotations

import re

from campaign.records import Reply

MAX_REPLY_BYTES = 64 * 1024  # faults of hostile servers; RFC 5321, 4.5.3.1.5 asks for 512 a line
MAX_REPLY_LINES = 1000
_REMEMBERED = 32  # servers say the same few lines for every letter; a queue id makes one new

_CODES = {b"%d" % code: code for code in range(200, 600)}
_SEPARATORS = (b" ", b"-", b"")
_ENHANCED = re.compile(r"[#(\[<]?([245]\.\d{1,3}\.\d{1,3})(?!\d)", re.ASCII)
_AT_THE_END = re.compile(r"\(#([245]\.\d{1,3}\.\d{1,3})\)\.?$", re.ASCII)  # as qmail writes it


def printable(text: str) -> str:
    """The text with everything that is not printable written as a backslash escape."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def make_reply(code: int, texts: tuple[str, ...]) -> Reply:
    """A `Reply` with its enhanced status code found (RFC 2034: at the start of a line).

    qmail and its descendants write "(#5.1.1)" at the end.
    """
    for text in texts:
        found = _ENHANCED.match(text)
        if found is None and "(#" in text:
            found = _AT_THE_END.search(text)
        if found:
            return Reply(code, texts, found[1])
    return Reply(code, texts)


class ReplyParser:
    """Feed bytes, take replies; after a `problem` nothing more is understood.

    Bare LF ends a line as CRLF does.  Codes are 200 to 599: RFC 5321, 4.3.2 lets a client go by
    the first digit, and providers do send 571 or 590.
    """

    __slots__ = ("_code", "_seen", "_size", "_tail", "_texts", "problem")

    def __init__(self) -> None:
        self.problem = ""
        self._tail = b""
        self._texts: list[str] = []  # lines of a reply still open
        self._code = 0
        self._size = 0
        self._seen: dict[bytes, Reply] = {}

    @property
    def is_empty(self) -> bool:
        """Nothing received that is not part of a complete reply."""
        return not self._tail and not self._texts and not self.problem

    def feed(self, data: bytes) -> list[Reply]:
        """The replies completed by `data`; those ahead of a `problem` still count."""
        return [] if self.problem else self._completed(data)

    def _completed(self, data: bytes) -> list[Reply]:
        replies: list[Reply] = []
        if self._tail:
            data = self._tail + data
        lines = data.split(b"\n")
        self._tail = lines.pop()
        seen = self._seen
        for line in lines:
            reply = seen.get(line) if not self._texts else None
            if reply is None:
                reply = self._take_line(line)
                if self.problem:
                    return replies
                if reply is None:
                    continue
                if len(seen) >= _REMEMBERED:
                    seen.clear()
                if len(reply.lines) == 1:
                    seen[line] = reply
            replies.append(reply)
        if self._size + len(self._tail) > MAX_REPLY_BYTES:
            self.problem = f"a reply of more than {MAX_REPLY_BYTES // 1024} KB"
        return replies

    def _take_line(self, line: bytes) -> Reply | None:
        """One line; the reply if it was the last of it."""
        if line[-1:] == b"\r":
            line = line[:-1]
        code = _CODES.get(line[:3], 0)
        separator = line[3:4]
        if not code or separator not in _SEPARATORS:
            self.problem = f"no SMTP reply: {printable(repr(line[:80])[1:])}"
            return None
        if self._texts and code != self._code:
            self.problem = f"reply code changed from {self._code} to {code} within one reply"
            return None
        self._size += len(line) + 2
        if self._size > MAX_REPLY_BYTES or len(self._texts) >= MAX_REPLY_LINES:
            self.problem = "a reply of more than 64 KB or 1000 lines"
            return None
        text = printable(line[4:].decode("utf-8", "backslashreplace"))
        if separator == b"-":
            self._code = code
            self._texts.append(text)
            return None
        if not self._texts:
            self._size = 0
            return make_reply(code, (text,))
        self._texts.append(text)
        reply = make_reply(code, tuple(self._texts))
        self._texts.clear()
        self._size = 0
        return reply
