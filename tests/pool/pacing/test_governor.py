"""What throttling and refusals of the sender do to a site."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from campaign.pool.pacing.governor import QUIET_S, Breaker, Governor
from campaign.records import ReplyClass, State, Verdict

SENT = Verdict(ReplyClass.ACCEPTED, State.SENT)
POLICY = Verdict(ReplyClass.POLICY, State.DEFERRED, uses_attempt=False, counts_for_breaker=True)


def test_a_throttle_rests_the_site_and_leaves_one_connection():
    governor = Governor(10)
    governor.throttled(100.0, pause_s=0.0)
    assert governor.connections == 1
    assert governor.wait_s(100.0) > 0


def test_the_providers_own_pause_is_kept():
    governor = Governor(10)
    governor.throttled(100.0, pause_s=600.0)
    assert governor.wait_s(100.0) == 600.0
    assert governor.wait_s(700.0) == 0.0


def test_replies_that_were_on_the_way_when_the_rest_began_do_not_lengthen_it():
    governor = Governor(10)
    governor.throttled(100.0, pause_s=60.0)
    governor.throttled(100.5, pause_s=60.0)
    assert governor.rests_until_s == 160.0


def test_throttled_again_after_a_rest_rests_longer():
    governor = Governor(10)
    governor.throttled(100.0, 0.0)
    first_s = governor.wait_s(100.0)
    governor.throttled(100.0 + first_s + 1, 0.0)
    assert governor.wait_s(100.0 + first_s + 1) == 2 * first_s


def test_connections_come_back_one_at_a_time_while_mail_is_accepted():
    governor = Governor(3)
    governor.throttled(0.0, 0.0)
    seen = []
    for _ in range(60):
        governor.accepted(10.0)
        seen.append(governor.connections)
    assert sorted(set(seen)) == [1, 2, 3]
    assert max(seen) == 3


def test_half_of_the_connections_come_back_after_one_throttle_of_many_probes():
    governor = Governor(10)
    for _ in range(200):
        governor.accepted(0.0)
    governor.throttled(1.0, 0.0)
    now_s = 1.0
    while now_s < 13.0:
        assert governor.connections == 1
        now_s += governor.wait_s(now_s)
        governor.throttled(now_s, 0.0)
    now_s += governor.wait_s(now_s)
    governor.accepted(now_s)
    assert governor.connections == 5


def test_a_pause_that_the_provider_asks_for_leaves_one_connection_behind_it():
    governor = Governor(10)
    for _ in range(200):
        governor.accepted(0.0)
    governor.throttled(1.0, 0.0)
    governor.throttled(20.0, 600.0)
    governor.accepted(620.0)
    assert governor.connections == 1


def test_where_mail_went_well_a_throttle_of_unknown_length_costs_at_most_half_more():
    for length_s in (2.0, 7.0, 12.0, 40.0, 300.0):
        governor, now_s = Governor(10), 0.0
        for _ in range(3000):
            governor.accepted(0.0)
        while now_s < length_s:
            governor.throttled(now_s, 0.0)
            now_s += governor.wait_s(now_s)
        assert now_s <= 1.5 * length_s + 0.1


def test_a_learned_limit_is_felt_for_again_after_a_quiet_while():
    governor = Governor(10)
    governor.learn_limit(4, 100.0)
    governor.recover(100.0 + QUIET_S - 1)
    assert (governor.limit, governor.connections) == (4, 4)
    governor.recover(100.0 + QUIET_S)
    assert (governor.limit, governor.connections) == (5, 5)
    governor.recover(101.0 + QUIET_S)
    assert governor.limit == 5
    governor.learn_limit(4, 102.0 + QUIET_S)
    governor.recover(101.0 + 2 * QUIET_S)
    assert governor.limit == 4
    for times in range(2, 20):
        governor.recover(102.0 + times * QUIET_S)
    assert (governor.limit, governor.connections) == (10, 10)


def test_a_throttle_puts_off_the_feeling_for_more():
    governor = Governor(10)
    governor.learn_limit(4, 0.0)
    governor.throttled(QUIET_S - 1, 60.0)
    governor.recover(QUIET_S + 100)
    assert governor.limit == 4
    governor.recover(2 * QUIET_S + 100)
    assert (governor.limit, governor.connections) == (5, 1)


def test_three_refusals_of_the_sender_in_a_row_open_the_breaker():
    breaker = Breaker()
    for _ in range(3):
        assert not breaker.is_open
        breaker.note(POLICY, "550 5.7.1 blocked")
    assert breaker.is_open
    assert breaker.why == "550 5.7.1 blocked"


def test_refusals_between_accepted_messages_do_not_open_it_below_five_percent():
    breaker = Breaker()
    for number in range(1000):
        breaker.note(POLICY if number % 25 == 0 else SENT, "x")
    assert not breaker.is_open


def test_five_percent_of_the_last_two_hundred_open_it():
    breaker = Breaker()
    for number in range(1000):
        breaker.note(POLICY if number % 19 == 0 else SENT, "x")
    assert breaker.is_open


def test_accepted_messages_shorten_the_next_rest():
    rests = []
    for accepted in (0, 20, 200, 2000, 100_000):
        governor = Governor(10)
        for _ in range(accepted):
            governor.accepted(1.0)
        governor.throttled(2.0, 0.0)
        rests.append(round(governor.wait_s(2.0), 3))
    assert rests == [5.0, 5.0, 0.5, 0.1, 0.1]


def test_messages_that_were_on_the_way_when_a_rest_began_do_not_end_the_trouble():
    governor = Governor(10)
    governor.throttled(0.0, 0.0)
    governor.accepted(0.1)
    governor.throttled(5.0, 0.0)
    assert governor.wait_s(5.0) == 10.0
    assert governor.refused_s(15.0) == 15.0
    governor.accepted(15.0)
    assert governor.refused_s(15.0) == 0.0


def sent_in(seconds: float, per_s: float, refuses: Callable[[float, int], bool]) -> int:
    """How many messages a site with one governor gets rid of, on a virtual clock."""
    governor, now_s, asked, sent = Governor(10), 0.0, 0, 0
    while now_s < seconds:
        if rest_s := governor.wait_s(now_s):
            now_s += rest_s
            continue
        asked += 1
        if refuses(now_s, sent):
            governor.throttled(now_s, 0.0)
        else:
            governor.accepted(now_s)
            sent += 1
        now_s += 1 / per_s
    return sent


def test_a_relay_that_says_slow_down_now_and_then_is_not_starved():
    dice = Random(7)
    sent = sent_in(420.0, 250.0, lambda now_s, sent: dice.random() < 0.003)
    assert sent > 0.7 * 420 * 250


def test_how_long_a_relay_refuses_is_learned():
    """12 s after each 3,000th letter, 300/s: what may go is 20,000 in 138.7 s."""
    until = [0.0, 0]

    def refuses(now_s: float, sent: int) -> bool:
        if sent // 3000 > until[1]:
            until[:] = [now_s + 12.0, sent // 3000]
        return now_s < until[0]

    assert sent_in(1.1 * (20_000 / 300 + 6 * 12.0), 300.0, refuses) >= 20_000


def test_a_server_that_takes_nothing_is_asked_ever_more_rarely():
    asked: list[float] = []

    def refuses(now_s: float, sent: int) -> bool:
        asked.append(now_s)
        return True

    sent_in(7200.0, 100.0, refuses)
    assert len(asked) <= 12
