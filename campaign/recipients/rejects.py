"""Rows that cannot be used, as a CSV file to mend in Excel and to read again.

In: rows with their columns and reasons.  Out: CSV text.  Touches: the file it is given.

A spreadsheet runs a cell that begins like a formula (CWE-1236), so such a cell gets an apostrophe
in front.  The apostrophe is taken off again when the mended file is read as a list; the column of
the reasons tells that a list is one of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import BinaryIO, NamedTuple

# What a spreadsheet takes for the start of a formula, full-width forms included (OWASP, CSV
# injection).
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001
REASON, FILE, LINE = "reject reason", "reject file", "reject line"
_OURS = (REASON, FILE, LINE)


class RejectedRow(NamedTuple):
    """One row to mend."""

    file: str
    line: int
    columns: tuple[str, ...]
    cells: tuple[str, ...]  # as far as they can be told, so perhaps fewer or more than columns
    reason: str


def formula_safe(cell: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA) else cell


def formula_undone(cell: str) -> str:
    """The inverse of `formula_safe`."""
    is_marked = cell.startswith("'") and cell.lstrip("'").startswith(FORMULA)
    return cell[1:] if is_marked else cell


def write_rejects(
    file: BinaryIO, columns: Iterable[Sequence[str]], rows: Iterable[RejectedRow]
) -> int:
    """CSV in UTF-8 with the mark Excel knows it by; how many rows.

    `columns` are those of each source; the file has all of them, and three of ours in front: why,
    in which file and line.  Cells beyond the columns of a row stand
    together in its last one.
    """
    names = list(dict.fromkeys(name for source in columns for name in source if name not in _OURS))
    file.write(b"\xef\xbb\xbf")
    _write_line(file, [*_OURS, *names])
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        cells = row.cells
        if len(cells) > len(row.columns):
            last = len(row.columns) - 1
            cells = (*cells[:last], " ".join(cells[last:]))
        by_name = dict(zip(row.columns, cells, strict=False))
        listed = [row.reason, row.file, str(row.line), *(by_name.get(name, "") for name in names)]
        _write_line(file, [formula_safe(cell) for cell in listed])
    file.flush()
    return count


def _write_line(file: BinaryIO, cells: Sequence[str]) -> None:
    written = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    file.write(f"{written}\r\n".encode("utf-8", "backslashreplace"))
