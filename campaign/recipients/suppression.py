"""Addresses that must not be written to, read from files.

In: files of the campaign folder.  Out: normalised keys.  Touches: the files.

A file is either one address a line, with `#` comments, or CSV with a header that names the
address column.  What cannot be read must not be lost silently: it would be somebody who asked to
be left alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from campaign.addresses.columns import ADDRESS_COLUMNS
from campaign.addresses.syntax import AddressError, parse_address, shown
from campaign.errors import DataError
from campaign.recipients.text.columns import DELIMITERS
from campaign.recipients.text.encodings import decoded, find_encoding
from campaign.recipients.text.framing import Quote, quote_after, split_record

_ADDRESS_LIKE = re.compile(r"[^\s<>()\[\],;:\"']+[@\uff20][^\s<>()\[\],;:\"']+")


def read_suppressed(folder: Path, files: Sequence[str], address: str = "email") -> Iterator[str]:
    """The key of every address in the files; `address` is the column to look for in CSV.

    A cell may hold more than the bare address: every address in it counts.  Raises DataError for
    a missing file, and for a line with text that would keep nobody out: one without an address, or
    with half of one.
    """
    for name in files:
        yield from _keys(folder / name, name, address)


def _keys(path: Path, name: str, address: str) -> Iterator[str]:
    try:
        content = path.open("rb")
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}",
            file=name,
            remedy="mend suppress in [recipients]; paths are relative to campaign.toml",
        ) from error
    with content:
        encoding = find_encoding(content, "auto", name)
        lines = _lines(decoded(content, encoding.name, name))
        if encoding.is_unsure:
            lines = _certain(lines, name)
        for number, line in lines:
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            header = _address_column(text, address)
            if header is None:
                yield from _line_keys(text, name, number)
                continue
            yield from _column_keys(lines, *header, name)
            return


def _column_keys(
    lines: Iterator[tuple[int, str]], at: int, delimiter: str, name: str
) -> Iterator[str]:
    quote = Quote.CLOSED
    for number, line in lines:
        text = line.strip()
        goes_on = quote is Quote.OPEN
        quote = quote_after(text, delimiter, quote)
        if goes_on or not text or text.startswith("#"):
            # Inside a quoted cell nothing has to be an address, but what is one counts.
            yield from _found_keys(text)
            continue
        cells = split_record(text, delimiter)
        yield from _line_keys(cells[at] if at < len(cells) else text, name, number)


def _certain(lines: Iterator[tuple[int, str]], name: str) -> Iterator[tuple[int, str]]:
    """The same lines; in an encoding that is not sure, addresses must be ASCII."""
    for number, line in lines:
        for found in _ADDRESS_LIKE.findall(line):
            if not found.isascii():
                raise DataError(
                    f"the encoding cannot be told for sure, so {shown(found)} may be misread",
                    file=name,
                    line=number,
                    remedy="save the file as UTF-8",
                )
        yield number, line


def _line_keys(text: str, name: str, line: int) -> Iterator[str]:
    """Every address in a line or cell; at least one that somebody can have."""
    text = re.sub(r"\s#.*", "", text)
    if not text.strip():
        return
    keys = [*_found_keys(text)]
    if not keys:
        raise DataError(
            f"this line would keep nobody out: {_why_nobody(text)}",
            file=name,
            line=line,
            remedy="write one whole address a line, or remove the line; a comment starts with #",
        )
    yield from keys


def _why_nobody(text: str) -> str:
    """What is wrong with a line that holds no address."""
    found = _ADDRESS_LIKE.search(text)
    if not found and "@" in text and text.strip().startswith("@"):
        return f"{shown(text.strip())} is a domain and not an address"
    if not found:
        return f"there is no address in {shown(text)}"
    if "*" in found[0]:
        return f"{shown(found[0])} is a pattern and not an address"
    try:
        parse_address(text)
    except AddressError as error:
        return str(error)
    return f"{shown(found[0])} is not an address"


def _found_keys(text: str) -> Iterator[str]:
    """The addresses in a text that somebody can have."""
    for found in _ADDRESS_LIKE.findall(text):
        if "*" not in found:
            with suppress(AddressError):
                yield parse_address(found).key


def _address_column(header: str, address: str) -> tuple[int, str] | None:
    """Index of the address column and the delimiter; None where the line is no header."""
    if "@" in header or "\uff20" in header:
        return None
    for delimiter in DELIMITERS:
        names = [name.strip().casefold() for name in split_record(header, delimiter)]
        for wanted in (address.casefold(), *ADDRESS_COLUMNS):
            if wanted in names:
                return names.index(wanted), delimiter
    return None


def _lines(blocks: Iterator[str]) -> Iterator[tuple[int, str]]:
    number, tail = 1, ""
    for block in blocks:
        *lines, tail = (tail + block).split("\n")
        for line in lines:
            yield number, line
            number += 1
    if tail:
        yield number, tail


def state_of(folder: Path, files: Sequence[str]) -> str:
    """Differs once one of the lists was written to or replaced."""
    found: dict[str, list[int]] = {}
    for name in files:
        found[name] = []  # it is not there
        with suppress(OSError):
            status = (folder / name).stat()
            found[name] = [status.st_ino, status.st_size, status.st_mtime_ns]
    return json.dumps(found)
