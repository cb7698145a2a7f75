"""`campaign preview`: letters as they would be sent, before anybody gets one.

In: a planned campaign.  Out: one letter in the terminal, or all of them as files.
Touches: the folder named by `--out`.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli.arguments import HERE, JsonOption, NoBrowserOption, PathArgument, PortOption
from campaign.cli.services.planning import ensure_planned
from campaign.cli.services.serving import PREVIEW_PORT, serve_preview, unsigned_press
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.streams import complain
from campaign.cli.terminal.tables import counted, escape, pad, table
from campaign.cli.triggered import refuse_open
from campaign.errors import EXIT_DONE, UsageError
from campaign.units import show_size

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.outcomes import ListRow
    from campaign.pages.letter import Opened
    from campaign.rendering.templating.branches import Sampling

EXAMPLES = (
    "campaign preview spring --line recipients.csv:3",
    "campaign preview spring --out letters",
    "campaign preview spring --out letters --sample 10",
    "campaign preview spring --diff HEAD~1",
)
_FIRST = ("From", "To", "Reply-To", "Subject", "Date")
_PLUMBING = {"mime-version", "content-type", "content-transfer-encoding"}


def command(
    path: PathArgument = HERE,
    row: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The recipient's row in the plan.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The recipient with this address.")
    ] = None,
    line: Annotated[
        str | None,
        typer.Option(metavar="FILE:LINE", help="The recipient of this line, as `plan` names it."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write .eml files and an index page into DIR."),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="With --out: only N letters, which show every branch of the templates.",
        ),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show all letters on a page in the browser.")
    ] = False,
    diff: Annotated[
        str | None,
        typer.Option(metavar="REV", help="Show what changed in the letters since a git revision."),
    ] = None,
    port: PortOption = PREVIEW_PORT,
    no_browser: NoBrowserOption = False,
    as_json: JsonOption = False,
) -> int:
    """Show a letter as its recipient would get it. Nothing is sent."""
    from campaign.config.loader import load
    from campaign.pages.letter import take_apart
    from campaign.planning.sample import render_all, render_one, render_sample

    if sum(each is not None for each in (row, to, line)) > 1:
        raise UsageError("--row, --to and --line each name a recipient", remedy="keep one")
    one_is_named = not (row is None and to is None and line is None)
    if sample is not None and (out is None or one_is_named):
        raise UsageError("--sample chooses letters for --out", remedy="add --out DIR")
    campaign = load(path, need_letters=True)
    refuse_open(campaign, "to preview", "POST /v1/render shows a letter: `campaign serve --api`")
    ensure_planned(campaign)
    if line is not None:
        row = row_at(campaign, line)
    if serve:
        serve_preview(campaign, port, open_browser=not no_browser)
        return EXIT_DONE
    if diff is not None:
        from campaign.preview.changes import difference

        print("\n".join(difference(campaign, diff, unsigned_press)))
        return EXIT_DONE
    if out is None:
        shown = render_one(campaign, row, to, complain)
        place, letter = place_of(campaign, shown.row), take_apart(shown.letter)
        if as_json:
            print(json.dumps(as_object(letter, shown.row, place), ensure_ascii=False))
            return EXIT_DONE
        paint = Paint.on(sys.stdout)
        at = f"{shown.row:,}, {place.file}:{place.line}"
        print("\n".join(lines(letter, paint, at)))
        return EXIT_DONE
    from campaign.preview.files import write_files

    chosen = render_sample(campaign, sample, complain) if sample else None
    if chosen:
        letters = iter(chosen.letters)
    elif not one_is_named:
        letters = render_all(campaign, complain)
    else:
        letters = iter([render_one(campaign, row, to, complain)])
    count = write_files(out, campaign.settings.name, letters, chosen)
    if as_json:
        print(json.dumps({"folder": str(out), "letters": count, "index": str(out / "index.html")}))
        return EXIT_DONE
    print(f"{counted(count, 'letter')} in {out}; open {out / 'index.html'} in a browser")
    if chosen:
        print("\n".join(_coverage(chosen)))
    return EXIT_DONE


def row_at(campaign: Campaign, line: str) -> int:
    """The row of "list.csv:12".  Raises UsageError where the plan has no such line."""
    from campaign.journal.reading.reader import Reader

    file, _, number = line.rpartition(":")
    if not file or not number.isdecimal():
        raise UsageError(f"'{line}' is not a line of a file", remedy="write list.csv:12")
    with closing(Reader.open(*campaign.journal)) as reader:
        row = reader.row_at(file, int(number))
        names = sorted({source.name for source in reader.sources()})
    if row is None:
        raise UsageError(f"the plan has no {line}", remedy=f"its files are {', '.join(names)}")
    return row


def place_of(campaign: Campaign, row: int) -> ListRow:
    """Where a row of the plan stands in the list."""
    from campaign.journal.reading.reader import Reader

    with closing(Reader.open(*campaign.journal)) as reader:
        return reader.list_rows([row])[row]


def as_object(letter: Opened, row: int, place: ListRow) -> dict[str, Any]:
    """A letter as `--json` prints it."""
    return {
        "row": row,
        "file": place.file,
        "line": place.line,
        "headers": [{"name": field.name, "value": field.value} for field in letter.headers],
        "text": letter.text,
        "html": letter.html,
        "parts": [
            {"type": part.type, "name": part.name, "size_bytes": len(part.content)}
            for part in letter.parts
        ],
        "size_bytes": letter.size_bytes,
    }


def _coverage(sample: Sampling) -> list[str]:
    """Which branches the letters show, and which they do not."""
    every = sample.shown + len(sample.left_out) + len(sample.untaken)
    if not every:
        return ["The templates say the same in every letter: they have no branches."]
    branches = counted(every, "template branch", "template branches")
    said = [f"They show {sample.shown} of {branches}."]
    said += [f"  in no letter of the list: {escape(branch)}" for branch in sample.untaken]
    said += [f"  a larger --sample shows: {escape(branch)}" for branch in sample.left_out]
    return said


def lines(view: Opened, paint: Paint, row: str = "") -> list[str]:
    """Where the row stands, headers, text and a list of the parts."""
    first = [(name, view.header(name)) for name in _FIRST if view.header(name)]
    first = [("Row", row), *first] if row else first
    others = [
        (field.name, field.value)
        for field in view.headers
        if field.name not in _FIRST and field.name.lower() not in _PLUMBING
    ]
    width = 2 + max(len(name) for name, _ in [*first, *others])
    shown = [_header(name, value, width, paint) for name, value in first]
    shown += [paint.dim(pad(escape(name), width) + escape(value)) for name, value in others]
    shown += ["", *(escape(line, keep="\t") for line in view.text.splitlines()), ""]
    shown += [paint.bold("Parts")]
    shown += table(
        [
            (part.type, show_size(len(part.content)), part.name or _cid(part.content_id))
            for part in view.parts
        ],
        numbers=[1],
    )
    return [*shown, f"  {show_size(view.size_bytes)} on the wire"]


def _header(name: str, value: str, width: int, paint: Paint) -> str:
    text = escape(value)
    return paint.cyan(pad(name, width)) + (paint.bold(text) if name == "Subject" else text)


def _cid(content_id: str) -> str:
    return f"cid:{content_id}" if content_id else ""
