"""A run from the first letter to the summary, for `run`, `resume` and `retry`.

In: a campaign and how to send it.  Out: progress on stderr, a summary on stdout, an exit code.
Touches: whatever a run touches.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.overview import state_table
from campaign.cli.serving import start_watch
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.streams import tell
from campaign.cli.terminal.tables import counted, escape
from campaign.records import State

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.config.settings import Relay
    from campaign.delivery.run_records import Agreement, RunResult
    from campaign.workers.start import WorkerProcess

SandboxOption = Annotated[
    bool, typer.Option("--sandbox", help="Send to the built-in sandbox: a rehearsal.")
]
LimitOption = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Stop after N recipients.")
]
NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="End when only deferred recipients are left.")
]
ServeOption = Annotated[
    bool, typer.Option("--serve", help="Show the run on a live page in the browser.")
]
TranscriptOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write what each connection says, secrets left out."),
]
StaleOption = Annotated[
    bool,
    typer.Option("--resume-stale", help="Go on although the journal is a day old or was moved."),
]


@dataclass(frozen=True)
class How:
    """The options of a run."""

    sandbox: bool = False
    limit: int | None = None
    no_wait: bool = False
    resume_stale: bool = False
    transcript: Path | None = None
    workers: int = 0
    serve: bool = False
    resolve: Path | None = None
    agreed: Agreement | None = None


def send(campaign: Campaign, how: How, path: Path, ahead: deque[WorkerProcess]) -> int:
    """Send, report, and return the exit code.

    `path` is how the user names the campaign, `ahead` the render workers that were started already.
    """
    from campaign.cli.rehearsal import sandbox_relay
    from campaign.cli.terminal.progress import RunProgress
    from campaign.clock import SystemClock
    from campaign.delivery.run import run_campaign
    from campaign.delivery.run_records import RunOptions

    clock = SystemClock()
    relay: contextlib.AbstractContextManager[Relay | None] = (
        sandbox_relay(campaign) if how.sandbox else contextlib.nullcontext()
    )
    with relay as override, _page(campaign, how.serve), RunProgress(sys.stderr, clock) as progress:
        options = RunOptions(
            relay_override=override,
            agreed=how.agreed,
            limit=how.limit,
            no_wait=how.no_wait,
            resume_stale=how.resume_stale,
            transcript=how.transcript,
            workers=how.workers,
            resolve=how.resolve,
        )
        try:
            result = run_campaign(campaign, options, clock=clock, observer=progress, ahead=ahead)
        except BrokenPipeError as error:  # `main` would take it for a reader who has seen enough
            raise RuntimeError("a pipe between the parts of the run broke") from error
    tell("\n".join(summary(result, Paint.on(sys.stdout))))
    tell("\n".join(next_steps(result, path, how.sandbox)))
    return result.exit_code


@contextlib.contextmanager
def _page(campaign: Campaign, wanted: bool) -> Iterator[None]:
    """The live page beside the run."""
    if not wanted:
        yield
        return
    server = start_watch(campaign)
    tell(f"Live page: {server.url}", sys.stderr)
    try:
        yield
    finally:
        server.stop()


def summary(result: RunResult, paint: Paint) -> list[str]:
    """What the run did, for a terminal."""
    shown = [paint.bold(escape(result.sentence)), ""]
    shown += state_table(result.counts, result.total, paint)
    if result.in_doubt:
        count = counted(len(result.in_doubt), "recipient was", "recipients were")
        shown += ["", f"{count} in doubt when this run began:"]
        shown += [f"  {escape(address)}" for address in result.in_doubt]
    return shown


def next_steps(result: RunResult, path: Path, sandbox: bool) -> list[str]:
    """Where to look next."""
    rehearsed = " --sandbox" if sandbox else ""
    where = f" {shlex.quote(str(path))}{rehearsed}" if str(path) != "." else rehearsed
    steps = ["", "Next:"]
    if not result.finished:
        steps.append(f"  campaign resume{where}")
    lost = next((state for state in (State.FAILED, State.HELD) if result.counts.get(state)), None)
    if lost:
        steps.append(f"  campaign results{where} --state {lost}")
    else:
        steps.append(f"  campaign results{where}")
    steps.append(f"  campaign audit{where}")
    return steps
