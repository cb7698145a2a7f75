"""Every letter judged where it is rendered, in a small part of the time that rendering takes.

In: sheets, whose letter is made.  Out: on each sheet, in place of its letter, what `Report` reads:
the Message-ID, and what speaks against the letter.  Touches: nothing.

What `remarks_on` finds is the truth; here it is asked only of what no letter before had.

Why fast: `remarks_on` costs four times as much as rendering (`make bench ROW=lint`), nearly all of
it for HTML that is the same in all letters.  So of HTML only the chunks that differ are looked at,
and of those only tags and links.  Where a chunk is left out depends on nothing but the chunk: it
ends where it began, outside of tags, links and styles.  Whether that is so where it stands is seen
by the mark that it leaves; wherever a mark stands in a tag or a link, or anything else is not as
expected, the whole letter goes through `remarks_on`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from campaign.errors import CampaignError
from campaign.preflight.letters.lint import (
    ANSWER,
    CLIPPED_BYTES,
    HEAD_MAX,
    LINE_MAX,
    Bulk,
    Remark,
    head_remarks,
    html_remarks,
    remarks_on,
)
from campaign.rendering.draft import joined
from campaign.rendering.sheet import HTML, Sheet

_LEFT_OUT = "\x01"
_FIRST_MARK = 0xE000  # stands between two of these where there is something to say
_KEPT = 5000  # texts of a kind; all begins anew with the next one
_TAG = re.compile(r"<[^<>]*>")
# Links whole, with what stands in them, but without the path of their address, which nobody judges;
# other tags; marks.
# Why fast: each branch begins with a letter of its own, by which the search jumps to the next.
_PARTS = re.compile(
    r"<a href=\"(https?://[a-z0-9.:-]+)[/?#][^\"'<>\x01]*(\"[^<>\x01]*>[^\x01]*?</a>)"
    r"|<(a\b[^<>\x01]*>[^\x01]*?</a>|[^<>\x01]*>)|\x01([\ue000-\uf8ff])\x01"
)
_ANCHOR_TAG = re.compile(r"<(/?)a\b[^<>]*>", re.IGNORECASE)
_ANCHOR_START = re.compile(r"<a\b", re.IGNORECASE)
_STYLE = re.compile(r"<style\b[^>]*>.*?</style\s*>", re.IGNORECASE | re.DOTALL)
_STYLE_TAG = re.compile(r"</?style\b", re.IGNORECASE)
# Of an address only the site is judged, but of an image also what its name ends with.
_KIND_OF_IMAGE = re.compile(r"\.(?:svg|webp)\b", re.IGNORECASE)
_PATHS = re.compile(r"(ref=\"https?://[a-z0-9.:-]+)[/?#][^\"'<>]*(?=\")")
_SOURCES = re.compile(r"(\ssrc=\"https?://[a-z0-9.:-]+)[/?#][^\"'<>]*(?=\")")
_ONE_CLICK = re.compile(rb"List-Unsubscribe:(?:\r\n)? <https://")


# Site and end of a link, or what follows "<" in another tag, or the letter of a mark.
_Part = tuple[str, str, str, str]


class Report(NamedTuple):
    """What comes of a letter."""

    message_id: bytes
    remarks: bytes  # JSON; empty where nothing speaks against it

    @classmethod
    def read(cls, wire: bytes) -> Report:
        """What a judge wrote."""
        message_id, _, remarks = wire.partition(b"\n")
        return cls(message_id, remarks)


def read_remarks(written: bytes) -> tuple[Remark, ...]:
    """The remarks of a report.  Raises CampaignError where a worker talks nonsense."""
    try:
        return tuple(
            Remark(str(id), level, str(evidence)) for id, level, evidence in json.loads(written)
        )
    except (ValueError, TypeError):
        raise CampaignError("a render worker reports what is not understood") from None


class LetterJudge:
    """A step of rendering, the last one; travels to the workers before it has seen a letter."""

    def __init__(self, bulk: Bulk) -> None:
        self._bulk = bulk
        self._html = HtmlJudge()
        self._heads: dict[tuple[bytes, ...], tuple[Remark, ...]] = {}
        self._written: dict[tuple[Remark, ...], bytes] = {(): b""}

    def __reduce__(self) -> tuple[type[LetterJudge], tuple[Bulk]]:
        """What was remembered stays behind; compiled, it could not be pickled otherwise."""
        return LetterJudge, (self._bulk,)

    def __call__(self, sheet: Sheet) -> None:
        """Put the report where the letter was; its size stays."""
        remarks = self._quickly(sheet)
        if remarks is None:
            remarks = tuple(dict.fromkeys(remarks_on(_wire(sheet), self._bulk)))
        written = self._written.get(remarks)
        if written is None:
            _make_room(self._written)
            written = self._written[remarks] = json.dumps(remarks).encode()
        report = sheet.marks.message_id.encode() + b"\n" + written
        sheet.draft = sheet.draft.with_pieces([report])

    def _quickly(self, sheet: Sheet) -> tuple[Remark, ...] | None:
        """None where the letter must be looked at as a whole."""
        # No line of a body is longer than 76 bytes, whatever is in it: transfer.py breaks them.
        if len(sheet.head) > LINE_MAX and has_long_line(sheet.head):
            return None
        of_head = self._of_head(sheet)
        if of_head is None or not sheet.parts[HTML]:
            return of_head
        if len(sheet.parts[HTML]) > CLIPPED_BYTES or all(map(str.isspace, sheet.text)):
            return None
        of_html = self._html.remarks(sheet.html)
        return None if of_html is None else of_head + of_html

    def _of_head(self, sheet: Sheet) -> tuple[Remark, ...] | None:
        """Of heads with the same fields the first is looked at: what differs in a Message-ID are
        digits (addresses/marks.py), and whether it comes twice is asked of all."""
        head, subject = sheet.head, sheet.subject
        if ANSWER.match(subject):
            return None
        way = b""
        if b"https" in head:
            way = b"https" if _ONE_CLICK.search(head) else b"?"
        names = (way, *sheet.fields)
        found = self._heads.get(names)
        if found is None or len(head) > HEAD_MAX // 2 or way == b"?":
            whole = _wire(sheet).partition(b"\r\n\r\n")[0]
            if len(whole) > HEAD_MAX or way == b"?" or has_long_line(whole):
                return None
            _make_room(self._heads)
            found = self._heads[names] = tuple(head_remarks(whole, self._bulk))
        return found


class _Short(dict[str, str]):
    """What is left of a chunk; a missing one is asked for."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        super().__init__()
        self._ask = ask

    def __missing__(self, chunk: str) -> str:
        return self._ask(chunk)


