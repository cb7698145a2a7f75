"""The nouns of this room: what travels from a file to `cleaning`.

In: nothing.  Out: plain tuples.  Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from campaign.records import Source

SHOWN_CHARS = 200  # of a damaged record or cell, kept for the report


class Reject(NamedTuple):
    """One record that cannot be used."""

    line: int  # 1 = first line of the file
    cell: str  # the cell at fault, or the record as far as it can be told; clipped
    reason: str
    row: tuple[str, ...] = ()  # its cells as far as they can be told, for mending


class TableRow(NamedTuple):
    """One row of a workbook or Parquet file."""

    line: int  # number of the row, 1 = the first
    cells: tuple[str, ...]
    problem: str = ""  # why the row cannot be used


class Chunk(NamedTuple):
    """Some rows of one source, in file order, and what had to be left out among them."""

    source: Source
    source_index: int
    lines: list[int]  # where each row starts; for a workbook or Parquet the number of the row
    rows: list[tuple[str, ...]]  # as wide as source.columns
    rejects: list[Reject]


def clipped(text: str) -> str:
    """At most 200 characters and an ellipsis."""
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"
