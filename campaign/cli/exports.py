"""Results written as CSV, JSON lines and Parquet, one recipient at a time.

In: results from the journal.  Out: bytes in an open file, the number of recipients written.
Touches: the file it is given, or one that appears whole or not at all.

CSV is opened in spreadsheets, and a cell there that begins like a formula runs as one
(CWE-1236): such cells get a leading apostrophe and every cell is quoted.  JSON lines and Parquet
keep the values as they are.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from campaign.errors import UsageError
from campaign.recipients.rejects import formula_safe
from campaign.records import Result

FIELDS = tuple(field.rstrip("_") for field in Result._fields)  # class_ is written as "class"
_BATCH = 10_000  # rows of one Parquet row group: a few MB


def write_csv(file: BinaryIO, results: Iterable[Result]) -> int:
    """RFC 4180 in UTF-8, every cell quoted, no cell a formula."""
    writer = csv.writer(_Utf8(file), quoting=csv.QUOTE_ALL)
    writer.writerow(FIELDS)
    count = 0
    for count, result in enumerate(results, 1):  # noqa: B007
        writer.writerow([_harmless(value) for value in result])
    file.flush()
    return count


class _Utf8:
    """Text into a binary file.  (A TextIOWrapper would close stdout behind a broken pipe.)"""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        self._file.write(text.encode("utf-8", "backslashreplace"))


def _harmless(value: object) -> object:
    return formula_safe(value) if isinstance(value, str) else value


def write_jsonl(file: BinaryIO, results: Iterable[Result]) -> int:
    """One JSON object a line."""
    count = 0
    for count, result in enumerate(results, 1):  # noqa: B007
        line = json.dumps(as_object(result), ensure_ascii=False) + "\n"
        file.write(line.encode("utf-8", "backslashreplace"))
    file.flush()
    return count


def write_parquet(file: BinaryIO, results: Iterable[Result]) -> int:
    """Parquet with typed columns; UsageError where pyarrow is not installed."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow", remedy="pip install 'campaign[parquet]'"
        ) from error
    numbers = {"row": pa.int64(), "attempts": pa.int32(), "code": pa.int32()}
    schema = pa.schema([(field, numbers.get(field, pa.string())) for field in FIELDS])
    count = 0
    with pq.ParquetWriter(file, schema) as writer:
        for batch in _batches(results):
            writer.write_table(pa.Table.from_pylist(batch, schema))
            count += len(batch)
    return count


def _batches(results: Iterable[Result]) -> Iterator[list[dict[str, Any]]]:
    rows = iter(results)
    while batch := [as_object(result) for result in islice(rows, _BATCH)]:
        yield batch


def as_object(result: Result) -> dict[str, Any]:
    """The fields of the contract, in its order."""
    return dict(zip(FIELDS, result, strict=True))


WRITERS: dict[str, Callable[[BinaryIO, Iterable[Result]], int]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes its name when it is complete, and leaves nothing otherwise."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}", remedy="name another file"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
