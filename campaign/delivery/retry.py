"""When a deferred recipient is tried again, and when no more.

In: the schedule of the config, attempts, the time.  Out: Unix times.  Touches: nothing.

The waiting itself is done by the journal's due times, so that a schedule of hours outlives the
process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from campaign.config.settings import Delivery

Jitter = Callable[[], float]  # 0..1
_SPREAD = 0.1  # waits are lengthened by up to a tenth, lest a stopped herd return as one


class RetrySchedule:
    """`delivery.retry` and `delivery.expire_after`."""

    def __init__(self, settings: Delivery, jitter: Jitter, retry: Sequence[float] = ()) -> None:
        """`retry`: waits in place of those of the settings, for one template."""
        self._waits_s = retry or settings.retry
        self._expire_after_s = settings.expire_after
        self._jitter = jitter

    def due_s(self, attempts: int, now_s: float) -> float:
        """Unix time of the try after `attempts` failed ones; the last interval repeats."""
        wait_s = self._waits_s[min(max(1, attempts), len(self._waits_s)) - 1]
        return now_s + wait_s * (1 + _SPREAD * self._jitter())

    def expires(self, first_at_s: float, due_s: float) -> bool:
        """Would the next try come after the recipient's time is over?"""
        return first_at_s > 0 and due_s > first_at_s + self._expire_after_s
