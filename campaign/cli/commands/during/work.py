"""`campaign work`: one worker of a fleet, on the journal that all share.

In: a planned campaign whose journal is in PostgreSQL.  Out: as `run`.  Touches: as `run`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from campaign.cli.arguments import (
    HERE,
    JsonOption,
    PathArgument,
    StaleOption,
    TranscriptOption,
    WorkersOption,
)

EXAMPLES = ("campaign work spring", "campaign work spring --name b1")


def command(
    path: PathArgument = HERE,
    name: Annotated[
        str,
        typer.Option(metavar="NAME", help="What this worker is called; else its host and process."),
    ] = "",
    source: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Address of this host that its letters leave from."),
    ] = "",
    transcript: TranscriptOption = None,
    resume_stale: StaleOption = False,
    as_json: JsonOption = False,
    workers: WorkersOption = None,
) -> int:
    """Send a part of a campaign whose journal other workers share.

    Joins, takes shards of the list, and goes on until everybody is settled, by whichever worker.
    Ctrl-C, a SIGTERM and `campaign drain` let it leave with nothing in doubt.
    """
    from campaign.cli.services.working import from_address, work
    from campaign.cli.triggered import refuse_open
    from campaign.config.loader import load
    from campaign.delivery.run_records import RunOptions

    campaign = load(path, need_secrets=True, need_letters=True)
    refuse_open(campaign, "to share among workers", "`campaign run` sends what comes")
    if source:
        campaign = from_address(campaign, source)
    options = RunOptions(transcript=transcript, workers=workers or 0, resume_stale=resume_stale)
    return work(campaign, options, path, name=name, as_json=as_json)
