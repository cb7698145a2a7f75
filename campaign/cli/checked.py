"""What the last check said, before a run, and what a run would be refused for.

In: a campaign and its plan.  Out: lines for a person, or a refusal.  Touches: the journal, for
reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from campaign.cli.terminal.streams import tell
from campaign.cli.terminal.tables import counted, escape
from campaign.clock import Clock, SystemClock
from campaign.errors import ConfigError
from campaign.units import show_duration

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.journal.checking import LastCheck
    from campaign.planning.summary import PlanSummary

_GOOD_FOR_S = 86400.0
_CLOCK = SystemClock()


def show_last_check(
    campaign: Campaign, summary: PlanSummary, *, as_json: bool, clock: Clock = _CLOCK
) -> None:
    """Print it, if there was one.  Raises ConfigError where [check] required wants a better one."""
    from campaign.journal.checking import last_check, plan_digest

    check = last_check(campaign.settings.journal.url, campaign.folder)
    is_of_plan = check is not None and check.plan == plan_digest(summary.plan_id, summary.hashes)
    age_s = clock.now_s() - check.at_s if check else 0.0
    if campaign.settings.check.required and (why := _objection(check, age_s, is_of_plan)):
        raise ConfigError(
            f"[check] required: {why}",
            file=str(campaign.file),
            remedy="`campaign check` looks, and says what to mend",
        )
    if check and not as_json:
        tell(f"\n{_sentence(check, age_s, is_of_plan)}")


def run_refusals(
    campaign: Campaign, summary: PlanSummary | None = None, *, clock: Clock = _CLOCK
) -> list[str]:
    """What `campaign run` would say now instead of sending; nothing where it would send.

    `summary`: of the plan, where there is a list.
    """
    found = [str(error) for error in campaign.refusals()]
    if summary:
        try:
            show_last_check(campaign, summary, as_json=True, clock=clock)
        except ConfigError as error:
            found.append(str(error))
    return found


def next_with_run(first: str, run: str, refusals: Sequence[str]) -> list[str]:
    """What to do with a plan: first this, and then a run, if that would send."""
    if not refusals:
        return ["", f"Next: {first}, {run} sends them"]
    return [
        "",
        f"Next: {first}",
        f"{run} would refuse to send, until this is mended:",
        *(f"  {escape(refusal)}" for refusal in refusals),
    ]


def _objection(check: LastCheck | None, age_s: float, is_of_plan: bool) -> str:
    if check is None:
        return "this plan was never checked"
    if not is_of_plan:
        return "the last check was of another plan"
    if check.is_offline:
        return "the last check was --offline"
    if not 0 <= age_s <= _GOOD_FOR_S:
        return f"the last check is {show_duration(abs(age_s))} old"
    if check.fails:
        return f"the last check found {counted(check.fails, 'fail')}"
    return ""


def _sentence(check: LastCheck, age_s: float, is_of_plan: bool) -> str:
    found = f"{counted(check.fails, 'fail')}, {counted(check.levels.get('warn', 0), 'warning')}"
    how = ", offline" if check.is_offline else ""
    of = "" if is_of_plan else ", of another plan"
    return f"Last check{how}, {show_duration(max(1.0, age_s))} ago{of}: {found}"
