"""What a letter's template says of doubt, of retries and of its lane.

In: the settings, the sources of the plan.  Out: a `SendingPolicy` for each source.
Touches: nothing.

A campaign with a list has one policy for all of its letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from campaign.config.settings import Settings
from campaign.delivery.retry import Jitter, RetrySchedule
from campaign.records import Source

Doubt = Literal["resend", "hold"]


class SendingPolicy(NamedTuple):
    """Of the letters of one source."""

    in_doubt: Doubt
    schedule: RetrySchedule
    is_bulk: bool = False  # goes behind those that are not


class SendingPolicies:
    """By the number of a source; `first_sources` are those whose letters go before others, none
    where all are alike."""

    def __init__(self, common: SendingPolicy, of_sources: Sequence[SendingPolicy] = ()) -> None:
        self._common = common
        self._of_sources = of_sources

        are_alike = len({policy.is_bulk for policy in of_sources}) < 2
        self.first_sources: frozenset[int] = frozenset() if are_alike else _not_bulk(of_sources)

    def of(self, source: int) -> SendingPolicy:
        """Of a claim's source."""
        return self._of_sources[source] if source < len(self._of_sources) else self._common


def _not_bulk(policies: Sequence[SendingPolicy]) -> frozenset[int]:
    return frozenset([number for number, policy in enumerate(policies) if not policy.is_bulk])


def policies_of(settings: Settings, sources: Sequence[Source], jitter: Jitter) -> SendingPolicies:
    """[delivery], and in an open campaign each [template]."""
    delivery = settings.delivery
    common = SendingPolicy(delivery.in_doubt, RetrySchedule(delivery, jitter))
    if not settings.is_open:
        return SendingPolicies(common)
    found = []
    for source in sources:
        template = settings.template.get(source.name)
        if template is None:
            found.append(common)
            continue
        schedule = RetrySchedule(delivery, jitter, template.retry) if template.retry else None
        found.append(
            SendingPolicy(
                template.in_doubt or delivery.in_doubt,
                schedule or common.schedule,
                template.lane == "bulk",
            )
        )
    return SendingPolicies(common, found)
