"""The first visible sheet of an .xlsx workbook, every cell as Excel displays it.

In: an open workbook.  Out: `TableRow`s, the header first.  Touches: nothing else.

The door to openpyxl, an extra: `pip install 'campaign[excel]'`.
"""

from __future__ import annotations

import itertools
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any
from xml.parsers import expat

from campaign.errors import MissingExtraError
from campaign.extras import pip_line
from campaign.recipients.chunks import TableRow
from campaign.recipients.workbooks.displayed import displayed, unescaped
from campaign.recipients.workbooks.packages import check_package, damaged, uncalculated

# What openpyxl lets through where a part of the package is missing, cut off or garbage (found by
# damaging each part in each way, tests/recipients/test_damaged_workbooks.py).
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ArithmeticError, AttributeError, LookupError,
    RuntimeError, SyntaxError, TypeError, ValueError, expat.ExpatError,
)  # fmt: skip
_BATCH_ROWS = 500
_LAST_ROW = 1_048_576


def sheet_rows(content: IO[bytes], file: str) -> Iterator[TableRow]:
    """The rows that hold anything, as wide as the header.

    Raises DataError where this is not a workbook.
    """
    try:
        from openpyxl import load_workbook  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError(
            "reading .xlsx needs openpyxl", file=file, remedy=pip_line("excel")
        ) from None
    check_package(content, file)
    try:
        yield from _first_sheet(load_workbook, content, file)
    except _DAMAGE as error:
        raise damaged(str(error) or type(error).__name__, file) from error


def _first_sheet(load_workbook: Any, content: IO[bytes], file: str) -> Iterator[TableRow]:
    with _unwarned():
        book = load_workbook(content, read_only=True, data_only=True, keep_links=False)
    try:
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        if sheets:
            unknown = uncalculated(content, sheets[0]._worksheet_path, file)
            sheets[0].reset_dimensions()  # many programs write them wrong
            yield from _filled_rows(_batched(sheets[0].iter_rows()), unknown)
    finally:
        book.close()


def _batched(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The same rows, some read ahead, so that warnings are silent for reading alone."""
    while True:
        with _unwarned():
            batch = list(itertools.islice(rows, _BATCH_ROWS))
        if not batch:
            return
        yield from batch


@contextmanager
def _unwarned() -> Iterator[None]:
    """openpyxl warns of fonts, validations and odd dates, which are nothing to a list."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _filled_rows(rows: Iterator[tuple[Any, ...]], unknown: Mapping[int, str]) -> Iterator[TableRow]:
    width = 0
    for line, cells in enumerate(rows, 1):
        if line > _LAST_ROW:  # openpyxl fills the gap to a row that says it is the billionth
            raise ValueError(f"it numbers rows beyond {_LAST_ROW}, the last there can be")
        texts = [_text(cell) for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if not texts:
            continue
        width = width or len(texts)
        problem = ""
        if len(texts) > width:
            problem = f"row: {len(texts)} cells where the header has {width}"
        elif errors := [cell for cell in cells if cell.data_type == "e"]:
            problem = f"row: the error {errors[0].value} in cell {errors[0].coordinate}"
        elif line in unknown:
            problem = (
                f"row: the formula in cell {unknown[line]} was never calculated"
                " (open the workbook in Excel and save it)"
            )
        texts += [""] * (width - len(texts))
        yield TableRow(line, tuple(texts[:width]), problem)


def _text(cell: Any) -> str:
    value = cell.value
    if isinstance(value, str):
        return unescaped(value)
    return displayed(value, cell.number_format or "General")
