"""`campaign retry`: tries again what was given up, then sends as `run` does.

In: which recipients to take up again.  Out: as `run`.  Touches: as `run`.
"""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, PathArgument
from campaign.cli.sending import (
    How,
    LimitOption,
    NoWaitOption,
    SandboxOption,
    TranscriptOption,
    send,
)
from campaign.cli.terminal.streams import tell
from campaign.cli.terminal.tables import counted
from campaign.errors import EXIT_DONE, UsageError
from campaign.records import State

if TYPE_CHECKING:
    from campaign.config.loader import Campaign

EXAMPLES = (
    "campaign retry spring --failed --sandbox",
    "campaign retry spring --code 4.7.28",
)


def command(
    path: PathArgument = HERE,
    failed: Annotated[bool, typer.Option("--failed", help="Those that failed or expired.")] = False,
    held: Annotated[
        bool, typer.Option("--held", help="Those in doubt that are held; they may get a copy.")
    ] = False,
    code: Annotated[
        str | None,
        typer.Option(
            metavar="CODE", help="Those whose last reply had this code: 550, 4.7.28, 5.7.1."
        ),
    ] = None,
    sandbox: SandboxOption = False,
    limit: LimitOption = None,
    no_wait: NoWaitOption = False,
    transcript: TranscriptOption = None,
) -> int:
    """Put failed or held recipients back, then send to them."""
    from campaign.cli.rehearsal import rehearsal_of
    from campaign.config.loader import load
    from campaign.workers.start import worker_count, workers_ahead

    if not (failed or held or code):
        raise UsageError("nobody is named", remedy="say --failed, --held or --code CODE")
    campaign = load(path, need_secrets=not sandbox)
    if sandbox:
        campaign = rehearsal_of(campaign)
    count = put_back(campaign, failed, held, code)
    tell(f"{counted(count, 'recipient')} put back to planned", sys.stderr)
    if not count:
        return EXIT_DONE
    how = How(sandbox=sandbox, limit=limit, no_wait=no_wait, transcript=transcript)
    with workers_ahead(worker_count()) as ahead:
        return send(campaign, how, path, ahead)


def put_back(campaign: Campaign, failed: bool, held: bool, code: str | None) -> int:
    """Make them planned again; a code alone means everybody given up with it."""
    from campaign.clock import SystemClock
    from campaign.journal.store import Journal

    states = {State.FAILED, State.EXPIRED} if failed or not held else set()
    if held or not failed:
        states.add(State.HELD)
    clock = SystemClock()
    url = campaign.settings.journal.url
    opened = Journal.open(
        url, campaign.folder, clock=clock, create=False, campaign=campaign.settings.name
    )
    with closing(opened) as journal:
        return journal.put_back(states, clock.now_s(), code=code or "")
