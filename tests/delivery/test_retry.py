"""The schedule of deferred recipients."""

from campaign.config.settings import Delivery
from campaign.delivery.retry import RetrySchedule


def schedule(**settings) -> RetrySchedule:
    return RetrySchedule(Delivery.model_validate(settings), jitter=lambda: 0.0)


def test_tries_follow_the_schedule_and_the_last_interval_repeats():
    retry = schedule(retry=["5m", "15m", "1h"])
    assert [retry.due_s(n, 0.0) for n in (1, 2, 3, 4, 9)] == [300, 900, 3600, 3600, 3600]


def test_jitter_lengthens_by_at_most_a_tenth():
    retry = RetrySchedule(Delivery(), jitter=lambda: 1.0)
    assert retry.due_s(1, 0.0) == 330.0


def test_a_recipient_expires_when_the_next_try_would_come_too_late():
    retry = schedule(expire_after="1h")
    assert retry.expires(1000.0, 1000.0 + 3601)
    assert not retry.expires(1000.0, 1000.0 + 3599)


def test_a_recipient_never_tried_does_not_expire():
    assert not schedule(expire_after="1h").expires(0.0, 1e12)
