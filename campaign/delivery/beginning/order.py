"""What must hold before a run may claim anybody, and what is said when it does.

In: a campaign, its journal as it was opened.  Out: nothing, or an error.
Touches: the journal: doubt is settled or said, who waited for earlier versions' limits is planned.
"""

from __future__ import annotations

from collections.abc import Mapping

from campaign.config.loader import Campaign
from campaign.delivery.beginning.settling import settle_by
from campaign.delivery.beginning.staleness import RunClock, set_back_sentence
from campaign.delivery.policies import SendingPolicies
from campaign.delivery.run_records import Agreement, Observer, RunOptions
from campaign.errors import UsageError
from campaign.journal.store import Journal
from campaign.records import PlanRecord, State


def refuse_another_plan(
    agreed: Agreement | None, record: PlanRecord, counts: Mapping[State, int]
) -> None:
    """Somebody may have planned anew, or amended the plan, while the question was on the screen."""
    planned = sum(counts.values()) - counts.get(State.SKIPPED, 0)
    if agreed and (
        (record.plan_id, record.hashes) != (agreed.plan_id, agreed.hashes)
        or planned > agreed.planned
    ):
        raise UsageError(
            f"another plan was made meanwhile: {agreed.planned:,} messages were agreed to, it has"
            f" {planned:,}",
            remedy="`campaign run` shows it and asks again",
        )


def put_in_order(
    campaign: Campaign,
    options: RunOptions,
    journal: Journal,
    policies: SendingPolicies,
    clock: RunClock,
    observer: Observer,
) -> list[str]:
    """What the last run left, settled as the campaign says; the addresses that were in doubt.

    Raises DataError for evidence that is none.
    """
    if not journal.is_safe_from_power_loss:
        observer.say("the journal's server has fsync = off: a loss of power may undo commits")
    if clock.was_set_back:
        observer.say(set_back_sentence(clock))
    if journal.recovered:
        observer.say(f"{journal.recovered} outcomes taken in from the emergency file")
    if options.resolve:
        observer.say(settle_by(options.resolve, campaign, journal, clock.now_s()))
    # Earlier versions deferred those who waited for our own limits, or for a DNS.
    journal.bring_forward(clock.now_s(), classes=("paced", "dns"))
    if options.now and (count := journal.bring_forward(clock.now_s())):
        observer.say(f"tried now, though a retry was due later: {count:,}")
    found = journal.recover_in_doubt(lambda source: policies.of(source).in_doubt, clock.now_s())
    for policy, does in (("resend", "sent again"), ("hold", "held")):
        named = [each.address for each in found if policies.of(each.source).in_doubt == policy]
        if named:  # all, here and now: this run may not come to its summary
            observer.say(f"in doubt since the last run, {does}: {', '.join(named)}")
    return [each.address for each in found]
