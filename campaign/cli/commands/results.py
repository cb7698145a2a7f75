"""`campaign results`: what became of each recipient, as a file.

In: the journal.  Out: CSV, JSON lines or Parquet, in a file or on stdout.
Touches: the file named by `-o`, which appears whole or not at all.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from campaign.cli.arguments import HERE, PathArgument, RehearsalOption
from campaign.cli.terminal.tables import counted, escape
from campaign.errors import EXIT_DONE, UsageError
from campaign.records import Result, State

EXAMPLES = (
    "campaign results spring --state failed",
    "campaign results spring --format jsonl -o results.jsonl",
)


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def command(
    path: PathArgument = HERE,
    format_: Annotated[
        Format, typer.Option("--format", help="How it is written; csv is safe to open in Excel.")
    ] = Format.CSV,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write to FILE instead of stdout."),
    ] = None,
    state: Annotated[
        State | None,
        typer.Option(metavar="STATE", help=f"Only recipients in this state: {', '.join(State)}."),
    ] = None,
    sandbox: RehearsalOption = False,
) -> int:
    """Print what became of each recipient.

    One line each: state, reason, attempts, the server's last reply, Message-ID, when.
    """
    from campaign.cli.exports import WRITERS, whole_file
    from campaign.cli.journals import look_up

    if format_ is Format.PARQUET and output is None:
        raise UsageError(
            "Parquet is not for the terminal", remedy="name a file: -o results.parquet"
        )
    with look_up(path, sandbox) as reader:
        results = reader.results(state)
        if output is None:
            if sys.stdout.isatty():
                results = map(harmless, results)
            WRITERS[format_](sys.stdout.buffer, results)
            return EXIT_DONE
        with whole_file(output) as file:
            count = WRITERS[format_](file, results)
    print(f"{output}: {counted(count, 'recipient')}", file=sys.stderr)
    return EXIT_DONE


def harmless(result: Result) -> Result:
    """The same with nothing in it that a terminal would obey."""
    return Result._make(escape(value) if isinstance(value, str) else value for value in result)
