"""`campaign run`: plans if needed, asks, sends.

In: a campaign, and a yes of some kind.  Out: progress, a summary, the exit code of the contract.
Touches: the journal, the relay, stdin when it is a terminal.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from campaign.cli.arguments import (
    HERE,
    JsonOption,
    LimitOption,
    MetricsOption,
    NoBrowserOption,
    NoRenderOption,
    NoWaitOption,
    PathArgument,
    RunPortOption,
    SandboxOption,
    ServeOption,
    TranscriptOption,
    WorkersOption,
    YesOption,
)
from campaign.cli.commands.before import plan
from campaign.cli.sending import Showing, ask, can_ask, send
from campaign.cli.services.planning import make_with_progress
from campaign.cli.services.serving import LivePage
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.streams import tell
from campaign.errors import UsageError

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.delivery.run_records import RunOptions
    from campaign.planning.summary import PlanSummary

EXAMPLES = (
    "campaign run spring --sandbox --yes",
    "campaign run spring --expect 3",
)


def command(
    path: PathArgument = HERE,
    yes: YesOption = False,
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
    port: RunPortOption = 0,
    no_browser: NoBrowserOption = False,
    metrics: MetricsOption = "",
    as_json: JsonOption = False,
    no_render: NoRenderOption = False,
    workers: WorkersOption = None,
    fleet: Annotated[
        int | None,
        typer.Option(
            "--fleet",
            metavar="N",
            min=0,
            help="Send by N workers of this machine, or of the cluster of [fleet] dask; 0: by all.",
        ),
    ] = None,
) -> int:
    """Send what is planned.

    Plans first where that was not done, then asks: type the number of messages to go on.
    """
    from campaign.cli.checked import show_last_check
    from campaign.cli.journals import left_to_send
    from campaign.cli.rehearsal import forget_rehearsal, rehearsal_of
    from campaign.cli.triggered import refuse_of_lists
    from campaign.config.loader import load
    from campaign.delivery.run_records import Agreement, RunOptions
    from campaign.workers.start import add_workers, worker_count, workers_ahead, workers_for

    campaign = load(path, need_secrets=not sandbox, need_letters=True)
    if fleet is not None:
        _refuse_with_fleet(campaign, sandbox=sandbox, limit=limit, no_wait=no_wait, serve=serve)
    page = LivePage(serve, port, not no_browser)
    showing = Showing(path, sandbox, page, metrics, as_json)
    if campaign.settings.is_open:
        refuse_of_lists(campaign, {"--expect": expect, "--no-render": no_render})
        options = RunOptions(
            limit=limit, no_wait=no_wait, transcript=transcript, workers=workers or 0
        )
        return _run_open(campaign, options, showing)
    if not (yes or expect is not None or can_ask()):
        refuse_without_a_person(campaign, sandbox)
    if sandbox:
        forget_rehearsal(campaign)
        campaign = rehearsal_of(campaign)
    left = left_to_send(campaign.journal)
    is_ready = left is not None
    count = worker_count(workers) if left is None else workers_for(left, workers, limit=limit)
    with workers_ahead(count if is_ready else 0) as ahead:
        if is_ready and is_still_so(campaign):
            from campaign.planning.summary import read_summary, refuse_empty

            summary = read_summary(campaign)
            refuse_empty(summary)
        else:
            summary = make_with_progress(
                campaign,
                render=not no_render,
                workers=workers,
                fleet=fleet,
                may_be_unsigned=sandbox,
                # A plan that renders has workers of its own, and goes on for longer than they load.
                when_read=partial(add_workers, ahead, count) if no_render and not ahead else None,
            )
        if not as_json:
            tell("\n".join(plan.lines(summary, Paint.on(sys.stdout), causes=False)))
        if not sandbox:
            show_last_check(campaign, summary, as_json=as_json)
        check_expected(summary, expect)
        count = min(summary.left, limit or summary.left)
        if count and not yes and expect is None:
            ask(campaign, count, sandbox=sandbox)
        if not as_json:
            tell()
        if fleet is not None:
            from campaign.cli.services.launching import send_by_fleet

            return send_by_fleet(campaign, path, count=fleet, workers=workers, as_json=as_json)
        options = RunOptions(
            agreed=Agreement(summary.plan_id, summary.hashes, summary.planned),
            limit=limit,
            no_wait=no_wait,
            transcript=transcript,
            workers=workers or 0,
        )
        return send(campaign, options, ahead, showing)


def _run_open(campaign: Campaign, options: RunOptions, showing: Showing) -> int:
    """Send what comes, until it is stopped; there is nothing to ask."""
    from campaign.cli.rehearsal import rehearsal_of
    from campaign.cli.triggered import begin_open
    from campaign.workers.start import worker_count, workers_ahead

    if showing.sandbox:
        campaign = rehearsal_of(campaign)
    begin_open(campaign)
    with workers_ahead(worker_count(options.workers)) as ahead:
        return send(campaign, options, ahead, showing)


def _refuse_with_fleet(
    campaign: Campaign, *, sandbox: bool, limit: int | None, no_wait: bool, serve: bool
) -> None:
    """Raises UsageError for what a fleet that is started from here cannot do, ConfigError for a
    journal that workers cannot share."""
    from campaign.cli.services.working import refuse_what_is_not_shared

    asked = {"--sandbox": sandbox, "--limit": limit, "--no-wait": no_wait, "--serve": serve}
    for option, given in asked.items():
        if given:
            raise UsageError(
                f"--fleet and {option} do not go together",
                remedy="leave one of them out; `campaign status --serve` shows a fleet on a page",
            )
    refuse_what_is_not_shared(campaign)


def refuse_without_a_person(campaign: Campaign, sandbox: bool) -> NoReturn:
    """Raises UsageError: nobody can type the number."""
    from campaign.cli.journals import has_begun, left_to_send

    if not sandbox and has_begun(campaign.journal) and left_to_send(campaign.journal):
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


def check_expected(summary: PlanSummary, expect: int | None) -> None:
    """Raises UsageError where the plan is not what was expected."""
    if expect is not None and expect != summary.planned:
        raise UsageError(
            f"{expect:,} expected, but the plan sends {summary.planned:,}",
            remedy="`campaign plan` shows what is in it and what is skipped",
        )
