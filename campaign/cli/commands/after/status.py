"""`campaign status`: where everybody stands, now or as it changes.

In: the journal.  Out: counts, or the history of one recipient.
Touches: nothing; a run may go on meanwhile.
"""

from __future__ import annotations

from typing import Annotated

import typer

from campaign.cli.arguments import (
    HERE,
    JsonOption,
    MetricsOption,
    NoBrowserOption,
    PathArgument,
    PortOption,
    RehearsalOption,
)
from campaign.cli.overview import show
from campaign.cli.services.metering import figures_of, metrics_beside
from campaign.cli.services.serving import WATCH_PORT, serve_watch
from campaign.errors import EXIT_DONE, UsageError

EXAMPLES = (
    "campaign status spring",
    "campaign status spring --recipient grace@example.com",
)


def command(
    path: PathArgument = HERE,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every second until it is finished.")
    ] = False,
    recipient: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Show everything that happened to ADDRESS."),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show it on a live page in the browser.")
    ] = False,
    metrics: MetricsOption = "",
    sandbox: RehearsalOption = False,
    as_json: JsonOption = False,
    port: PortOption = WATCH_PORT,
    no_browser: NoBrowserOption = False,
) -> int:
    """Show where everybody stands; a run may go on meanwhile."""
    from campaign.cli.journals import campaign_to_look_at, look_up

    if metrics and not (watch or serve):
        raise UsageError(
            "--metrics is for what lasts", remedy="say --watch or --serve with it, or --json alone"
        )
    if serve:
        campaign = campaign_to_look_at(path, sandbox)
        with metrics_beside(metrics, *figures_of(metrics, campaign)):
            serve_watch(campaign, port, open_browser=not no_browser)
        return EXIT_DONE
    if recipient is not None:
        from campaign.cli.terminal.history import show_recipient

        with look_up(path, sandbox) as reader:
            show_recipient(reader, recipient, as_json)
        return EXIT_DONE
    figures = figures_of(metrics, campaign_to_look_at(path, sandbox)) if metrics else []
    with metrics_beside(metrics, *figures):
        show(path, watch=watch, sandbox=sandbox, as_json=as_json)
    return EXIT_DONE
