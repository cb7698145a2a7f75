"""`campaign preview`: letters as they would be sent, before anybody gets one.

In: a planned campaign.  Out: one letter in the terminal, or all of them as files.
Touches: the folder named by `--out`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, PathArgument
from campaign.cli.journals import ensure_planned
from campaign.cli.serving import (
    PREVIEW_PORT,
    NoBrowserOption,
    PortOption,
    serve_preview,
    unsigned_press,
)
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.streams import complain
from campaign.cli.terminal.tables import counted, escape, pad, table
from campaign.errors import EXIT_DONE, UsageError
from campaign.units import show_size

if TYPE_CHECKING:
    from campaign.pages.letter import Letter
    from campaign.rendering.templating.branches import Sample

EXAMPLES = (
    "campaign preview spring --row 3",
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
) -> int:
    """Show a letter as its recipient would get it. Nothing is sent."""
    from campaign.config.loader import load
    from campaign.pages.letter import take_apart
    from campaign.planning.sample import render_all, render_one, render_sample

    if row is not None and to is not None:
        raise UsageError("--row and --to both name a recipient", remedy="keep one")
    if sample is not None and (out is None or row is not None or to is not None):
        raise UsageError("--sample chooses letters for --out", remedy="add --out DIR")
    campaign = load(path, need_letters=True)
    ensure_planned(campaign)
    if serve:
        serve_preview(campaign, port, open_browser=not no_browser)
        return EXIT_DONE
    if diff is not None:
        from campaign.preview.changes import difference

        print("\n".join(difference(campaign, diff, unsigned_press)))
        return EXIT_DONE
    if out is None:
        shown = render_one(campaign, row, to, complain)
        print("\n".join(lines(take_apart(shown.letter), Paint.on(sys.stdout))))
        return EXIT_DONE
    from campaign.preview.files import write_files

    chosen = render_sample(campaign, sample, complain) if sample else None
    if chosen:
        letters = iter(chosen.letters)
    elif row is None and to is None:
        letters = render_all(campaign, complain)
    else:
        letters = iter([render_one(campaign, row, to, complain)])
    count = write_files(out, campaign.settings.name, letters, chosen)
    print(f"{counted(count, 'letter')} in {out}; open {out / 'index.html'} in a browser")
    if chosen:
        print("\n".join(_coverage(chosen)))
    return EXIT_DONE


def _coverage(sample: Sample) -> list[str]:
    """Which branches the letters show, and which they do not."""
    every = sample.shown + len(sample.left_out) + len(sample.untaken)
    branches = counted(every, "template branch", "template branches")
    said = [f"They show {sample.shown} of {branches}."]
    said += [f"  in no letter of the list: {escape(branch)}" for branch in sample.untaken]
    said += [f"  a larger --sample shows: {escape(branch)}" for branch in sample.left_out]
    return said


def lines(view: Letter, paint: Paint) -> list[str]:
    """Headers, text and a list of the parts."""
    shown = [_header(name, view.header(name), paint) for name in _FIRST if view.header(name)]
    others = [
        (field.name, field.value)
        for field in view.headers
        if field.name not in _FIRST and field.name.lower() not in _PLUMBING
    ]
    shown += [paint.dim(escape(f"{name}: {value}")) for name, value in others]
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


def _header(name: str, value: str, paint: Paint) -> str:
    text = escape(value)
    return paint.cyan(pad(name, 10)) + (paint.bold(text) if name == "Subject" else text)


def _cid(content_id: str) -> str:
    return f"cid:{content_id}" if content_id else ""
