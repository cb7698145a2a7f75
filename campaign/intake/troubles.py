"""The log of whoever accepts letters: why none can be kept.

In: errors.  Out: sentences.  Touches: what `say` touches.

Applications are told to come again, and nothing of this machine's paths.  Whoever looks after the
machine reads the reason, of each kind of trouble once a minute: a full disk refuses every request.
"""

from __future__ import annotations

from collections.abc import Callable

from campaign.clock import Clock
from campaign.errors import BadLetterError, CampaignError, KeyConflictError

AGAIN_S = 60.0
_OF_THE_REQUEST = (BadLetterError, KeyConflictError)


class Troubles:
    """Of one process."""

    def __init__(self, say: Callable[[str], None], clock: Clock) -> None:
        self._say = say
        self._clock = clock
        self._again_s: dict[type[CampaignError], float] = {}  # by the clock's ticks

    def note(self, error: CampaignError) -> None:
        """Say it, if it is no fault of the request, and was not said just now."""
        if isinstance(error, _OF_THE_REQUEST):
            return
        now_s, kind = self._clock.tick_s(), type(error)
        if now_s >= self._again_s.get(kind, now_s):
            self._again_s[kind] = now_s + AGAIN_S
            self._say(f"no letters are accepted: {error}")
