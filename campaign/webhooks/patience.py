"""When a notice, or an endpoint, is tried again, and when it is given up.

In: how often something failed, a random number.  Out: seconds.  Touches: nothing.

A notice that an endpoint refuses while it takes others has a schedule of its own, the one that
the Standard Webhooks propose (about three days).  An endpoint that takes nothing at all rests, and
is asked with a single notice after each rest.
"""

from __future__ import annotations

GIVEN_UP_AFTER_S = 3 * 86400.0
_MINUTE, _HOUR = 60.0, 3600.0
NOTICE_WAITS_S = (
    5.0, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR,
    24 * _HOUR,
)  # fmt: skip
ENDPOINT_RESTS_S = (5.0, 30.0, 2 * _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR)
IS_UNWELL_AFTER = 3  # different notices, one after the other, none taken between
_SPREAD = 0.2  # so that many that failed together do not come back together


def notice_wait_s(tries: int, random: float) -> float | None:
    """How long a notice waits that was refused `tries` times; None: it is given up.

    random: from 0 to 1
    """
    if tries > len(NOTICE_WAITS_S):
        return None
    return _spread(NOTICE_WAITS_S[tries - 1], random)


def endpoint_rest_s(failures: int, random: float, asked_s: float = 0.0) -> float:
    """How long an endpoint rests that failed so often in a row; `asked_s`: its Retry-After."""
    rest_s = ENDPOINT_RESTS_S[min(failures, len(ENDPOINT_RESTS_S)) - 1]
    return max(_spread(rest_s, random), min(asked_s, ENDPOINT_RESTS_S[-1]))


def _spread(seconds: float, random: float) -> float:
    return seconds * (1 + _SPREAD * (2 * random - 1))
