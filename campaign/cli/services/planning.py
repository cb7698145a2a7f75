"""A plan made with its progress on the screen, for whoever asks for one or needs one.

In: a campaign and how its letters are tried.  Out: the summary of its plan.
Touches: stderr, the lists, the journal, render workers.
Fails with Interrupted after Ctrl-C, besides what `planning.plan.make_plan` raises.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from campaign.cli.journals import is_planned
from campaign.cli.services.spreading import spread_of
from campaign.errors import Interrupted

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.planning.summary import PlanSummary
    from campaign.workers.list_ahead import CleanRows


def ensure_planned(
    campaign: Campaign, workers: int | None = None, fleet: int | None = None
) -> None:
    """Who only wants to look need not know that letters come from a plan: it is made for them."""
    if campaign.settings.is_open:
        from campaign.cli.triggered import begin_open

        begin_open(campaign)
    elif not is_planned(campaign.journal):
        make_with_progress(campaign, workers=workers, fleet=fleet, may_be_unsigned=True)


def make_with_progress(
    campaign: Campaign,
    *,
    amend: bool = False,
    render: bool = True,
    workers: int | None = None,
    fleet: int | None = None,
    may_be_unsigned: bool = False,
    when_read: Callable[[], None] | None = None,
) -> PlanSummary:
    """The plan, with progress on stderr; letters of a rehearsal `may_be_unsigned`.

    `fleet`: how many workers of the cluster of [fleet] dask render too, where there is one; 0: all.
    `when_read` is called once the lists are read: until then both of two cores are busy.
    Raises Interrupted after Ctrl-C, besides what `make_plan` raises.
    """
    try:
        return _made(campaign, amend, render, workers, fleet, may_be_unsigned, when_read)
    except KeyboardInterrupt:
        left = "the plan stays as it was" if amend else "there is no plan yet"
        raise Interrupted(
            f"interrupted while planning: nothing was sent, and {left}",
            remedy=f"`campaign plan{' --amend' if amend else ''}` begins again",
        ) from None


def _made(
    campaign: Campaign,
    amend: bool,
    render: bool,
    workers: int | None,
    fleet: int | None,
    may_be_unsigned: bool,
    when_read: Callable[[], None] | None,
) -> PlanSummary:
    from campaign.workers.list_ahead import lists_ahead

    with lists_ahead(campaign.folder, campaign.settings.recipients) as rows:
        from campaign.cli.terminal.progress import PlanProgress
        from campaign.clock import SystemClock

        clock = SystemClock()
        with (
            PlanProgress(sys.stderr, clock) as progress,
            spread_of(campaign, fleet if render else None, workers, progress.say) as spread,
        ):
            progress.begin(f"reading {', '.join(campaign.settings.recipients.files)}")
            from campaign.planning.plan import make_plan  # takes a while, as do the first rows

            return make_plan(
                campaign,
                rows=_and_then(rows, when_read) if when_read else rows,
                clock=clock,
                amend=amend,
                render=render,
                workers=workers or 0,
                may_be_unsigned=may_be_unsigned,
                spread=spread,
                on_progress=progress,
                on_note=progress.say,
            )


def _and_then(rows: Iterable[CleanRows], call: Callable[[], None]) -> Iterator[CleanRows]:
    yield from rows
    call()
