"""Results as CSV, JSON lines, Parquet and XLSX, one recipient at a time.

In: results of the journal, each with its row of the list.  Out: bytes in an open file, the number
of recipients written.  Touches: the file it is given.

CSV is opened in spreadsheets, and a cell there that begins like a formula runs as one
(CWE-1236): such cells get a leading apostrophe and every cell is quoted.  The other formats keep
values as they are, Parquet and XLSX with times as times.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from campaign.errors import MissingExtraError, UsageError
from campaign.extras import pip_line
from campaign.recipients.rejects import formula_safe
from campaign.records import ListRow, Result

FIELDS = tuple(field.rstrip("_") for field in Result._fields)  # class_ is written as "class"
PLACE = ("file", "line")  # of the list
_BATCH = 10_000  # rows of one Parquet row group: a few MB
_NUMBERS = {"row": "int64", "line": "int64", "attempts": "int32", "code": "int32"}
_XLSX_ROWS = 1_048_576  # of one sheet (ECMA-376 leaves it open; Excel has no more)


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    XLSX = "xlsx"


class ListedRow(NamedTuple):
    """What became of one recipient, and the row of the list it came from."""

    result: Result
    row: ListRow


class Export(NamedTuple):
    """What is written."""

    recipients: Iterable[ListedRow]
    columns: Sequence[str] = ()  # of the list, that are written as well

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


def write_csv(file: BinaryIO, export: Export) -> int:
    """RFC 4180 in UTF-8, every cell quoted, no cell a formula."""
    writer = csv.writer(_Utf8(file), quoting=csv.QUOTE_ALL)
    writer.writerow([_harmless(name) for name in export.names])
    count = 0
    for count, cells in enumerate(export.cells(), 1):  # noqa: B007
        writer.writerow([_harmless(value) for value in cells])
    file.flush()
    return count


def write_csv_for_excel(file: BinaryIO, export: Export) -> int:
    """The same behind the mark by which Excel knows UTF-8."""
    file.write(b"\xef\xbb\xbf")
    return write_csv(file, export)


class _Utf8:
    """Text into a binary file.  (A TextIOWrapper would close stdout behind a broken pipe.)"""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        self._file.write(text.encode("utf-8", "backslashreplace"))


def _harmless(value: object) -> object:
    return formula_safe(value) if isinstance(value, str) else value


def write_jsonl(file: BinaryIO, export: Export) -> int:
    """One JSON object a line: the fields of the contract, and where columns of the list are asked
    for, "file", "line" and an object "columns"."""
    count = 0
    for count, (result, row) in enumerate(export.recipients, 1):  # noqa: B007
        fields = as_object(result)
        if export.columns:
            columns = {name: row.cells.get(name, "") for name in export.columns}
            fields |= {"file": row.file, "line": row.line, "columns": columns}
        line = json.dumps(fields, ensure_ascii=False) + "\n"
        file.write(line.encode("utf-8", "backslashreplace"))
    file.flush()
    return count


def write_parquet(file: BinaryIO, export: Export) -> int:
    """Typed columns.  Raises MissingExtraError where pyarrow is not installed."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("Parquet needs pyarrow", remedy=pip_line("parquet")) from error
    time = pa.timestamp("us", tz="UTC")
    kinds = {name: getattr(pa, kind)() for name, kind in _NUMBERS.items()}
    kinds |= {name: time for name in FIELDS if _is_time(name)}
    ours = (*FIELDS, *PLACE)
    schema = pa.schema(
        [(name, kinds.get(name, pa.string()) if name in ours else pa.string())
         for name in export.names]
    )  # fmt: skip
    count = 0
    rows = _typed(export)
    with pq.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, _BATCH)):
            arrays = [
                pa.array(column, field.type)
                for column, field in zip(zip(*batch, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(batch)
    return count


def write_xlsx(file: BinaryIO, export: Export) -> int:
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
    sheet = book.create_sheet("results")
    sheet.freeze_panes = "A2"

    def cell(value: object) -> Any:
        if isinstance(value, datetime):
            made = WriteOnlyCell(sheet, value.replace(tzinfo=None))
            made.number_format = "yyyy-mm-dd hh:mm:ss"
            return made
        if isinstance(value, str):
            made = WriteOnlyCell(
                sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value)
            )
            made.data_type = "s"  # whatever it begins with, it is no formula
            return made
        return value

    sheet.append([cell(name) for name in export.names])
    count = 0
    for count, cells in enumerate(_typed(export), 1):
        if count >= _XLSX_ROWS:
            raise UsageError(
                f"a sheet of Excel has {_XLSX_ROWS:,} rows, and there are more recipients",
                remedy="write .csv or .parquet, or one --state after the other",
            )
        sheet.append([cell(value) for value in cells])
    book.save(file)
    return count


def _typed(export: Export) -> Iterator[tuple[Any, ...]]:
    """Rows with times as datetime, None where there is none."""
    times = [at for at, name in enumerate(FIELDS) if _is_time(name)]
    for cells in export.cells():
        typed = list(cells)
        for at in times:
            typed[at] = _time(cells[at])
        yield tuple(typed)


def _is_time(field: str) -> bool:
    return field.endswith("_at")


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def as_object(result: Result) -> dict[str, Any]:
    """The fields of the contract, in its order."""
    return dict(zip(FIELDS, result, strict=True))


WRITERS: dict[Format, Callable[[BinaryIO, Export], int]] = {
    Format.CSV: write_csv,
    Format.JSONL: write_jsonl,
    Format.PARQUET: write_parquet,
    Format.XLSX: write_xlsx,
}


def format_of(path: Path) -> Format:
    """By the end of a file's name.  Raises UsageError for another one."""
    kind = path.suffix.lower().removeprefix(".")
    if kind in WRITERS:
        return Format(kind)
    raise UsageError(
        f"the name {path.name} does not say what to write",
        remedy="call it .csv, .jsonl, .parquet or .xlsx, or say --format",
    )
