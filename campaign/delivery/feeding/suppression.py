"""People who must not be written to, as the lists named in the config and the store have them now.

In: keys about to be claimed.  Out: those that must not be, and why.
Touches: the lists and the suppression store, for reading; the journal, which keeps what the lists
say.

Who comes onto a list or into the store while a run is going is not written to from the next claim
on.  Of lists the journal only learns: who is taken off one again stays suppressed in this campaign.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.delivery.beside.mailboxes import Mailboxes
from campaign.errors import CampaignError, DataError, JournalError, SuppressionError
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.writing.writer import Writer
from campaign.planning.suppressed import has_store, open_store, reason_of, scopes_of
from campaign.recipients.suppression import read_suppressed, state_of
from campaign.suppression.store import SuppressionStore

_LOOK_EVERY_S = 1.0
_PART = 10_000  # keys in one transaction: outcomes do not wait long behind them


class SuppressionLookup:
    """The lists and the store of one run.  `close` it."""

    def __init__(
        self,
        campaign: Campaign,
        writer: Writer,
        reader: ClaimReader,
        mailboxes: Mailboxes,
        clock: Clock,
        must_stop: Callable[[CampaignError], None],
    ) -> None:
        self._campaign = campaign
        self._settings = campaign.settings.recipients
        self._scopes = scopes_of(campaign)
        self._store: SuppressionStore | None = None
        self._writer = writer
        self._reader = reader
        self._mailboxes = mailboxes
        self._clock = clock
        self._must_stop = must_stop
        self._known = reader.suppression_lists()  # state of the lists that the journal has
        self._some = reader.has_suppressed()
        self._look_at_s = clock.tick_s()
        self._is_current = False

    def close(self) -> None:
        if self._store:
            self._store.close()

    async def are_known(self) -> bool:
        """Whether the journal has what the lists say; nobody may be claimed before it has."""
        now_s = self._clock.tick_s()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + _LOOK_EVERY_S
            self._is_current = self._has_opened() and await self._look()
        return self._is_current

    async def among(self, keys: Sequence[str]) -> dict[str, str] | None:
        """Those of the keys that must not be written to, and why; None when it cannot be known,
        and the run was told to stop."""
        found: dict[str, str] = {}
        if self._some:
            found = dict.fromkeys(self._reader.suppressed(keys), "suppressed")
        if store := self._store:
            try:
                # In a thread: another process may be writing to the store just now.
                known, softs = await asyncio.to_thread(self._asked, store, keys)
            except SuppressionError as error:
                self._must_stop(error)
                return None
            found |= known
            self._mailboxes.soft_keys.update(softs)
        return found

    def _asked(
        self, store: SuppressionStore, keys: Sequence[str]
    ) -> tuple[dict[str, str], set[str]]:
        if store.is_empty():  # one question to a server in place of four
            return {}, set()
        entries = store.lookup(keys, self._scopes)
        return {key: reason_of(entry) for key, entry in entries.items()}, store.with_softs(keys)

    def _has_opened(self) -> bool:
        """The store may come into being during a run, by the first who unsubscribes."""
        try:
            if self._store is None and has_store(self._campaign):
                self._store = open_store(self._campaign, self._clock)
        except CampaignError as error:
            self._must_stop(error)
            return False
        return True

    async def _look(self) -> bool:
        found = state_of(self._campaign.folder, self._settings.suppress)
        if found == self._known:
            return True
        try:
            try:
                await self._learn()
            except DataError:  # it may be being written just now
                await asyncio.sleep(_LOOK_EVERY_S)
                found = state_of(self._campaign.folder, self._settings.suppress)
                await self._learn()
        except (DataError, JournalError) as error:
            self._must_stop(error)
            return False
        self._known, self._some = found, True
        return True

    async def _learn(self) -> None:
        settings = self._settings
        keys = read_suppressed(self._campaign.folder, settings.suppress, settings.address)
        while part := await asyncio.to_thread(lambda: list(islice(keys, _PART))):
            await self._writer.suppress(part)
