"""Suppression lists of other systems, read row by row.

In: a file: CSV with a header, JSON (an array, or one object a line), or one address a line.
Out: entries, and the lines that are none.  Touches: the file.

No row is lost silently: a line that holds no address, or breaks the rules of its format, is told
with its number.  It would be somebody who asked to be left alone.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from campaign.addresses.syntax import AddressError, parse_address, shown
from campaign.errors import DataError
from campaign.suppression.entries import EVERYWHERE, Reason, Suppressed
from campaign.suppression.layouts import Layout, Read, address_of, layout_of, only_column_of

_DELIMITERS = (",", ";", "\t")
_SES_LINE = re.compile(r"[^,;]+@[^,;]+,\s*\"?(BOUNCE|COMPLAINT)\"?\s*", re.IGNORECASE)
_CELL_LINES_MAX = 100  # a cell may hold an error of several lines; more is an open quote
_JSON_MAX = 500_000_000  # bytes of a file that is one array; one object a line has no bound
_KEPT = re.compile(r"(sha256:[0-9a-f]{32}|hmac:[0-9a-f]{8}:[0-9a-f]{64})")  # of our own exports


class BadLine(NamedTuple):
    """A line that is not taken in."""

    line: int
    why: str


class Importing:
    """One file.  `entries` may be iterated once; `bad` and `passed_over` grow with it.

    encoding: of its text; bytes that are none of it are told with their line
    reason, scope: of rows that do not say one
    now_s: the moment of rows that do not say one
    """

    def __init__(
        self,
        path: Path,
        *,
        reason: Reason,
        scope: str = EVERYWHERE,
        now_s: float,
        encoding: str = "utf-8",
    ) -> None:
        self._path = path
        self._encoding = encoding
        self._name = path.name
        self._reason = reason
        self._scope = scope
        self._now_s = now_s
        self.title = "a list of addresses"  # what kind of file it is
        self.bad: list[BadLine] = []
        self.passed_over = 0  # rows of people who are not suppressed there

    def entries(self) -> Iterator[Suppressed]:
        """Raises DataError for a file that cannot be read, or holds no addresses at all."""
        try:
            with self._path.open(encoding=self._encoding, errors="surrogateescape") as file:
                for line, read in self._rows(file):
                    try:
                        found = self._entry(read())
                    except (AddressError, ValueError, KeyError) as error:
                        self.bad.append(BadLine(line, str(error)))
                        continue
                    if found:
                        yield found
                    else:
                        self.passed_over += 1
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", file=str(self._path)) from None

    def _entry(self, read: Read) -> Suppressed | None:
        if read.reason is None:
            return None
        text = read.address.strip()
        key = text if "@" not in text and _KEPT.fullmatch(text) else parse_address(text).key
        evidence = read.evidence
        if not evidence.isascii():  # bytes that are no text have come as halves of characters
            evidence = evidence.encode("utf-8", "replace").decode()
        return Suppressed(
            key,
            read.scope or self._scope,
            read.reason,
            read.source or self._name,
            read.campaign,
            self._now_s if read.at is None else read.at,
            read.until,
            evidence,
        )

    def _rows(self, file: IO[str]) -> Iterator[tuple[int, Callable[[], Read]]]:
        """The number of each line, and what reads it; ValueError is said of the line."""
        numbered = enumerate(file, 1)
        for line, first in numbered:
            if line == 1:
                first = first.removeprefix("\ufeff")
            text = first.strip()
            if not text or text.startswith("#"):
                continue
            if text[0] in "[{":
                yield from self._of_json(line, first, numbered)
            elif _SES_LINE.fullmatch(text):
                self.title = "Amazon SES' suppression list"
                layout = layout_of(("address", "reason"))
                assert layout is not None
                head = ["address", "reason"]
                yield from self._of_table(_again(line, first, numbered), head, ",", layout)
            elif "@" in text:
                yield from self._of_lines(_again(line, first, numbered))
            else:
                head, delimiter, layout = self._head(line, text)
                yield from self._of_table(numbered, head, delimiter, layout)

    def _head(self, line: int, text: str) -> tuple[list[str], str, Layout]:
        for delimiter in _DELIMITERS:
            names = next(csv.reader([text], delimiter=delimiter))
            head = [name.strip().lower() for name in names]
            if layout := layout_of(head):
                self.title = layout.title
                return head, delimiter, layout
        raise DataError(
            f"no column of {shown(text)} holds addresses",
            file=str(self._path),
            line=line,
            remedy='name one of them "email"',
        )

    def _of_lines(
        self, lines: Iterator[tuple[int, str]]
    ) -> Iterator[tuple[int, Callable[[], Read]]]:
        for line, text in lines:
            address = text.split("#", 1)[0].strip().rstrip(",;")
            if address:
                yield line, partial(Read, address, self._reason, None, "")

    def _of_table(
        self, lines: Iterator[tuple[int, str]], head: list[str], delimiter: str, layout: Layout
    ) -> Iterator[tuple[int, Callable[[], Read]]]:
        width, only = len(head), only_column_of(head)
        for line, cells in _records(lines, delimiter):
            if isinstance(cells, str):
                self.bad.append(BadLine(line, cells))
            elif len(cells) > width:
                why = f"{len(cells)} cells, and {width} columns"
                self.bad.append(BadLine(line, why))
            elif only is not None and only < len(cells):
                yield line, partial(Read, cells[only], self._reason, None, "")
            else:
                row = dict(zip(head, cells + [""] * (width - len(cells)), strict=True))
                yield line, partial(layout.read, row, self._reason)

    def _of_json(
        self, line: int, first: str, lines: Iterator[tuple[int, str]]
    ) -> Iterator[tuple[int, Callable[[], Read]]]:
        """One object a line, or the whole file one value."""
        for number, text in _objects(line, first, lines, self._path):
            yield number, partial(self._of_object, text)

    def _of_object(self, given: Any) -> Read:
        value = json.loads(given) if isinstance(given, str) else given
        if not isinstance(value, dict):
            raise ValueError("this is not an object with an address")
        cells = {str(name).lower(): _text(cell) for name, cell in value.items()}
        layout = layout_of(cells)
        if layout is None or not address_of(cells):
            raise ValueError("no field of it holds an address")
        self.title = layout.title
        return layout.read(cells, self._reason)


def _objects(
    line: int, first: str, lines: Iterator[tuple[int, str]], path: Path
) -> Iterator[tuple[int, Any]]:
    if _is_object(first):
        for number, text in _again(line, first, lines):
            if text.strip():
                yield number, text
        return
    if path.stat().st_size > _JSON_MAX:
        raise DataError(
            "too large for one JSON value", file=str(path), remedy="write one object a line"
        )
    try:
        whole = json.loads(first + "".join(text for _, text in lines))
    except ValueError as error:
        raise DataError(f"this is not JSON: {error}", file=str(path)) from None
    if isinstance(whole, dict):  # the answer of an API holds the list under some name
        whole = next((value for value in whole.values() if isinstance(value, list)), [whole])
    for each in whole:
        yield line, each


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict) and not any(
            isinstance(value, list) for value in json.loads(text).values()
        )
    except ValueError:
        return False


def _records(
    lines: Iterator[tuple[int, str]], delimiter: str
) -> Iterator[tuple[int, list[str] | str]]:
    """Each record with the line it begins on; a text instead says what is wrong with it."""
    waiting: list[tuple[int, str]] = []
    while True:
        line, text = waiting.pop(0) if waiting else next(lines, (0, ""))
        if not line:
            return
        if '"' not in text:
            if stripped := text.rstrip("\r\n"):
                yield line, stripped.split(delimiter)
            continue
        taken = [(line, text)]
        while sum(part.count('"') for _, part in taken) % 2 and len(taken) < _CELL_LINES_MAX:
            following = waiting.pop(0) if waiting else next(lines, None)
            if following is None:
                break
            taken.append(following)
        record = "".join(part for _, part in taken)
        try:
            yield line, next(csv.reader([record], delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration):
            yield line, f"a quote is not closed, or text stands beside it: {shown(text.strip())}"
            waiting = taken[1:] + waiting  # only its first line is lost


def _again(line: int, first: str, rest: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield line, first
    yield from rest


def _text(value: object) -> str:
    return "" if value is None else str(value)
