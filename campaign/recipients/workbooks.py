"""The first visible sheet of an .xlsx workbook, every cell as Excel displays it.

In: an open workbook.  Out: `TableRow`s, the header first.  Touches: nothing else.

The door to openpyxl, an extra: `pip install 'campaign[excel]'`.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from campaign.errors import DataError
from campaign.recipients.chunks import TableRow
from campaign.recipients.displayed import displayed


def sheet_rows(content: IO[bytes], file: str) -> Iterator[TableRow]:
    """The rows that hold anything, as wide as the header.

    Raises DataError where this is not a workbook.
    """
    try:
        from openpyxl import load_workbook  # type: ignore[import-untyped]
    except ImportError:
        raise DataError(
            "reading .xlsx needs openpyxl", file=file, remedy="pip install 'campaign[excel]'"
        ) from None
    # It warns of fonts and validations, which are nothing to a list.
    warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
    try:
        book = load_workbook(content, read_only=True, data_only=True, keep_links=False)
    except (zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
        raise DataError(
            f"this is not a workbook that can be read: {error}",
            file=file,
            remedy="open it in Excel and save it as .xlsx again, or as CSV",
        ) from error
    try:
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        if sheets:
            sheets[0].reset_dimensions()  # many programs write them wrong
            yield from _filled_rows(sheets[0].iter_rows())
    finally:
        book.close()


def _filled_rows(rows: Iterator[tuple[Any, ...]]) -> Iterator[TableRow]:
    width = 0
    for line, cells in enumerate(rows, 1):
        texts = [displayed(cell.value, cell.number_format or "General") for cell in cells]
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
        texts += [""] * (width - len(texts))
        yield TableRow(line, tuple(texts[:width]), problem)
