"""`campaign report`: what became of a campaign, as one HTML file.

In: a campaign with a journal.  Out: the file.  Touches: the file named by `-o`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption, PathArgument, RehearsalOption
from campaign.cli.files.writing import whole_file
from campaign.errors import EXIT_DONE
from campaign.units import show_size

EXAMPLES = (
    "campaign report spring -o spring.html",
    "campaign report spring --language zh",
)


def command(
    path: PathArgument = HERE,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Default: NAME-report.html, here."),
    ] = None,
    language: Annotated[
        str,
        typer.Option(
            metavar="TAG", help="en or zh; left out: `default_locale` of the list, else en."
        ),
    ] = "",
    rehearsal: RehearsalOption = False,
    as_json: JsonOption = False,
) -> int:
    """Write one self-contained page of what became of all.

    Totals, charts, failures with what to do, skips.
    """
    from campaign.cli.journals import campaign_to_look_at
    from campaign.clock import SystemClock
    from campaign.report.page import report
    from campaign.report.wording import asked_wording

    chosen = asked_wording(language) if language else None
    campaign = campaign_to_look_at(path, rehearsal)
    page = report(campaign, SystemClock(), chosen)
    file = output or Path(f"{campaign.settings.name}-report.html")
    with whole_file(file) as written:
        written.write(page.encode())
    size_bytes = len(page.encode())
    if as_json:
        print(json.dumps({"campaign": campaign.settings.name, "sandbox": rehearsal,
                          "file": str(file), "size_bytes": size_bytes}))  # fmt: skip
    else:
        print(f"{file}, {show_size(size_bytes)}; open it in a browser, or print it")
    return EXIT_DONE
