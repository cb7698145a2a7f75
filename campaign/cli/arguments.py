"""Arguments and options that several commands share.

In: nothing.  Out: annotated types for typer.  Touches: nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
