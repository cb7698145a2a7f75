"""Every class of replies has words for people."""

from __future__ import annotations

import pytest

from campaign.pages.causes import cause_of
from campaign.records import ReplyClass


@pytest.mark.parametrize(
    "class_", sorted(set(ReplyClass) - {ReplyClass.ACCEPTED, ReplyClass.UNKNOWN})
)
def test_a_class_of_replies_has_a_cause_in_plain_words(class_: ReplyClass) -> None:
    assert cause_of(class_).title != "Another reason"
    assert cause_of(class_).advice.endswith(".")


def test_what_waits_for_our_own_limits_is_not_another_reason() -> None:
    assert "your own limits" in cause_of("paced").title
