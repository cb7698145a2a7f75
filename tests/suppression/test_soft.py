"""suppression.soft: too many soft bounces in a row suppress, an accepted letter ends the row."""

from __future__ import annotations

import pytest

from campaign.records import SoftPolicy
from campaign.suppression.entries import Added, Reason, SoftBounce
from campaign.suppression.store import SuppressionStore
from fakes.clock import FakeClock

NOW = FakeClock().wall
ADA, BOB = "ada@example.com", "bob@example.com"
DAY = 86400.0


def bounce(nth: int, key: str = ADA, campaign: str = "") -> SoftBounce:
    return SoftBounce(key, campaign or f"campaign-{nth}", NOW + nth * DAY, "452 4.2.2 full")


def test_five_in_a_row_suppress_and_four_do_not(store: SuppressionStore) -> None:
    for nth in range(4):
        assert store.soft([bounce(nth)]) == Added()
    assert store.lookup([ADA], ("*",)) == {}
    assert store.soft([bounce(4)]) == Added(new=1)
    entry = store.lookup([ADA], ("*",))[ADA]
    assert (entry.reason, entry.campaign) == (Reason.SOFT, "campaign-4")
    assert entry.evidence == "452 4.2.2 full"


def test_an_accepted_letter_ends_the_row(store: SuppressionStore) -> None:
    for nth in range(4):
        store.soft([bounce(nth), bounce(nth, BOB)])
    assert store.with_softs([ADA, BOB, "eve@example.com"]) == {ADA, BOB}
    store.accepted([ADA, "eve@example.com"], "another")
    assert store.soft([bounce(5), bounce(5, BOB)]) == Added(new=1)
    assert set(store.lookup([ADA, BOB], ("*",))) == {BOB}


def test_a_letter_that_was_accepted_and_bounced_later_ends_nothing(store: SuppressionStore) -> None:
    for nth in range(5):
        assert store.lookup([ADA], ("*",)) == {}
        store.accepted([ADA], f"campaign-{nth}")  # by the relay
        store.soft([bounce(nth)])
    assert store.lookup([ADA], ("*",))[ADA].reason is Reason.SOFT


def test_an_ended_row_that_is_erased_does_not_come_back(store: SuppressionStore) -> None:
    store.soft([bounce(1)])
    store.accepted([ADA], "campaign-2")
    store.remove(ADA, "", because="asked")
    store.soft([bounce(2)])
    assert [soft.campaign for soft in store.why(ADA).softs] == ["campaign-2"]


def test_bounces_of_long_ago_are_forgotten(store: SuppressionStore) -> None:
    for nth in range(4):
        store.soft([bounce(nth)])
    assert store.soft([bounce(91)]) == Added()
    assert [soft.at for soft in store.why(ADA).softs] == [NOW + nth * DAY for nth in (1, 2, 3, 91)]


def test_the_same_bounce_told_again_counts_once(store: SuppressionStore) -> None:
    for _ in range(9):
        assert store.soft([bounce(1)]) == Added()


@pytest.mark.parametrize(
    ("policy", "campaigns", "suppresses"),
    [
        (SoftPolicy(in_a_row=0, campaigns=3), ["a", "a", "a", "b"], False),
        (SoftPolicy(in_a_row=0, campaigns=3), ["a", "b", "c"], True),
        (SoftPolicy(in_a_row=5, campaigns=3), ["a"] * 5, True),
        (SoftPolicy(in_a_row=1), ["a"], True),
        (None, ["a"] * 9, False),
    ],
)
def test_a_policy_counts_campaigns_or_bounces(
    opening, policy: SoftPolicy | None, campaigns: list[str], suppresses: bool
) -> None:
    store = opening(soft=policy)
    for nth, campaign in enumerate(campaigns):
        store.soft([bounce(nth, campaign=campaign)])
    assert bool(store.lookup([ADA], ("*",))) is suppresses


def test_an_erased_address_is_not_written_down_for_a_soft_bounce(store: SuppressionStore) -> None:
    store.erase(ADA)
    store.soft([bounce(1)])
    assert store.why(ADA).softs == []
