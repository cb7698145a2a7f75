"""Stops a run when too much of what was accepted comes back as bounces or complaints.

In: the events of the journal, which another process writes.  Out: one reason to stop.
Touches: the events and the journal, for reading, in a thread.

Counted are the letters that were accepted within 24 hours, or since a run was last stopped for
this: whoever resumes has seen what came back until then.  A provider judges a sender by the same
shares: Google's limit for complaints is 0.3 % (support.google.com/a/answer/81126).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.errors import CampaignError, JournalError, TooMuchCameBack
from campaign.journal.reading.returned.events import events_mark
from campaign.journal.reading.returned.harm import Harm, last_stop_s, read_harm
from campaign.journal.states import CAME_BACK

SPAN_S = 86400.0
LEAST_BOUNCED, LEAST_COMPLAINED = 20, 5  # fewer say nothing of a share
_EVERY_S = 1.0
_SERVER_EVERY_S = 10.0  # a server has to be asked


class Returning:
    """What comes back of one run's campaign."""

    def __init__(
        self,
        campaign: Campaign,
        clock: Clock,
        must_stop: Callable[[CampaignError], None],
        *,
        is_sandbox: bool = False,
    ) -> None:
        """Of a rehearsal, in the sandbox, nothing comes back."""
        self._campaign = campaign
        self._clock = clock
        self._must_stop = must_stop
        self._is_sandbox = is_sandbox
        self._seen: Hashable = ()
        self._stopped_s: float | None = None
        is_file = not campaign.settings.journal.url.startswith("postgresql")
        self._every_s = _EVERY_S if is_file else _SERVER_EVERY_S

    async def keep_looking(self) -> None:
        """Until it is cancelled, or has told to stop."""
        while not self._is_sandbox:
            if error := await asyncio.to_thread(self._reason):
                self._must_stop(error)
                return
            await asyncio.sleep(self._every_s)

    def _reason(self) -> CampaignError | None:
        try:
            return self._look()
        except JournalError as trouble:
            return trouble

    def _look(self) -> TooMuchCameBack | None:
        journal = self._campaign.journal
        mark = events_mark(*journal)
        if mark == self._seen:
            return None
        self._seen = mark
        if self._stopped_s is None:
            self._stopped_s = last_stop_s(*journal, CAME_BACK)
        since_s = max(self._clock.now_s() - SPAN_S, self._stopped_s)
        harm = read_harm(
            *journal, since_s, least_bounced=LEAST_BOUNCED, least_complained=LEAST_COMPLAINED
        )
        span = "since the last stop" if since_s == self._stopped_s else "within 24 hours"
        return self._judged(harm, span) if harm else None

    def _judged(self, harm: Harm, span: str) -> TooMuchCameBack | None:
        limits = self._campaign.settings.bounces
        for count, least, limit, words, kind in (
            (harm.complained, LEAST_COMPLAINED, limits.stop_complaints,
             "were marked as spam", "complained"),
            (harm.bounced, LEAST_BOUNCED, limits.stop_bounces,
             "bounced: there is no such mailbox", "bounced"),
        ):  # fmt: skip
            if count >= least and count > limit * harm.accepted:
                share = 100 * count / max(harm.accepted, count)
                return TooMuchCameBack(
                    f"{share:.2g} % of the letters that were accepted {span} {words}"
                    f" ({count:,} of {harm.accepted:,}; the limit is {100 * limit:.3g} %);"
                    " stopped before more harm",
                    remedy=f"look at `campaign events --kind {kind}` and at whom you write to;"
                    " then `campaign resume` begins with one letter and counts anew",
                )
        return None
