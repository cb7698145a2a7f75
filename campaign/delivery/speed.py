"""Messages per second, now and smoothly.

In: how many are settled at what time.  Out: a rate.  Touches: nothing.
"""

from __future__ import annotations

from collections import deque

_WINDOW_S = 10.0


class Speed:
    """Rate over the last ten seconds."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def note(self, now_s: float, settled: int) -> float:
        """Settled recipients per second, as of now."""
        self._marks.append((now_s, settled))
        while len(self._marks) > 2 and now_s - self._marks[0][0] > _WINDOW_S:
            self._marks.popleft()
        then_s, before = self._marks[0]
        return (settled - before) / (now_s - then_s) if now_s > then_s else 0.0
