"""`campaign resume`: goes on with a run that was stopped, killed or cut off.

In: the journal of an unfinished run.  Out: as `run`.  Touches: as `run`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign.cli.arguments import (
    HERE,
    JsonOption,
    LimitOption,
    MetricsOption,
    NoBrowserOption,
    NoWaitOption,
    PathArgument,
    RunPortOption,
    SandboxOption,
    ServeOption,
    StaleOption,
    TranscriptOption,
)
from campaign.cli.sending import Showing, send
from campaign.cli.services.serving import LivePage
from campaign.errors import UsageError

EXAMPLES = ("campaign resume spring", "campaign resume spring --now")


def command(
    path: PathArgument = HERE,
    sandbox: SandboxOption = False,
    limit: LimitOption = None,
    no_wait: NoWaitOption = False,
    transcript: TranscriptOption = None,
    resume_stale: StaleOption = False,
    serve: ServeOption = False,
    port: RunPortOption = 0,
    no_browser: NoBrowserOption = False,
    now: Annotated[
        bool, typer.Option("--now", help="Try those who wait for a retry now, not when due.")
    ] = False,
    metrics: MetricsOption = "",
    as_json: JsonOption = False,
    resolve: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Settle who is in doubt by the relay's log: Postfix lines, or Message-IDs.",
        ),
    ] = None,
) -> int:
    """Go on with an unfinished run, also with one that was paused.

    Nobody is left out and nobody settled is tried again; whoever is in doubt is named.
    """
    from campaign.cli.checked import show_last_check
    from campaign.cli.journals import has_begun, is_rehearsed_only, workers_for_those_left
    from campaign.cli.rehearsal import rehearsal_of
    from campaign.config.loader import load
    from campaign.delivery.run_records import RunOptions
    from campaign.journal.holding.pausing import PauseMark
    from campaign.workers.start import workers_ahead

    campaign = load(path, need_secrets=not sandbox, need_letters=True)
    if not sandbox and is_rehearsed_only(campaign.journal):
        raise UsageError(
            "only a rehearsal was begun here, and this would send for real",
            remedy="`campaign resume --sandbox` goes on with the rehearsal, `campaign run` sends",
        )
    if not sandbox and campaign.settings.check.required and not has_begun(campaign.journal):
        from campaign.planning.summary import read_summary

        show_last_check(campaign, read_summary(campaign), as_json=True)  # as `run` would
    options = RunOptions(
        limit=limit,
        no_wait=no_wait,
        now=now,
        resume_stale=resume_stale,
        transcript=transcript,
        resolve=resolve,
    )
    if sandbox:
        campaign = rehearsal_of(campaign)
    PauseMark(*campaign.journal).clear()
    page = LivePage(serve, port, not no_browser)
    showing = Showing(path, sandbox, page, metrics, as_json)
    with workers_ahead(workers_for_those_left(campaign.journal, limit)) as ahead:
        return send(campaign, options, ahead, showing)
