"""What `check --live` tries: the one-click page, and one letter, whose signature is looked at again
where it arrives.

In: a planned campaign, our keys.  Out: findings.  Touches: that page, the relay or the sandbox, the
mailbox of `[bounces] source`, of which no mail is moved or deleted.

The letter goes where bounces go, to the envelope sender, since that is the one mailbox which we may
read.  A letter to another address, and one to the sandbox, tell nothing of the signature.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from campaign.errors import CampaignError, UsageError
from campaign.preflight.rules import CheckFinding

if TYPE_CHECKING:
    from campaign.addresses.syntax import Address
    from campaign.clock import Clock
    from campaign.config.loader import Campaign
    from campaign.delivery.trial import Trial
    from campaign.feedback.sources.files import Postbox
    from campaign.preflight.key_records import PublicKey

_LETTER, _SIGNATURE = "live-letter", "live-signature"
_LOOK_S = 1.0
Keys = Callable[[], "list[PublicKey]"]


def live_findings(campaign: Campaign, to: str, keys: Keys, wait_s: float) -> list[CheckFinding]:
    """The letter may take `wait_s` to the mailbox.

    Raises UsageError for an address `to` that is none, ConfigError where the secret of
    [unsubscribe] cannot be had.
    """
    from campaign.clock import SystemClock
    from campaign.preflight.one_click import look_at_one_click

    clock = SystemClock()
    return [*look_at_one_click(campaign, clock), *_letter(campaign, to, keys, wait_s, clock)]


def _letter(
    campaign: Campaign, to: str, keys: Keys, wait_s: float, clock: Clock
) -> list[CheckFinding]:
    from campaign.cli.services.mailboxes import source_of

    if to:
        finding, _ = _sent(campaign, _parsed(to), "the relay")
        why = f"the letter went to {to}: Authentication-Results says it there"
    elif campaign.settings.relay and (source := source_of(campaign)):
        return _there_and_back(campaign, source, keys, wait_s, clock)
    else:
        finding = _rehearsed(campaign)
        why = (
            "the letter went to the sandbox; with source in [bounces] it goes there by the relay"
            if campaign.settings.relay
            else "there is no [relay] that could change the letter on its way"
        )
    return [finding, CheckFinding(_SIGNATURE, "not-checked", why)]


def _parsed(to: str) -> Address:
    from campaign.addresses.syntax import AddressError, parse_address

    try:
        return parse_address(to)
    except AddressError as error:
        raise UsageError(str(error), remedy="--to wants your own address") from None


def _rehearsed(campaign: Campaign) -> CheckFinding:
    from campaign.cli.rehearsal import sandbox_relay

    try:
        with sandbox_relay(campaign) as relay:
            settings = campaign.settings.model_copy(update={"relay": (relay,)})
            rehearsed = dataclasses.replace(campaign, settings=settings)
            return _sent(rehearsed, _parsed("check@sandbox.example"), "the sandbox")[0]
    except CampaignError as error:
        return CheckFinding(_LETTER, "fail", error.what, error.remedy)


def _sent(campaign: Campaign, to: Address, through: str) -> tuple[CheckFinding, Trial | None]:
    """None where it was not taken."""
    from campaign.delivery.trial import send_trial

    try:
        trial = send_trial(campaign, to, None, exact=False)
    except CampaignError as error:
        return CheckFinding(_LETTER, "fail", error.what, error.remedy), None
    evidence = f"{through} says {trial.reply} at {trial.stage} to the letter of row {trial.row}"
    if trial.is_accepted:
        return CheckFinding(_LETTER, "ok", evidence), trial
    remedy = "read what it says; `campaign test` tries again"
    return CheckFinding(_LETTER, "fail", evidence, remedy), None


def _there_and_back(
    campaign: Campaign, source: str, keys: Keys, wait_s: float, clock: Clock
) -> list[CheckFinding]:
    """Through the relay to the envelope sender, and out of the mailbox again."""
    from campaign.cli.services.mailboxes import open_mailbox
    from campaign.delivery.trial import returning_address
    from campaign.feedback.sources.files import Afterwards

    address = returning_address(campaign)
    finding = CheckFinding(_LETTER, "not-checked", "")
    try:
        with closing(open_mailbox(campaign, source, Afterwards())) as box:
            box.pass_over()
            finding, trial = _sent(campaign, _parsed(address), "the relay")
            if trial is None:
                why = "the letter was not taken"
                return [finding, CheckFinding(_SIGNATURE, "not-checked", why)]
            return [finding, _arrived(box, trial, address, keys, wait_s, clock)]
    except CampaignError as error:
        if not finding.evidence:
            finding, _ = _sent(campaign, _parsed(address), "the relay")
        return [finding, CheckFinding(_SIGNATURE, "not-checked", error.what)]


def _arrived(
    box: Postbox, trial: Trial, address: str, keys: Keys, wait_s: float, clock: Clock
) -> CheckFinding:
    """Raises MailboxError, LoginError, DataError, ConfigError."""
    from campaign.preflight.arrival import arrival_finding
    from campaign.signing.arrived import OurKey, judge_arrival, marks_of
    from campaign.units import show_duration

    ours = [OurKey(each.domain, each.selector, each.key) for each in keys()]
    sent_s = clock.passed_s()
    raw = _waited_for(box, marks_of(trial.wire), wait_s, clock)
    if raw is None:
        evidence = (
            f"the letter to {address} is not in {box.name} after {show_duration(wait_s)}:"
            " it may be late (--wait), elsewhere, or a bounce"
        )
        return CheckFinding(_SIGNATURE, "not-checked", evidence)
    after_s = clock.passed_s() - sent_s
    return arrival_finding(judge_arrival(trial.wire, raw, ours), box.name, after_s)


def _waited_for(box: Postbox, marks: Sequence[bytes], wait_s: float, clock: Clock) -> bytes | None:
    from campaign.signing.arrived import is_marked

    until_s = clock.passed_s() + wait_s
    while True:
        for batch in box.batches():
            for mail in batch:
                if is_marked(mail.raw, marks):
                    return mail.raw
            box.done(batch)
        left_s = until_s - clock.passed_s()
        if left_s <= 0:
            return None
        box.wait(min(left_s, _LOOK_S))
