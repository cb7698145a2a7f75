"""`campaign results`: what became of each recipient, as a table or a file.

In: the journal.  Out: a table in a terminal; CSV, JSON lines, Parquet or XLSX elsewhere.
Touches: the file named by `-o`, which appears whole or not at all.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, FormatOption, OutputOption, PathArgument, RehearsalOption
from campaign.cli.files.exports import WRITERS, Export, ListedRow
from campaign.cli.files.formats import Format, chosen_format
from campaign.cli.terminal.tables import clip, counted, escape, legible, pad
from campaign.clock import iso
from campaign.errors import EXIT_DONE, UsageError
from campaign.outcomes import ListRow, Result
from campaign.records import State

if TYPE_CHECKING:
    from campaign.journal.reading.reader import Reader
    from campaign.journal.reading.returned.events import CameBack

EXAMPLES = (
    "campaign results spring --state failed",
    "campaign results spring -o results.xlsx --columns company",
)
_PAGE = 2_000  # rows of the list asked for at once
_STATE, _ADDRESS = 9, 32  # columns of the table


def command(
    path: PathArgument = HERE,
    format_: FormatOption = None,
    output: OutputOption = None,
    state: Annotated[
        State | None,
        typer.Option(metavar="STATE", help=f"Only recipients in this state: {', '.join(State)}."),
    ] = None,
    columns: Annotated[
        str, typer.Option(metavar="NAMES", help="Columns of the list to add: company,phone.")
    ] = "",
    bom: Annotated[
        bool, typer.Option("--bom", help="Mark a .csv as UTF-8, without which Excel misreads it.")
    ] = False,
    sandbox: RehearsalOption = False,
) -> int:
    """Print what became of each recipient.

    One line each: state, reason, attempts, the server's last reply, Message-ID, when, and where it
    stands in the list. Times are UTC.
    """
    from campaign.cli.files.exports import write_csv_for_excel
    from campaign.cli.files.writing import whole_file
    from campaign.cli.journals import journal_to_look_at, look_up
    from campaign.journal.reading.returned.events import came_back

    kind = chosen_format(format_, output)
    write = write_csv_for_excel if bom and kind is Format.CSV else WRITERS.get(kind)
    with look_up(path, sandbox) as reader:
        names = _named(columns, reader)
        back = came_back(*journal_to_look_at(path, sandbox))
        found = listed(reader, state, back)
        if output is not None:
            assert write is not None
            with whole_file(output) as file:
                count = write(file, Export(found, names))
            print(f"{output}: {counted(count, 'recipient')}", file=sys.stderr)
        elif write is None:
            for line in table(found, shutil.get_terminal_size().columns - 1):
                print(line)
        else:
            shown = map(harmless, found) if sys.stdout.isatty() else found
            write(sys.stdout.buffer, Export(shown, names))
    return EXIT_DONE


def _named(columns: str, reader: Reader) -> list[str]:
    """The columns that are asked for.  Raises UsageError for one that no list has."""
    asked = [name.strip() for name in columns.split(",") if name.strip()]
    there = list(dict.fromkeys(name for source in reader.sources() for name in source.columns))
    for name in asked:
        if name not in there:
            raise UsageError(
                f"'{name}' is not a column of the list", remedy=f"it has {', '.join(there)}"
            )
    return asked


def listed(
    reader: Reader, state: State | None, back: Mapping[int, CameBack] | None = None
) -> Iterator[ListedRow]:
    """What became of each recipient, with what came back, and its row of the list."""
    results = (_with(result, (back or {}).get(result.row)) for result in reader.results(state))
    while page := list(islice(results, _PAGE)):
        rows = reader.list_rows([result.row for result in page])
        yield from (ListedRow(result, rows[result.row]) for result in page)


def _with(result: Result, back: CameBack | None) -> Result:
    if back is None:
        return result
    return result._replace(
        bounced_at=iso(back.bounced_at),
        bounce_class=back.bounce_class,
        complained_at=iso(back.complained_at),
        unsubscribed_at=iso(back.unsubscribed_at),
    )


def table(found: Iterable[ListedRow], width: int) -> Iterator[str]:
    """State, address and the last word on each, in lines of at most `width` columns."""
    count = 0
    for count, (result, _) in enumerate(found, 1):  # noqa: B007
        reply = f"{result.code} {result.reply}" if result.code else ""
        last = result.reason if result.state == State.SKIPPED else reply or result.reason
        if came := _came_back(result):
            last = f"{came}; {last}"
        line = f"{pad(result.state, _STATE)}  {_cell(result.address or '(empty)', _ADDRESS)}  "
        yield clip((line + legible(last)).rstrip(), width)
    yield f"{counted(count, 'recipient')}; -o FILE writes all that is known of each"


def _came_back(result: Result) -> str:
    """ "bounced (recipient-gone), complained"; "" where nothing came."""
    told = [f"bounced ({result.bounce_class})"] if result.bounced_at else []
    told += ["complained"] if result.complained_at else []
    return ", ".join([*told, *(["unsubscribed"] if result.unsubscribed_at else [])])


def _cell(text: str, width: int) -> str:
    return pad(clip(legible(text), width), width)


def harmless(one: ListedRow) -> ListedRow:
    """The same with nothing in it that a terminal would obey."""
    result = Result._make(
        escape(value) if isinstance(value, str) else value for value in one.result
    )
    cells = {escape(name): escape(value) for name, value in one.row.cells.items()}
    return ListedRow(result, ListRow(escape(one.row.file), one.row.line, cells))
