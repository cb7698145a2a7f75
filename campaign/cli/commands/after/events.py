"""`campaign events`: what came back, one line an event.

In: the events of a journal.  Out: a table in a terminal; CSV or JSON lines elsewhere.
Touches: the file named by `-o`, which appears whole or not at all.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from campaign.cli.arguments import HERE, FormatOption, OutputOption, PathArgument, RehearsalOption
from campaign.cli.files.exports import TIME, WRITERS
from campaign.cli.files.formats import chosen_format
from campaign.cli.terminal.tables import clip, counted, escape, legible, pad
from campaign.errors import EXIT_DONE
from campaign.outcomes import EventKind

if TYPE_CHECKING:
    from campaign.journal.reading.reader import Reader
    from campaign.outcomes import Event

EXAMPLES = (
    "campaign events spring --kind bounced",
    "campaign events spring -o events.csv",
)
FIELDS = ("at", "row", "address", "kind", "class", "evidence", "source", "message_id")
_PAGE = 2_000


class EventSheet(NamedTuple):
    """Events as the writers of files take them."""

    events: Iterable[dict[str, Any]]
    title: str = "events"
    is_list: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return FIELDS

    @property
    def kinds(self) -> dict[str, str]:
        return {"at": TIME, "row": "int64"}

    def cells(self) -> Iterator[tuple[Any, ...]]:
        for event in self.events:
            yield tuple(event.values())

    def objects(self) -> Iterator[dict[str, Any]]:
        yield from self.events


def command(
    path: PathArgument = HERE,
    kind: Annotated[
        EventKind | None, typer.Option(metavar="KIND", help=f"Only: {', '.join(EventKind)}.")
    ] = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    sandbox: RehearsalOption = False,
) -> int:
    """Print what came back, one line an event.

    The oldest stands first. A line says when it happened, whom it is about, what it says and where
    it was read. Times are UTC.
    """
    from campaign.cli.files.writing import whole_file
    from campaign.cli.journals import journal_to_look_at, look_up
    from campaign.journal.reading.returned.events import events

    form = chosen_format(format_, output)
    write = WRITERS.get(form)
    with look_up(path, sandbox) as reader:
        journal = journal_to_look_at(path, sandbox)
        found = listed(reader, events(*journal, kind=str(kind) if kind else ""))
        if output is not None:
            assert write is not None
            with whole_file(output) as file:
                count = write(file, EventSheet(found))
            print(f"{output}: {counted(count, 'event')}", file=sys.stderr)
        elif write is None:
            for line in table(found, shutil.get_terminal_size().columns - 1):
                print(line)
        else:
            shown = map(_harmless, found) if sys.stdout.isatty() else found
            write(sys.stdout.buffer, EventSheet(shown))
    return EXIT_DONE


def listed(reader: Reader, found: Iterator[Event]) -> Iterator[dict[str, Any]]:
    """Each event with the fields of the contract."""
    from campaign.clock import iso

    while page := list(islice(found, _PAGE)):
        addresses = reader.addresses_of([event.row for event in page])
        for event in page:
            values = (
                iso(event.at), event.row, addresses.get(event.row, ""), event.kind, event.class_,
                event.evidence, event.source, event.message_id,
            )  # fmt: skip
            yield dict(zip(FIELDS, values, strict=True))


def _harmless(event: dict[str, Any]) -> dict[str, Any]:
    """The same with nothing in it that a terminal would obey."""
    return {
        name: escape(value) if isinstance(value, str) else value for name, value in event.items()
    }


def table(found: Iterable[dict[str, Any]], width: int) -> Iterator[str]:
    count = 0
    for count, event in enumerate(found, 1):  # noqa: B007
        said = event["evidence"]
        line = (
            f"{event['at'][:16].replace('T', ' ')}  {pad(event['kind'], 12)}"
            f"  {pad(clip(legible(event['address']), 28), 28)}  {pad(event['class'], 19)}  "
        )
        yield clip((line + legible(said)).rstrip(), width)
    yield f"{counted(count, 'event')}; -o FILE writes all that is known of each"