class HtmlJudge:
    """Remembers chunks, tags and links."""

    def __init__(self) -> None:
        self._met: set[str] = set()  # chunks, once
        self._short = _Short(self._shortened)  # of chunks that were met before
        self._told: dict[str, tuple[Remark, ...]] = {}  # by mark, about what was left out
        # How many tags a row of parts has, and what there is to say of them.
        self._rows: dict[tuple[_Part, ...], tuple[int, tuple[Remark, ...]]] = {}
        self._parts: dict[str, tuple[Remark, ...]] = {}

    def remarks(self, chunks: Sequence[str]) -> tuple[Remark, ...] | None:
        """About the HTML that the chunks make together; None where it must be looked at whole."""
        short = "".join(map(self._short.__getitem__, chunks))
        row = tuple(_PARTS.findall(short))
        known = self._rows.get(row)
        if known is None:
            _make_room(self._rows)
            known = self._rows[row] = self._of_row(row)
        brackets, found = known
        return found if brackets == short.count("<") == short.count(">") else None

    def _of_row(self, row: Sequence[_Part]) -> tuple[int, tuple[Remark, ...]]:
        """How many tags a row of parts has, and what there is to say of them; -1 where that
        cannot be said."""
        found: list[Remark] = []
        brackets = 0
        for site, end, other, mark in row:
            if mark:
                found += self._told.get(mark, ())
                continue
            part = f'<a href="{site}{end}' if site else f"<{other}"
            count = part.count("<")
            brackets += count
            if _STYLE_TAG.search(part) or (count == 1 and _ANCHOR_START.match(part)):
                return -1, ()  # what is open goes on in what was left out
            of_part = self._parts.get(part)
            if of_part is None:
                of_part = self._of_part(part)
            found += of_part
        return brackets, tuple(dict.fromkeys(found))

    def _of_part(self, part: str) -> tuple[Remark, ...]:
        short = part if _KIND_OF_IMAGE.search(part) else _SOURCES.sub(r"\1", part)
        found = self._parts.get(short)
        if found is None:
            _make_room(self._parts)
            found = self._parts[short] = tuple(html_remarks(short))
        return found

    def _shortened(self, chunk: str) -> str:
        """What is met a second time is likely to be in many letters."""
        if chunk not in self._met:
            _make_room(self._met)
            self._met.add(chunk)
            return chunk
        if len(self._short) >= _KEPT:
            self._short.clear()
            self._told.clear()
            self._rows.clear()
        start, end = _closed_part(chunk)
        short = chunk
        if start < end:
            mark = _LEFT_OUT
            if remarks := tuple(html_remarks(chunk[start:end])):
                letter = chr(_FIRST_MARK + len(self._told))
                self._told[letter] = remarks
                mark += letter + _LEFT_OUT
            short = chunk[:start] + mark + chunk[end:]
        self._short[chunk] = short
        return short


def _closed_part(chunk: str) -> tuple[int, int]:
    """Where the longest part begins and ends that leaves no tag, link or style open; (0, 0) where
    that cannot be told.

    Before it stands what closes things of earlier chunks, behind it what stays open.
    """
    masked = _STYLE.sub(lambda style: "x" * len(style[0]), chunk)
    if _STYLE_TAG.search(masked):
        return 0, 0
    start, end = 0, len(masked)
    closing, opening = masked.find(">"), masked.find("<")
    if closing >= 0 and (opening < 0 or closing < opening):
        start = closing + 1
    if masked.rfind("<") > masked.rfind(">"):
        end = masked.rfind("<")
    opened = -1
    for tag in _ANCHOR_TAG.finditer(masked, start, end):
        if not tag[1]:
            opened = tag.start() if opened < 0 else opened
        elif opened < 0:
            start = tag.end()
        else:
            opened = -1
    if opened >= 0:
        end = opened
    inner = masked[start:end]
    count = len(_TAG.findall(inner))
    if not count == inner.count("<") == inner.count(">"):
        return 0, 0
    return start, end


def has_long_line(data: bytes) -> bool:
    """A line longer than mail may have; lines end with CRLF."""
    at, end = 0, len(data)
    while end - at > LINE_MAX:
        stop = data.rfind(b"\r\n", at, at + LINE_MAX + 2)
        if stop < 0:
            return True
        at = stop + 2
    return False


def _wire(sheet: Sheet) -> bytes:
    """The letter without what all share, which are files in lines of base64."""
    pieces = [piece for piece in sheet.draft.pieces if isinstance(piece, bytes)]
    return b"".join(joined(pieces, ()))


def _make_room(kept: dict[Any, Any] | set[str]) -> None:
    if len(kept) >= _KEPT:
        kept.clear()
