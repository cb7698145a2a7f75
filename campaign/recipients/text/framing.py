"""Where one CSV record ends and the next begins, with the line it stands on.

In: decoded text in blocks.  Out: `Frame`s of well-formed records, and a `Reject` for every other.
Touches: nothing.

CSV as RFC 4180 has it, strictly: as many cells as the header, a quote opens a cell only at its
start, doubled quotes inside, nothing between a closing quote and the delimiter.  A record that
breaks the rules is rejected by its first line alone and framing goes on with the next line, so
that one open quote cannot swallow the rest of a file.  Blank lines are no records.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from campaign.recipients.chunks import Reject, clipped

OPEN_LINES_MAX = 1000  # lines a quoted cell may span; letters in cells have tens
FRAME_ROWS = 2_500  # at a time in memory, as text and as entries
FRAME_CHARS = 8_000_000  # long cells: fewer rows a frame, so that memory stays flat


class Quote(Enum):
    """How the quotes stand at the end of a line."""

    CLOSED = "closed"
    OPEN = "open"
    BROKEN = "broken"  # text follows a closing quote


class Frame(NamedTuple):
    """Well-formed records, each ended by a line feed, and the line each of them starts on."""

    text: str
    lines: list[int]
    rejects: list[Reject]


class Form(NamedTuple):
    """What the head of the file says about the rest."""

    delimiter: str
    columns: tuple[str, ...]
    line_end: str  # "\n" (also for CRLF) or "\r"
    max_field: int  # bytes of one cell in UTF-8


def quoted_cell(delimiter: str) -> re.Pattern[str]:
    """A whole quoted cell with nothing but a delimiter or an end on either side."""
    mark = re.escape(delimiter)
    return re.compile(rf'(?:\A|(?<={mark}))"[^"]*+(?:""[^"]*+)*+"(?={mark}|\Z)')


def frames(blocks: Iterable[str], form: Form, first_line: int) -> Iterator[Frame]:
    """Frames of about 10,000 records.

    `blocks` is the text after the header, cut anywhere; `first_line` the number of its first line.
    """
    framing = _Framing(form, first_line)
    for block in blocks:
        framing.feed(block)
        if framing.is_full:
            yield framing.take()
    framing.finish()
    if framing.has_any:
        yield framing.take()


def split_record(record: str, delimiter: str) -> list[str]:
    """The cells of one record; a damaged one as far as it can be told."""
    cells = []
    at = 0
    pattern = quoted_cell(delimiter)
    while True:
        found = pattern.match(record, at)
        if found:
            cells.append(found[0][1:-1].replace('""', '"'))
            end = found.end()
        else:
            end = record.find(delimiter, at)
            end = len(record) if end < 0 else end
            cells.append(record[at:end])
        if end >= len(record):
            return cells
        at = end + 1
        if at == len(record):
            return [*cells, ""]


def quote_after(line: str, delimiter: str, before: Quote) -> Quote:
    """Reads one line, its end trimmed, and says how things stand at its end.

    `before` is OPEN where the line goes on with a quoted cell, else CLOSED.
    """
    at = 0
    while True:
        if before is Quote.CLOSED:
            if not line.startswith('"', at):
                at = line.find(delimiter, at) + 1
                if at == 0:
                    return Quote.CLOSED
                continue
            at += 1
        before = Quote.CLOSED
        at = line.find('"', at)
        while at >= 0 and line.startswith('"', at + 1):
            at = line.find('"', at + 2)
        if at < 0:
            return Quote.OPEN
        at += 1
        if at == len(line):
            return Quote.CLOSED
        if line[at] != delimiter:
            return Quote.BROKEN
        at += 1


class _Framing:
    """The state between two blocks."""

    def __init__(self, form: Form, first_line: int) -> None:
        self._form = form
        self._quoted = quoted_cell(form.delimiter)
        self._number = first_line  # of the first line not framed yet
        self._tail = ""  # a line whose end has not been seen
        self._pending: list[str] = []  # lines of a record whose closing quote has not been seen
        self._skips_line = False  # the line under way is too long; its rest is dropped
        self._records: list[str] = []
        self._lines: list[int] = []
        self._rejects: list[Reject] = []
        self._chars = 0
        self._line_max = form.max_field * len(form.columns)

    @property
    def is_full(self) -> bool:
        return len(self._lines) + len(self._rejects) >= FRAME_ROWS or self._chars >= FRAME_CHARS

    @property
    def has_any(self) -> bool:
        return bool(self._lines or self._rejects)

    def take(self) -> Frame:
        frame = Frame("".join(self._records), self._lines, self._rejects)
        self._records, self._lines, self._rejects, self._chars = [], [], [], 0
        return frame

    def feed(self, block: str) -> None:
        end = self._form.line_end
        if self._skips_line:
            block = self._without_skipped(block)
        text = self._tail + block
        cut = text.rfind(end) + 1
        self._tail = text[cut:]
        self._chars += cut
        if cut and not self._took_plainly(text[:cut]):
            lines = text[:cut].split(end)
            lines.pop()
            self._take_slowly(lines, is_last=False)
        if len(self._tail) > self._line_max:
            self._reject_long_tail()

    def finish(self) -> None:
        lines = [self._tail] if self._tail else []
        self._tail = ""
        self._take_slowly(lines, is_last=True)

    def _took_plainly(self, text: str) -> bool:
        """Takes a block at once where it holds no quote, no NUL, no bare CR and no ragged line."""
        form = self._form
        if self._pending or '"' in text or "\0" in text:
            return False
        if "\r" in text:
            if form.line_end == "\r":
                if "\n" in text:
                    return False
                text = text.replace("\r", "\n")
            else:
                text = text.replace("\r\n", "\n")
                if "\r" in text:
                    return False
        lines = text.split("\n")
        lines.pop()
        delimiter = form.delimiter
        if {line.count(delimiter) for line in lines} != {len(form.columns) - 1}:
            return False
        if len(form.columns) == 1 and not all(map(str.strip, lines)):
            return False
        if 4 * max(map(len, lines)) > form.max_field:
            return False
        self._records.append(text)
        self._lines.extend(range(self._number, self._number + len(lines)))
        self._number += len(lines)
        return True

    def _take_slowly(self, lines: list[str], *, is_last: bool) -> None:
        """One record after the other; keeps back what may go on in the next block."""
        lines = self._pending + lines
        self._pending = []
        at = 0
        while at < len(lines):
            count = self._record_lines(lines, at, is_last)
            if count == 0:
                self._pending = lines[at:]
                return
            at += count
            self._number += count

    def _record_lines(self, lines: list[str], at: int, is_last: bool) -> int:
        """Takes or rejects the record that starts at `lines[at]`; how many lines it used.

        0: its end is not among the lines yet.
        """
        form = self._form
        line = self._trimmed(lines[at])
        if not line.strip() and form.delimiter not in line:
            return 1
        if '"' not in line:
            self._take(line, line)
            return 1
        rest = self._quoted.sub("", line)
        if not rest.startswith('"') and form.delimiter + '"' not in rest:
            self._take(line, rest)
            return 1
        if quote_after(line, form.delimiter, Quote.CLOSED) is Quote.BROKEN:
            self._reject(line, "row: text after a closing quote")
            return 1
        return self._quoted_lines(lines, at, is_last)

    def _quoted_lines(self, lines: list[str], at: int, is_last: bool) -> int:
        """A record whose first line leaves a quote open."""
        form = self._form
        size = 0
        for count, raw in enumerate(lines[at + 1 : at + OPEN_LINES_MAX], 2):
            line = self._trimmed(raw)
            size += len(line)
            quote = quote_after(line, form.delimiter, Quote.OPEN)
            if quote is Quote.CLOSED:
                record = form.line_end.join([*lines[at : at + count - 1], line])
                outside = self._quoted.sub("", record)
                if self._swallows(lines[at + 1 : at + count - 1], outside):
                    break
                self._take(record, outside)
                return count
            if quote is Quote.BROKEN or size > form.max_field:
                break
        else:
            if not is_last and len(lines) - at < OPEN_LINES_MAX:
                return 0
        self._reject(self._trimmed(lines[at]), "row: a quote is opened and not closed")
        return 1

    def _swallows(self, between: list[str], outside: str) -> bool:
        """Is this ragged record a stray quote that ran into records after it?"""
        form = self._form
        width = len(form.columns) - 1
        if outside.count(form.delimiter) == width:
            return False
        return any(
            self._quoted.sub("", self._trimmed(line)).count(form.delimiter) == width
            for line in between
        )

    def _take(self, record: str, outside: str) -> None:
        """A record that is well-formed as CSV; `outside` is what of it stands outside quotes."""
        form = self._form
        count = outside.count(form.delimiter) + 1
        if count != len(form.columns):
            cells = "1 cell" if count == 1 else f"{count} cells"
            self._reject(record, f"row: {cells} where the header has {len(form.columns)}")
        elif "\0" in record:
            self._reject(record, f"row: NUL in {self._column_with(record, chr(0))}")
        elif "\r" in outside or "\n" in outside:
            self._reject(record, "row: a stray line break outside quotes")
        elif 4 * len(record) > form.max_field and (name := self._long_column(record)):
            self._reject_long(record, f"row: {name} is longer than {form.max_field} bytes")
        else:
            self._records.append(record + "\n")
            self._lines.append(self._number)

    def _reject(self, record: str, reason: str) -> None:
        readable = record.replace("\0", "␀")  # PostgreSQL takes no NUL
        cells = split_record(readable, self._form.delimiter)
        self._rejects.append(Reject(self._number, clipped(readable), reason, tuple(cells)))

    def _reject_long(self, record: str, reason: str) -> None:
        """Nothing is kept but the beginning."""
        readable = clipped(record).replace("\0", "␀")
        self._rejects.append(Reject(self._number, readable, reason, (readable,)))

    def _reject_long_tail(self) -> None:
        """A line that has no end in sight."""
        self._take_slowly([], is_last=True)
        self._reject_long(self._tail, f"row: the line is longer than {self._line_max} characters")
        self._tail = ""
        self._skips_line = True

    def _without_skipped(self, block: str) -> str:
        end = block.find(self._form.line_end)
        if end < 0:
            return ""
        self._skips_line = False
        self._number += 1
        return block[end + 1 :]

    def _trimmed(self, line: str) -> str:
        return line.rstrip("\r") if self._form.line_end == "\n" else line

    def _column_with(self, record: str, char: str) -> str:
        cells = split_record(record, self._form.delimiter)
        pairs = zip(self._form.columns, cells, strict=False)
        return next((repr(name) for name, cell in pairs if char in cell), "a cell")

    def _long_column(self, record: str) -> str:
        cells = split_record(record, self._form.delimiter)
        limit = self._form.max_field
        pairs = zip(self._form.columns, cells, strict=False)
        return next((repr(name) for name, cell in pairs if len(cell.encode()) > limit), "")
