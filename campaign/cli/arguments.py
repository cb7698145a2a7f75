"""Arguments and options that several commands share.

In: nothing.  Out: annotated types for typer.  Touches: nothing.  What a command has alone stands in
its own module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign.cli.files.formats import Format

HERE = Path()

PathArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        help="A campaign.toml or its folder; left out: the current folder.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
RehearsalOption = Annotated[
    bool, typer.Option("--sandbox", help="Look at the rehearsal that `run --sandbox` made.")
]

# Of the commands that send.
SandboxOption = Annotated[
    bool, typer.Option("--sandbox", help="Send to the built-in sandbox: a rehearsal.")
]
LimitOption = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Stop after N recipients.")
]
NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="End when only deferred recipients are left.")
]
TranscriptOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write what each connection says, secrets left out."),
]
StaleOption = Annotated[
    bool,
    typer.Option("--resume-stale", help="Go on although the journal is a day old or was moved."),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

# Of the commands that render.
NoRenderOption = Annotated[
    bool,
    typer.Option("--no-render", help="Plan without rendering every row to see whether it can be."),
]
RenderFleetOption = Annotated[
    int | None,
    typer.Option(
        "--fleet",
        metavar="N",
        min=0,
        help="Render with N workers of the cluster of [fleet] dask too; 0: with all.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Processes that render; left out: one for each 200 rows, at most one for each core.",
    ),
]

# Of the commands that show a page.
PortOption = Annotated[
    int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="Port of the page.")
]
RunPortOption = Annotated[
    int,
    typer.Option(
        "--port", metavar="PORT", min=0, max=65535, help="Port of the page; 0: a free one."
    ),
]
ServeOption = Annotated[
    bool, typer.Option("--serve", help="Show the run on a live page in the browser.")
]
NoBrowserOption = Annotated[
    bool, typer.Option("--no-browser", help="Only print the page's address.")
]

# Of the commands that last.
MetricsOption = Annotated[
    str,
    typer.Option(
        "--metrics",
        metavar="HOST:PORT",
        help="Serve figures for Prometheus at /metrics there; port 0 takes a free one.",
    ),
]

# Of the commands that write a line for each row.
FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--format", help="Left out: as the name of -o says, a table in a terminal, else csv."
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="A .csv, .jsonl, .parquet or .xlsx file."),
]
