"""`campaign report`: what became of a campaign, or of many, as one HTML file.

In: a campaign with a journal, a folder of campaigns.  Out: the file.
Touches: the file named by `-o`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption, PathArgument, RehearsalOption
from campaign.cli.files.writing import whole_file
from campaign.cli.terminal.tables import counted
from campaign.errors import EXIT_DONE, UsageError
from campaign.units import show_size

if TYPE_CHECKING:
    from campaign.report.wording import ReportWords

_INSIDE = "*/campaign.toml"
EXAMPLES = (
    "campaign report spring -o spring.html",
    "campaign report spring --language zh",
    "campaign report . -o all.html",
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

    Totals, charts, failures with what to do, skips. Of a folder of campaigns it shows what came
    back of each, side by side: bounces, complaints, unsubscribes.
    """
    from campaign.cli.journals import campaign_to_look_at
    from campaign.clock import SystemClock
    from campaign.report.page import report
    from campaign.report.wording import asked_wording

    chosen = asked_wording(language) if language else None
    if path.is_dir() and not (path / "campaign.toml").exists() and any(path.glob(_INSIDE)):
        return _of_many(path, output, chosen, rehearsal, as_json)
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


def _of_many(
    path: Path, output: Path | None, language: ReportWords | None, rehearsal: bool, as_json: bool
) -> int:
    from campaign.clock import SystemClock
    from campaign.report.several import as_objects, draw_lines, gather_lines
    from campaign.report.wording import DEFAULT, wording

    if rehearsal:
        raise UsageError(
            "a rehearsal is of one campaign, and brings nothing back",
            remedy="leave the option out, or name one campaign",
        )
    lines = gather_lines(sorted(each.parent for each in path.glob(_INSIDE)))
    page = draw_lines(lines, SystemClock().now_s(), language or wording(DEFAULT)).encode()
    file = output or Path(f"{path.resolve().name}-report.html")
    with whole_file(file) as written:
        written.write(page)
    if as_json:
        print(json.dumps({"campaigns": as_objects(lines), "file": str(file),
                          "size_bytes": len(page)}, ensure_ascii=False))  # fmt: skip
    else:
        print(
            f"{file}, {counted(len(lines), 'campaign')}, {show_size(len(page))};"
            " open it in a browser, or print it"
        )
    return EXIT_DONE
