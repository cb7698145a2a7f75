"""A Parquet file as rows of strings.

In: an open file.  Out: `TableRow`s, the header first.  Touches: nothing else.

The door to pyarrow, an extra: `pip install 'campaign[parquet]'`.  Row 1 is the first row of data,
since the header is no row there.
"""

from __future__ import annotations

import datetime
import decimal
import itertools
from collections.abc import Iterator
from typing import IO, Any

from campaign.errors import DataError, MissingExtraError
from campaign.extras import pip_line
from campaign.recipients.chunks import TableRow

_BATCH_ROWS = 10_000


def table_rows(content: IO[bytes], file: str) -> Iterator[TableRow]:
    """All rows; null is "".  Raises DataError where this is no Parquet file of plain values."""
    try:
        import pyarrow  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError(
            "reading Parquet needs pyarrow", file=file, remedy=pip_line("parquet")
        ) from None
    try:
        table = pyarrow.parquet.ParquetFile(content)
        for column in table.schema_arrow:
            if pyarrow.types.is_nested(column.type):
                raise DataError(
                    f"column '{column.name}' holds {column.type}, not one value a row",
                    file=file,
                    remedy="write it as text, or leave it out",
                )
        yield TableRow(0, tuple(table.schema_arrow.names))
        numbers = itertools.count(1)
        for batch in table.iter_batches(batch_size=_BATCH_ROWS):
            columns = [map(_text, column.to_pylist()) for column in batch.columns]
            yield from map(TableRow, numbers, zip(*columns, strict=True))
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise DataError(
            f"this Parquet file cannot be read: {error}", file=file, remedy="write it again"
        ) from error


def _text(value: Any) -> str:
    """The shortest text that says the same."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            # A column of whole numbers becomes float as soon as one is missing.
            return str(int(value)) if value.is_integer() else repr(value)
        case datetime.datetime():
            return value.isoformat(sep=" ")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case bytes():
            return value.decode()
        case decimal.Decimal():
            return f"{value:f}"
        case _:
            return str(value)
