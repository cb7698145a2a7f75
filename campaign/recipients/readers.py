"""Recipient files of any kind, read as chunks of rows.

In: the campaign folder and [recipients].  Out: `Chunk`s.  Touches: the files.

Every cell arrives as it was typed: "007", "NA", "1.0" and " " are strings.  A chunk holds about
10,000 rows, so memory does not grow with the list.  The kind of a file is told by its first
bytes, not by its name.  The door to pandas.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

from campaign.config.settings import Recipients
from campaign.errors import DataError
from campaign.recipients.chunks import Chunk, Reject, TableRow, clipped
from campaign.recipients.kinds import refuse_foreign_bytes, refuse_foreign_text
from campaign.recipients.parquet import table_rows
from campaign.recipients.text.columns import (
    check_columns,
    needed_columns,
    read_head,
    with_whole_header,
)
from campaign.recipients.text.encodings import ask_for_encoding, decoded, find_encoding
from campaign.recipients.text.framing import FRAME_ROWS, Form, Frame, frames
from campaign.recipients.workbooks.sheets import sheet_rows
from campaign.records import Source

__all__ = ["Chunk", "Reject", "input_files", "read_lists"]


def input_files(folder: Path, settings: Recipients) -> list[Path]:
    """The files that `files` names, globs resolved, each once.

    Raises DataError where a name or pattern finds no file.
    """
    found: dict[Path, None] = {}
    for pattern in settings.files:
        path = folder / pattern
        matches = [path] if path.is_file() else _globbed(folder, pattern)
        if not matches:
            raise DataError(
                "there is no such file",
                file=str(path),
                remedy="mend files in [recipients]; paths are relative to campaign.toml",
            )
        found.update(dict.fromkeys(match.resolve() for match in matches))
    return list(found)


def read_lists(folder: Path, settings: Recipients) -> Iterator[Chunk]:
    """All rows of all files, file after file; at least one chunk, possibly empty, for each.

    Raises DataError for a file that cannot be used as it is; a row that cannot is a Reject.
    """
    for index, path in enumerate(input_files(folder, settings)):
        with ExitStack() as stack:
            yield from _File(path, folder, index, settings, stack).chunks()


class _File:
    """One recipient file, open as long as its chunks are read."""

    def __init__(
        self, path: Path, folder: Path, index: int, settings: Recipients, stack: ExitStack
    ) -> None:
        self._name = _shown_name(path, folder)
        self._index = index
        self._settings = settings
        self._needs = needed_columns(settings)
        self._stack = stack
        self._is_tsv = ".tsv" in path.suffixes[-2:]
        raw = self._opened(path)
        self._sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
        raw.seek(0)
        self._is_gzip = raw.read(2) == b"\x1f\x8b"  # RFC 1952, 2.3.1
        raw.seek(0)
        self._content: IO[bytes] = raw
        if self._is_gzip:
            self._content = cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=raw)))

    def chunks(self) -> Iterator[Chunk]:
        try:
            start = self._content.read(16)
            if not start:
                raise self._empty()
            refuse_foreign_bytes(start, self._name)
            if start[:4] == b"PK\x03\x04":
                yield from self._table_chunks(sheet_rows(self._seekable(), self._name), "xlsx")
            elif start[:4] == b"PAR1":
                yield from self._table_chunks(table_rows(self._seekable(), self._name), "parquet")
            else:
                yield from self._csv_chunks()
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(
                f"the compressed file is damaged: {error}",
                file=self._name,
                remedy="fetch it again; gzip -t tells whether it is whole",
            ) from error

    def _csv_chunks(self) -> Iterator[Chunk]:
        settings, name = self._settings, self._name
        encoding = find_encoding(self._content, settings.encoding, name)
        if encoding.is_unsure:
            raise ask_for_encoding(self._content, encoding, name)
        blocks = decoded(self._content, encoding.name, name)
        start = with_whole_header(blocks, name)
        refuse_foreign_text(start, name)
        delimiter = "\t" if self._is_tsv and settings.delimiter == "auto" else settings.delimiter
        head = read_head(start, delimiter=delimiter, needs=self._needs, file=name)
        source = Source(
            name, head.columns, encoding.name, encoding.confidence, head.delimiter, self._sha256
        )
        form = Form(head.delimiter, head.columns, head.line_end, settings.max_field)
        rest = itertools.chain([start[head.chars :]], blocks)
        frame = None
        for frame in frames(rest, form, head.lines + 1):
            yield Chunk(source, self._index, frame.lines, _parsed(frame, form), frame.rejects)
        if frame is None:
            yield Chunk(source, self._index, [], [], [])

    def _table_chunks(self, rows: Iterator[TableRow], kind: str) -> Iterator[Chunk]:
        """Chunks of a workbook or Parquet file, whose first row is the header."""
        header = next(rows, None)
        if header is None:
            raise self._empty()
        columns = check_columns(header.cells, needs=self._needs, file=self._name, line=header.line)
        at = columns.index(self._settings.address)
        source = Source(self._name, columns, kind, None, "", self._sha256)
        is_first = True
        while (batch := list(itertools.islice(rows, FRAME_ROWS))) or is_first:
            is_first = False
            chunk = Chunk(source, self._index, [], [], [])
            for row in batch:
                reason = row.problem or _problem(row.cells, columns, self._settings.max_field)
                if reason:
                    cells = tuple(clipped(cell).replace("\0", "␀") for cell in row.cells)
                    chunk.rejects.append(Reject(row.line, cells[at], reason, cells))
                else:
                    chunk.lines.append(row.line)
                    chunk.rows.append(row.cells)
            yield chunk

    def _opened(self, path: Path) -> io.BufferedReader:
        try:
            return self._stack.enter_context(path.open("rb"))
        except OSError as error:
            raise DataError(
                f"cannot be read: {error.strerror}",
                file=self._name,
                remedy="check the path and who may read it",
            ) from error

    def _seekable(self) -> IO[bytes]:
        """For readers that jump about: a compressed file is unpacked first."""
        self._content.seek(0)
        return self._spooled(self._content) if self._is_gzip else self._content

    def _spooled(self, content: IO[bytes]) -> io.BufferedRandom:
        spool = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        shutil.copyfileobj(content, spool)
        spool.seek(0)
        return spool

    def _empty(self) -> DataError:
        return DataError("the file is empty", file=self._name, remedy="it needs a header and rows")


def _parsed(frame: Frame, form: Form) -> list[tuple[str, ...]]:
    """The cells of well-formed records, by pandas where they are quoted."""
    if '"' not in frame.text:
        return [tuple(line.split(form.delimiter)) for line in frame.text.split("\n")[:-1]]
    import pandas  # half a second, which a list without quotes does without

    # The header made of numbers keeps pandas from taking a cell that begins with U+FEFF for a
    # byte order mark.  dtype=object hands the parsed strings over as they are.
    header = form.delimiter.join(map(str, range(len(form.columns)))) + "\n"
    table = pandas.read_csv(
        io.StringIO(header + frame.text),
        sep=form.delimiter,
        dtype=object,
        index_col=False,
        keep_default_na=False,
        na_filter=False,
        lineterminator="\n",
        skip_blank_lines=False,
    )
    rows = list(zip(*(table[name].tolist() for name in table.columns), strict=True))
    if len(rows) != len(frame.lines) or table.shape[1] != len(form.columns):
        raise RuntimeError(f"pandas made {table.shape} of {len(frame.lines)} framed records")
    return rows


def _problem(cells: tuple[str, ...], columns: tuple[str, ...], max_field: int) -> str:
    for column, cell in zip(columns, cells, strict=True):
        if "\0" in cell:
            return f"row: NUL in '{column}'"
        if 4 * len(cell) > max_field and len(cell.encode()) > max_field:
            return f"row: '{column}' is longer than {max_field} bytes"
    return ""


def _globbed(folder: Path, pattern: str) -> list[Path]:
    anchor = Path(pattern).anchor
    root = Path(anchor) if anchor else folder
    return sorted(match for match in root.glob(pattern[len(anchor) :]) if match.is_file())


def _shown_name(path: Path, folder: Path) -> str:
    root = folder.resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
