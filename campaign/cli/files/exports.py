"""Results as CSV, JSON lines, Parquet and XLSX, one recipient at a time.

In: a `WrittenTable`: results of the journal, each with its row of the list, or a verified list.
Out: bytes in an open file, the number of rows written.  Touches: the file it is given.

CSV is opened in spreadsheets, and a cell there that begins like a formula runs as one
(CWE-1236): such cells get a leading apostrophe and every cell is quoted.  The other formats keep
values as they are, Parquet and XLSX with times as times.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, Protocol

from campaign.cli.files.formats import Format
from campaign.errors import MissingExtraError, UsageError
from campaign.extras import pip_line
from campaign.outcomes import ListRow, Result
from campaign.recipients.rejects import formula_safe

FIELDS = tuple(field.rstrip("_") for field in Result._fields)  # class_ is written as "class"
PLACE = ("file", "line")  # of the list
_BATCH = 10_000  # rows of one Parquet row group: a few MB
_NUMBERS = {"row": "int64", "line": "int64", "attempts": "int32", "code": "int32"}
TIME = "time"  # the kind of a column of moments, written in RFC 3339
_XLSX_ROWS = 1_048_576  # of one sheet (ECMA-376 leaves it open; Excel has no more)


class WrittenTable(Protocol):
    """A table that is written, one row at a time."""

    @property
    def title(self) -> str: ...

    @property
    def names(self) -> Sequence[str]:
        """Of the columns."""

    @property
    def is_list(self) -> bool:
        """It will be read as a list again: its cells stay what they are, in CSV too."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """By column: "int64", "int32" or TIME; all others are text."""

    def cells(self) -> Iterator[tuple[Any, ...]]:
        """The rows."""

    def objects(self) -> Iterator[dict[str, Any]]:
        """The rows as JSON has them."""


class ListedRow(NamedTuple):
    """What became of one recipient, and the row of the list it came from."""

    result: Result
    row: ListRow


class Export(NamedTuple):
    """What is written."""

    recipients: Iterable[ListedRow]
    columns: Sequence[str] = ()  # of the list, that are written as well
    title: str = "results"
    is_list: bool = False

    @property
    def kinds(self) -> dict[str, str]:
        return _NUMBERS | {name: TIME for name in FIELDS if name.endswith("_at")}

    @property
    def names(self) -> tuple[str, ...]:
        """A column of the list that is called like a field of ours gets "list." in front."""
        ours = (*FIELDS, *PLACE)
        return (*ours, *(f"list.{name}" if name in ours else name for name in self.columns))

    def cells(self) -> Iterator[tuple[Any, ...]]:
        for result, row in self.recipients:
            yield (
                *result,
                row.file,
                row.line,
                *(row.cells.get(name, "") for name in self.columns),
            )

    def objects(self) -> Iterator[dict[str, Any]]:
        """The fields of the contract, and where columns of the list are asked for, "file", "line"
        and an object "columns"."""
        for result, row in self.recipients:
            fields = as_object(result)
            if self.columns:
                columns = {name: row.cells.get(name, "") for name in self.columns}
                fields |= {"file": row.file, "line": row.line, "columns": columns}
            yield fields


def write_csv(file: BinaryIO, sheet: WrittenTable) -> int:
    """RFC 4180 in UTF-8, every cell quoted, no cell a formula that was not one in the list."""
    writer = csv.writer(_Utf8(file), quoting=csv.QUOTE_MINIMAL if sheet.is_list else csv.QUOTE_ALL)
    writer.writerow([_harmless(name) for name in sheet.names])
    count = 0
    for count, cells in enumerate(sheet.cells(), 1):  # noqa: B007
        writer.writerow(cells if sheet.is_list else [_harmless(value) for value in cells])
    file.flush()
    return count


def write_csv_for_excel(file: BinaryIO, sheet: WrittenTable) -> int:
    """The same behind the mark by which Excel knows UTF-8."""
    file.write(b"\xef\xbb\xbf")
    return write_csv(file, sheet)


class _Utf8:
    """Text into a binary file.  (A TextIOWrapper would close stdout behind a broken pipe.)"""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        self._file.write(text.encode("utf-8", "backslashreplace"))


def _harmless(value: object) -> object:
    return formula_safe(value) if isinstance(value, str) else value


def write_jsonl(file: BinaryIO, sheet: WrittenTable) -> int:
    """One JSON object a line."""
    count = 0
    for count, fields in enumerate(sheet.objects(), 1):  # noqa: B007
        line = json.dumps(fields, ensure_ascii=False) + "\n"
        file.write(line.encode("utf-8", "backslashreplace"))
    file.flush()
    return count


def write_parquet(file: BinaryIO, sheet: WrittenTable) -> int:
    """Typed columns.  Raises MissingExtraError where pyarrow is not installed."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("Parquet needs pyarrow", remedy=pip_line("parquet")) from error
    time = pa.timestamp("us", tz="UTC")
    kinds = {
        name: time if kind == TIME else getattr(pa, kind)() for name, kind in sheet.kinds.items()
    }
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in sheet.names])
    count = 0
    rows = _typed(sheet)
    with pq.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, _BATCH)):
            arrays = [
                pa.array(column, field.type)
                for column, field in zip(zip(*batch, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(batch)
    return count


def write_xlsx(file: BinaryIO, sheet: WrittenTable) -> int:
    """One sheet, text as text, times as Excel's.

    Raises MissingExtraError where openpyxl is not installed, UsageError for more rows than a sheet
    has.
    """
    try:
        from openpyxl import Workbook  # type: ignore[import-untyped]
        from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("XLSX needs openpyxl", remedy=pip_line("excel")) from error
    book = Workbook(write_only=True)
    page = book.create_sheet(sheet.title)
    page.freeze_panes = "A2"

    def cell(value: object) -> Any:
        if isinstance(value, datetime):
            made = WriteOnlyCell(page, value.replace(tzinfo=None))
            made.number_format = "yyyy-mm-dd hh:mm:ss"
            return made
        if isinstance(value, str):
            made = WriteOnlyCell(
                page, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value)
            )
            made.data_type = "s"  # whatever it begins with, it is no formula
            return made
        return value

    page.append([cell(name) for name in sheet.names])
    count = 0
    for count, cells in enumerate(_typed(sheet), 1):
        if count >= _XLSX_ROWS:
            raise UsageError(
                f"a sheet of Excel has {_XLSX_ROWS:,} rows, and there are more here",
                remedy="write .csv, .jsonl or .parquet",
            )
        page.append([cell(value) for value in cells])
    book.save(file)
    return count


def _typed(sheet: WrittenTable) -> Iterator[tuple[Any, ...]]:
    """Rows with times as datetime, None where there is none."""
    times = [at for at, name in enumerate(sheet.names) if sheet.kinds.get(name) == TIME]
    for cells in sheet.cells():
        typed = list(cells)
        for at in times:
            typed[at] = _time(cells[at])
        yield tuple(typed)


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def as_object(result: Result) -> dict[str, Any]:
    """The fields of the contract, in its order."""
    return dict(zip(FIELDS, result, strict=True))


WRITERS: dict[Format, Callable[[BinaryIO, WrittenTable], int]] = {
    Format.CSV: write_csv,
    Format.JSONL: write_jsonl,
    Format.PARQUET: write_parquet,
    Format.XLSX: write_xlsx,
}
