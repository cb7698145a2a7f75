"""People who must not be written to, as the lists named in the config have them now.

In: keys about to be claimed.  Out: those that must not be.
Touches: the lists, for reading; the journal, which keeps what they say.

Who comes onto a list while a run is going is not written to from the next claim on.  The journal
only learns: who is taken off a list again stays suppressed in this campaign.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.errors import CampaignError, DataError, JournalError
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from campaign.recipients.suppression import read_suppressed, state_of

_LOOK_EVERY_S = 1.0
_PART = 10_000  # keys in one transaction: outcomes do not wait long behind them


class SuppressionLists:
    """The lists of one run."""

    def __init__(
        self,
        campaign: Campaign,
        journal: Journal,
        reader: Reader,
        clock: Clock,
        must_stop: Callable[[CampaignError], None],
    ) -> None:
        self._folder = campaign.folder
        self._settings = campaign.settings.recipients
        self._journal = journal
        self._reader = reader
        self._clock = clock
        self._must_stop = must_stop
        self._known = reader.suppression_lists()  # state of the lists that the journal has
        self._some = reader.has_suppressed()
        self._look_at_s = clock.tick_s()
        self._is_current = False

    async def are_known(self) -> bool:
        """Whether the journal has what the lists say; nobody may be claimed before it has."""
        now_s = self._clock.tick_s()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + _LOOK_EVERY_S
            self._is_current = await self._look()
        return self._is_current

    def among(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that must not be written to."""
        return self._reader.suppressed(keys) if self._some else set()

    async def _look(self) -> bool:
        found = state_of(self._folder, self._settings.suppress)
        if found == self._known:
            return True
        try:
            try:
                await self._learn()
            except DataError:  # it may be being written just now
                await asyncio.sleep(_LOOK_EVERY_S)
                found = state_of(self._folder, self._settings.suppress)
                await self._learn()
        except (DataError, JournalError) as error:
            self._must_stop(error)
            return False
        self._known, self._some = found, True
        return True

    async def _learn(self) -> None:
        settings = self._settings
        keys = read_suppressed(self._folder, settings.suppress, settings.address)
        while part := await asyncio.to_thread(lambda: list(islice(keys, _PART))):
            await self._journal.suppress(part)
