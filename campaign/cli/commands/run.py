"""`campaign run`: plans if needed, asks, sends.

In: a campaign, and a yes of some kind.  Out: progress, a summary, the exit code of the contract.
Touches: the journal, the relay, stdin when it is a terminal.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from campaign.cli.arguments import HERE, PathArgument
from campaign.cli.commands import plan
from campaign.cli.sending import (
    How,
    LimitOption,
    NoWaitOption,
    SandboxOption,
    ServeOption,
    TranscriptOption,
    send,
)
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.streams import tell
from campaign.cli.terminal.tables import counted
from campaign.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from campaign.config.loader import Campaign

EXAMPLES = (
    "campaign run spring --sandbox --yes",
    "campaign run spring --expect 3",
)


def command(
    path: PathArgument = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    expect: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, help="Do not ask; send only if the plan is to send exactly N."
        ),
    ] = None,
    sandbox: SandboxOption = False,
    limit: LimitOption = None,
    no_wait: NoWaitOption = False,
    transcript: TranscriptOption = None,
    serve: ServeOption = False,
    no_render: plan.NoRenderOption = False,
    workers: plan.WorkersOption = None,
) -> int:
    """Send what is planned.

    Plans first where that was not done, then asks: type the number of messages to go on.
    """
    from campaign.cli.journals import is_planned
    from campaign.cli.rehearsal import forget_rehearsal, rehearsal_of
    from campaign.config.loader import load
    from campaign.delivery.run_records import Agreement
    from campaign.workers.start import add_workers, worker_count, workers_ahead

    campaign = load(path, need_secrets=not sandbox)
    if not (yes or expect is not None or (sys.stdin is not None and sys.stdin.isatty())):
        refuse_without_a_person(campaign, sandbox)
    if sandbox:
        forget_rehearsal(campaign)
        campaign = rehearsal_of(campaign)
    how = How(
        sandbox=sandbox,
        limit=limit,
        no_wait=no_wait,
        transcript=transcript,
        workers=workers or 0,
        serve=serve,
    )
    is_ready = is_planned(campaign.journal)
    count = worker_count(workers)
    with workers_ahead(count if is_ready else 0) as ahead:
        if is_ready and is_still_so(campaign):
            from campaign.planning.summary import read_summary, refuse_empty

            summary = read_summary(campaign)
            refuse_empty(summary)
        else:
            summary = plan.make(
                campaign,
                render=not no_render,
                workers=workers,
                # A plan that renders has workers of its own, and goes on for longer than they load.
                when_read=partial(add_workers, ahead, count) if no_render and not ahead else None,
            )
        tell("\n".join(plan.lines(summary, Paint.on(sys.stdout), causes=False)))
        agree(campaign, summary.planned, how, expect=expect, must_ask=not yes and expect is None)
        tell()
        agreed = Agreement(summary.plan_id, summary.hashes, summary.planned)
        return send(campaign, replace(how, agreed=agreed), path, ahead)


def refuse_without_a_person(campaign: Campaign, sandbox: bool) -> NoReturn:
    """Raises UsageError: nobody can type the number."""
    from campaign.cli.journals import has_begun, unsettled

    if not sandbox and has_begun(campaign.journal) and unsettled(campaign.journal):
        raise UsageError(
            "this campaign is under way and not finished, and there is no terminal to ask in",
            remedy="`campaign resume` goes on with it",
        )
    raise UsageError(
        "there is no terminal to ask in", remedy="say --yes, or --expect N with the plan's count"
    )


def is_still_so(campaign: Campaign) -> bool:
    """Is the plan still that of the files as they are?  If not, says what changed.

    Raises DriftError where somebody was sent to by it already: then a person has to decide.
    """
    from campaign.planning.drift import sentence
    from campaign.planning.plan import outdated

    if changed := outdated(campaign):
        tell(f"planned anew, because this changed: {sentence(changed)}", sys.stderr)
    return not changed


def agree(
    campaign: Campaign, planned: int, how: How, *, expect: int | None, must_ask: bool
) -> None:
    """Raises UsageError where the plan is not what was expected, Interrupted without a yes."""
    from campaign.cli.journals import unsettled

    if expect is not None and expect != planned:
        raise UsageError(
            f"{expect:,} expected, but the plan sends {planned:,}",
            remedy="campaign plan shows what is in it and what is skipped",
        )
    left = unsettled(campaign.journal)
    if left < planned:
        tell(f"\n{planned - left:,} of them are settled already, {left:,} are left")
    if left and must_ask:
        ask(min(left, how.limit or left), way_out(campaign, how.sandbox))


def way_out(campaign: Campaign, sandbox: bool) -> str:
    """Through what the letters go, for the question."""
    if sandbox:
        return "the sandbox"
    hosts = [relay.host for relay in campaign.settings.relay]
    return " and ".join(hosts) or "the mail servers of each domain"


def ask(count: int, through: str) -> None:
    """A typed number is harder to give by habit than a y.  Raises Interrupted."""
    question = f"\nSend {counted(count, 'message')} through {through}? Type {count} to go on: "
    print(question, end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip().replace(",", "")
    if answer != str(count):
        raise Interrupted("nothing was sent", remedy=f"type {count} at the question, or say --yes")
