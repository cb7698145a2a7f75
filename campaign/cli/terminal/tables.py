"""Text for a terminal: harmless, measured in columns, laid out as tables of 80 columns.

In: strings from lists, templates and servers.  Out: lines without control characters.
Touches: nothing.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from campaign.addresses.readable import readable

WIDTH = 80
_GAP = "  "
# Cc and Cf: terminal escapes, bidirectional overrides, invisible marks; Zl and Zp break lines;
# Cs cannot be encoded.  The joiner (U+200D) holds emoji together and is let through.
_HARMFUL = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
_JOINERS = "\u200c\u200d"


def escape(text: str, keep: str = "") -> str:
    """`text` with every character that could move the cursor or hide text written as \\x1b.

    Characters in `keep` (a tab, a newline) pass.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in keep
        or character in _JOINERS
        or unicodedata.category(character) not in _HARMFUL
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def legible(text: str, stream: TextIO | None = None, keep: str = "") -> str:
    """As `escape`, with internationalised names as people write them where `stream` (by default
    stdout) is a terminal that can show them; what other programs read stays as the wire has it."""
    stream = stream or sys.stdout
    if "xn--" in text.lower() and stream.isatty():
        text = readable(text, stream.encoding or "utf-8")
    return escape(text, keep)


def columns(text: str) -> int:
    """How many terminal columns `text` takes: two for a Chinese character, none for an accent."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(character) for character in text)


def _columns_of(character: str) -> int:
    if unicodedata.combining(character) or character in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(text: str, width: int) -> str:
    """`text` in at most `width` columns; what was cut away is shown by an ellipsis."""
    if columns(text) <= width:
        return text
    taken, used = [], 0
    for character in text:
        used += _columns_of(character)
        if used > width - 1:
            break
        taken.append(character)
    return "".join(taken) + "…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """`text` filled with spaces to `width` columns; `right` puts the text at the right."""
    space = " " * max(0, width - columns(text))
    return space + text if right else text + space


def table(
    rows: Iterable[Sequence[object]],
    *,
    heading: Sequence[str] = (),
    numbers: Sequence[int] = (),
    indent: str = "  ",
    width: int = WIDTH,
) -> list[str]:
    """Rows as lines of at most `width` columns.

    `numbers` are the indices of the cells that stand at the right of their column; an int is
    written with thousands commas.  Where a line would be too long, the widest column of words is
    clipped.
    """
    cells = [[_written(cell) for cell in row] for row in rows]
    if heading:
        cells.insert(0, list(heading))
    if not cells:
        return []
    widths = [max(columns(row[index]) for row in cells) for index in range(len(cells[0]))]
    words = [index for index in range(len(widths)) if index not in numbers]
    excess = columns(indent) + sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while excess > 0 and words:
        widest = max(words, key=lambda index: widths[index])
        others = [widths[index] for index in words if index != widest]
        step = min(excess, max(1, widths[widest] - max(others, default=0)))
        if widths[widest] - step < 4:
            break
        widths[widest] -= step
        excess -= step
    return [
        (
            indent
            + _GAP.join(
                pad(clip(cell, widths[index]), widths[index], right=index in numbers)
                for index, cell in enumerate(row)
            )
        ).rstrip()
        for row in cells
    ]


def _written(cell: object) -> str:
    if isinstance(cell, int):
        return f"{cell:,}"
    return legible(str(cell))


def percent(part: int, whole: int) -> str:
    """12, 480 -> "2.5 %"; "" of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else ""


def counted(count: int, word: str, plural: str = "") -> str:
    """1, "message" -> "1 message"; 1200, "message" -> "1,200 messages"."""
    return f"{count:,} {word if count == 1 else plural or word + 's'}"


def in_archives(letters: Mapping[str, int]) -> str:
    """Of each archive how many -> "3 letters are in the archive journal.sqlite.2026-11"."""
    count = sum(letters.values())
    are = f"{counted(count, 'letter')} {'is' if count == 1 else 'are'} in"
    if len(letters) == 1:
        return f"{are} the archive {next(iter(letters))}"
    return f"{are} archives ({', '.join(f'{each:,} in {name}' for name, each in letters.items())})"
