"""What a command writes its rows as: by the option --format, or by the name of a file.

In: what was asked for.  Out: a `Format`.
Touches: nothing, but it asks whether stdout is a terminal.
Raises UsageError for what cannot be written there.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path

from campaign.errors import UsageError


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    XLSX = "xlsx"


_BINARY = {Format.PARQUET, Format.XLSX}


def format_of(path: Path) -> Format:
    """By the end of a file's name.  Raises UsageError for another one."""
    kind = path.suffix.lower().removeprefix(".")
    if kind in set(Format) - {Format.TABLE}:
        return Format(kind)
    raise UsageError(
        f"the name {path.name} does not say what to write",
        remedy="call it .csv, .jsonl, .parquet or .xlsx, or say --format",
    )


def chosen_format(asked: Format | None, output: Path | None) -> Format:
    """As asked; else as the file is named; else a table in a terminal and CSV in a pipe."""
    kind = asked or (format_of(output) if output else None)
    if kind is None:
        kind = Format.TABLE if sys.stdout.isatty() else Format.CSV
    if output is None and kind in _BINARY:
        raise UsageError(
            f"{kind} is not for the terminal", remedy=f"name a file: -o results.{kind}"
        )
    if output is not None and kind is Format.TABLE:
        raise UsageError("a table is for the terminal", remedy="write -o results.csv")
    return kind
