"""The head of a list: its columns, its delimiter, its line ends.

In: the first text of a file.  Out: `ListHead`, checked column names.  Touches: nothing.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from campaign.config.settings import Recipients
from campaign.errors import DataError
from campaign.recipients.text.framing import Quote, quote_after, quoted_cell, split_record

DELIMITERS = (",", ";", "\t", "|")
_SAMPLED_LINES = 50
_HEADER_MAX = 1_000_000  # characters
_LINES = 3  # blank ones, Excel's hint and the header itself
_ANY_LINE_END = re.compile(r"[\r\n]")
_EXCEL_HINT = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


class ListHead(NamedTuple):
    """What the first lines of a CSV file say."""

    delimiter: str
    columns: tuple[str, ...]
    line_end: str  # "\n" (also for CRLF) or "\r"
    line: int  # where the header starts
    lines: int  # lines up to and with the header
    chars: int  # characters up to and with the header


def read_head(text: str, *, delimiter: str, needs: Mapping[str, str], file: str) -> ListHead:
    """The header of a CSV file, from its first block of text.

    `delimiter` as in the settings: "auto" or the character.  Excel's `sep=;` line is
    obeyed; `needs` as in `check_columns`.  Raises DataError.
    """
    end = _line_end(text)
    lines = text.split(end)
    first = next((at for at, line in enumerate(lines) if line.strip("\r\n ")), None)
    if first is None:
        raise DataError("the file is empty", file=file, remedy="it needs a header and rows")
    hint = _EXCEL_HINT.fullmatch(lines[first].strip("\r\n"))
    if hint:
        first += 1
    if hint and delimiter == "auto":
        delimiter = hint[1]
    candidates = DELIMITERS if delimiter == "auto" else (delimiter,)
    if delimiter in '"\r\n\0':
        raise DataError(
            f"{delimiter!r} cannot be a delimiter",
            file=file,
            remedy='write delimiter = ";" or "auto" in [recipients]',
        )
    best = max(candidates, key=lambda mark: _fit(lines[first:], mark, end, needs["address"]))
    record, count = _first_record(lines[first:], best, end)
    used = sum(len(line) + 1 for line in lines[: first + count])
    columns = check_columns(split_record(record, best), needs=needs, file=file, line=first + 1)
    return ListHead(best, columns, end, first + 1, first + count, min(used, len(text)))


def with_whole_header(blocks: Iterator[str], file: str) -> str:
    """The first text of a file, of as many blocks as its header needs.

    Raises DataError for a first line that is longer than any header.
    """
    text = next(blocks, "")
    while text.count("\n") < _LINES and text.count("\r") < _LINES * 2:
        more = next(blocks, "") if len(text) <= _HEADER_MAX else ""
        if not more:
            break
        text += more
    if len(text) > _HEADER_MAX and not _ANY_LINE_END.search(text.lstrip("\r\n ")):
        raise DataError(
            f"the first line has more than {_HEADER_MAX:,} characters",
            file=file,
            line=1,
            remedy="a list begins with a line of column names",
        )
    return text


def needed_columns(settings: Recipients) -> dict[str, str]:
    """Setting -> column, for the settings that name one."""
    named = {
        "address": settings.address,
        "group_by": settings.group_by,
        "locale": settings.locale,
    }
    return {setting: column for setting, column in named.items() if column}


def check_columns(
    cells: Sequence[str], *, needs: Mapping[str, str], file: str, line: int
) -> tuple[str, ...]:
    """Trimmed column names.

    Raises DataError for an empty or double name, or where one is missing that `needs` (setting ->
    column) asks for.
    """
    # Composed: what macOS writes as e and an accent is the same column as typed on a keyboard.
    names = tuple(unicodedata.normalize("NFC", cell.strip().strip("\ufeff")) for cell in cells)
    known: set[str] = set()
    for at, name in enumerate(names, 1):
        if not name:
            raise DataError(
                f"column {at} of {len(names)} has no name",
                file=file,
                line=line,
                remedy="name every column, or remove the delimiter at the end of each line",
            )
        if name in known:
            raise DataError(
                f"two columns are named '{name}'",
                file=file,
                line=line,
                remedy="rename or remove one of them",
            )
        known.add(name)
    for setting, column in needs.items():
        if column not in names:
            raise DataError(
                f"there is no column '{column}'",
                file=file,
                line=line,
                remedy=_column_remedy(setting, column, names),
            )
    return names


def did_you_mean(name: str, columns: Sequence[str]) -> str:
    """The column that was probably meant, or ""."""
    by_case = {column.casefold(): column for column in reversed(columns)}
    close = difflib.get_close_matches(name.casefold(), by_case, n=1, cutoff=0.6)
    return by_case[close[0]] if close else ""


def _column_remedy(setting: str, column: str, names: Sequence[str]) -> str:
    if any("@" in name for name in names):
        return f"the first line must name the columns, one of them '{column}'"
    meant = did_you_mean(column, names)
    if meant:
        return f"did you mean '{meant}'? set {setting} = \"{meant}\" in [recipients]"
    listed = ", ".join(f"'{name}'" for name in names[:8])
    return f"set {setting} in [recipients] to one of {listed}"


def _line_end(text: str) -> str:
    """What ends the first line that is not inside quotes."""
    found = re.search(r"\r*\n|\r", re.sub(r'"[^"]*"', "", text[:65536]))
    return "\r" if found and "\n" not in found[0] else "\n"


def _first_record(lines: Sequence[str], delimiter: str, end: str) -> tuple[str, int]:
    """The first record and how many lines it takes; a header may hold quoted newlines too."""
    quote = Quote.CLOSED
    for count, line in enumerate(lines[:20], 1):
        quote = quote_after(line.rstrip("\r"), delimiter, quote)
        if quote is not Quote.OPEN:
            return end.join(lines[:count]).rstrip("\r"), count
    return lines[0].rstrip("\r"), 1


def _fit(lines: Sequence[str], delimiter: str, end: str, address: str) -> tuple[bool, float, int]:
    """How well a delimiter explains header and first records; larger is better."""
    record, used = _first_record(lines, delimiter, end)
    names = [name.strip() for name in split_record(record, delimiter)]
    pattern = quoted_cell(delimiter)
    counts = [
        pattern.sub("", line.rstrip("\r")).count(delimiter) + 1
        for line in lines[used : used + _SAMPLED_LINES]
        if line.strip()
    ]
    agreeing = sum(count == len(names) for count in counts) / max(1, len(counts))
    return address in names, agreeing if len(names) > 1 else 0.0, len(names)
