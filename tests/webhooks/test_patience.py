"""How long a notice and an endpoint are waited for."""

from __future__ import annotations

from campaign.webhooks.patience import (
    ENDPOINT_RESTS_S,
    GIVEN_UP_AFTER_S,
    NOTICE_WAITS_S,
    endpoint_rest_s,
    notice_wait_s,
)


def test_a_notice_is_tried_for_about_three_days() -> None:
    waits = [notice_wait_s(tries, 0.5) for tries in range(1, 12)]
    assert waits[:9] == list(NOTICE_WAITS_S)
    assert waits[9:] == [None, None]
    assert GIVEN_UP_AFTER_S <= sum(NOTICE_WAITS_S) <= GIVEN_UP_AFTER_S + 86400


def test_those_that_failed_together_do_not_come_back_together() -> None:
    assert notice_wait_s(3, 0.0) == 0.8 * NOTICE_WAITS_S[2]
    assert notice_wait_s(3, 1.0) == 1.2 * NOTICE_WAITS_S[2]


def test_an_endpoint_rests_longer_and_longer_and_as_it_asks() -> None:
    assert [endpoint_rest_s(failures, 0.5) for failures in (1, 2, 7, 99)] == [
        ENDPOINT_RESTS_S[0], ENDPOINT_RESTS_S[1], ENDPOINT_RESTS_S[-1], ENDPOINT_RESTS_S[-1],
    ]  # fmt: skip
    assert endpoint_rest_s(1, 0.5, 90.0) == 90.0
    assert endpoint_rest_s(1, 0.5, 1e9) == ENDPOINT_RESTS_S[-1]
