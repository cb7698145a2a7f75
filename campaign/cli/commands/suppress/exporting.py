"""`campaign suppress export`: the store as a file.

In: the store.  Out: CSV, JSON lines, or hashes of addresses for a partner.
Touches: the suppression store; the file named by `-o`, which appears whole or not at all.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE
from campaign.cli.commands.suppress.opened import CampaignOption, as_object, opened, scope_of
from campaign.cli.terminal.tables import counted
from campaign.errors import EXIT_DONE

if TYPE_CHECKING:
    from campaign.suppression.entries import Suppressed

EXAMPLES = (
    "campaign suppress export -o suppressed.csv",
    "campaign suppress export --format sha256 -o for-the-partner.txt",
)
_FIELDS = ("key", "scope", "reason", "source", "campaign", "at", "until", "evidence")


class ExportForm(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    MD5 = "md5"
    SHA256 = "sha256"


def command(
    format_: Annotated[
        ExportForm,
        typer.Option(
            "--format", help="csv and jsonl can be imported again; md5 and sha256 are hashes."
        ),
    ] = ExportForm.CSV,
    list_: Annotated[
        str, typer.Option("--list", metavar="NAME", help="Of this list only; * is all letters.")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write to FILE instead of stdout."),
    ] = None,
    path: CampaignOption = HERE,
) -> int:
    """Print the whole store, with what has ended.

    Hashes are of addresses in small letters, one a line, of those who are suppressed now: people
    who were erased are not among them.
    """
    from campaign.cli.files.writing import whole_file

    scope = scope_of(list_) if list_ else ""
    with opened(path) as there:
        entries = there.store.iterate(scope)
        if format_ in (ExportForm.MD5, ExportForm.SHA256):
            in_force = (entry for entry in entries if entry.is_in_force(there.now_s))
            lines = _hashes(in_force, format_)
        else:
            lines = _csv(entries) if format_ is ExportForm.CSV else _jsonl(entries)
        if output is None:
            for line in lines:
                sys.stdout.write(line)
            return EXIT_DONE
        with whole_file(output) as file:
            count = 0
            for line in lines:
                count += file.write(line.encode()) > 0
    print(f"{output}: {counted(count, 'line')}", file=sys.stderr)
    return EXIT_DONE


def _csv(entries: Iterable[Suppressed]) -> Iterator[str]:
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_FIELDS)
    for entry in entries:
        fields = as_object(entry)
        writer.writerow(fields[name] for name in _FIELDS)
        yield _emptied(written)
    yield _emptied(written)


def _emptied(written: io.StringIO) -> str:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text


def _jsonl(entries: Iterable[Suppressed]) -> Iterator[str]:
    for entry in entries:
        yield json.dumps(as_object(entry), ensure_ascii=False) + "\n"


def _hashes(entries: Iterable[Suppressed], name: ExportForm) -> Iterator[str]:
    """A plain hash of an address is easily found again, so it is made only when asked for."""
    last = ""
    for entry in entries:  # in the order of keys
        if "@" in entry.key and entry.key != last:
            last = entry.key
            yield hashlib.new(name, entry.key.encode(), usedforsecurity=False).hexdigest() + "\n"
