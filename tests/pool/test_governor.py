"""What throttling and refusals of the sender do to a site."""

from campaign.pool.governor import QUIET_S, Breaker, Governor
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
        governor.accepted()
        seen.append(governor.connections)
    assert sorted(set(seen)) == [1, 2, 3]
    assert max(seen) == 3


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
