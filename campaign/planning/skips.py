"""Why rows of a list get no letter: the causes with their numbers, and the rows to mend.

In: a planned journal.  Out: `Skips`, `RejectedRow`s.  Touches: the journal, for reading.

A thousand rows are often skipped for three causes.  Two reasons have the same cause where they
differ only in what the row says: in quoted text, paths and numbers.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from campaign.journal.reading.reader import Reader, Skipped
from campaign.recipients.rejects import RejectedRow

MENDED = "mended"  # a later row of the list takes its place
SKIP_WORDS = {  # what a reason begins with, and what that means
    "render": "no letter can be made from the row",
    "address": "no address that could be written to",
    "row": "damaged in the file",
    "duplicate": "the same person stands in an earlier row",
    "grouped": "stands in the message of an earlier row",
    "suppressed": "asked for no more mail, or cannot be reached",
    "removed": "no longer on the list",
    "left out": "by exclude or only in [recipients]",
    MENDED: "mended since, in another row",
}
NOTHING_TO_MEND = frozenset({"duplicate", "grouped", "suppressed", "removed", "left out", MENDED})
_FIRST = ("render", "row", "address")  # kinds in the order in which they are shown
_MOST_CAUSES = 1_000  # kept apart; a list with more has reasons that no two rows share
_OWN = re.compile(  # what a reason says of its own row
    r"'[^']*'|\"[^\"]*\"|“[^”]*”|‘[^’]*’"  # quoted  # noqa: RUF001
    r"|\S*/\S*"  # a path
    r"|(?<![\w:.])\d[\d.,:-]*(?!\w)"  # a number, but no line of a template
)


class SkipKind(NamedTuple):
    """Rows that are skipped for the same cause; the place and words are those of the first."""

    kind: str
    rows: int
    file: str
    line: int
    address: str
    reason: str


@dataclass(frozen=True)
class Skips:
    """Every row that is skipped."""

    kinds: list[tuple[str, int]]  # most first
    causes: list[SkipKind]  # those to look at, letters that cannot be made first
    mended: int  # rows that a later row takes the place of


def read_skips(reader: Reader) -> Skips:
    """Memory does not grow with the list."""
    kinds: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    first: dict[str, Skipped] = {}
    for skipped in reader.skipped():
        kind = kind_of(skipped.reason)
        kinds[kind] += 1
        if kind in NOTHING_TO_MEND:
            continue
        cause = cause_of(skipped.reason)
        if cause not in first and len(first) >= _MOST_CAUSES:
            cause = kind
        first.setdefault(cause, skipped)
        counts[cause] += 1
    mended = kinds.pop(MENDED, 0)
    causes = [
        SkipKind(kind_of(row.reason), counts[cause], row.file, row.line, row.address, row.reason)
        for cause, row in first.items()
    ]
    return Skips(kinds.most_common(), sorted(causes, key=_urgency), mended)


def kind_of(reason: str) -> str:
    """ "render: ..." -> "render"."""
    return reason.partition(":")[0]


def cause_of(reason: str) -> str:
    """The reason without what it says of its own row."""
    return _OWN.sub("…", reason)


def _urgency(cause: SkipKind) -> tuple[int, int]:
    place = _FIRST.index(cause.kind) if cause.kind in _FIRST else len(_FIRST)
    return place, -cause.rows


def rejected_rows(reader: Reader) -> Iterator[RejectedRow]:
    """The skipped rows that can be mended: neither duplicates, nor in another row's message, nor
    suppressed, nor removed from the list, nor mended since."""
    sources = reader.sources()
    for row in reader.unusable():
        if kind_of(row.reason) in NOTHING_TO_MEND:
            continue
        source, cells = sources[row.source], json.loads(row.data)
        members = [[row.source, cells]]
        if cells and isinstance(cells[-1], list):  # a group: all of its rows
            members = cells.pop()
        for at, own in members:
            source = sources[at]
            yield RejectedRow(source.name, row.line, source.columns, tuple(own), row.reason)
