"""How hard one party may be pressed, and when that may be forgotten."""

from __future__ import annotations

from campaign.pool.pacing.allowance import Allowance
from campaign.pool.pacing.rates import Pacing
from campaign.records import ReplyClass, State, Verdict
from campaign.units import Rate

POLICY = Verdict(ReplyClass.POLICY, State.DEFERRED, uses_attempt=False, counts_for_breaker=True)


def test_an_allowance_that_knows_nothing_may_be_forgotten() -> None:
    assert Allowance("a.test", 10, (), common_pacing=Pacing([Rate(50, 1.0)])).is_plain(0.0)


def test_one_that_rests_has_a_quota_or_was_refused_is_kept() -> None:
    rested = Allowance("a.test", 10, ())
    rested.governor.throttled(0.0, 0.0)
    refused = Allowance("b.test", 10, ())
    refused.note(POLICY, "no")
    limited = Allowance("c.test", 10, [Rate(4, 86400.0)])
    busy = Allowance("d.test", 10, ())
    busy.connections = 1
    assert not any(each.is_plain(1.0) for each in (rested, refused, limited, busy))


def test_a_rate_of_all_together_holds_for_each() -> None:
    common = Pacing([Rate(2, 3600.0)])
    one, two = (Allowance(name, 10, (), common_pacing=common) for name in "ab")
    one.pacing.take(0.0)
    assert two.pacing.wait_s(0.0) > 1000
    assert two.pacing.left(0.0) == 1
