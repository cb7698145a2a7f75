"""What replies say of mailboxes, into the suppression store that all campaigns share.

In: outcomes that the journal has.  Out: entries and soft bounces in the store.
Touches: the suppression store.  A store that fails stops the run: its outcomes are in the journal,
and the next start takes them in.

A relay that is set up wrongly, or has lost its list of users, says of everybody that there is no
such mailbox.  Twenty in a row, at several domains, without an accepted letter between are therefore
its fault, and suppress nobody; fewer are believed once a letter is accepted, or the run ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.errors import CampaignError
from campaign.outcomes import Result
from campaign.planning.suppressed import open_store
from campaign.records import Change, Claim, ReplyClass, State
from campaign.suppression.entries import EVERYWHERE, Reason, SoftBounce, Suppressed
from campaign.suppression.store import SuppressionStore

SOURCE = "run"
_EVERY_S = 1.0  # how often what was heard is written; a stopped run writes at its end
_IN_A_ROW = 20  # "no such mailbox" without an accepted letter between
_DOMAINS = 3  # a single one may have closed down


class _Gone(NamedTuple):
    entry: Suppressed
    domain: str


class Mailboxes:
    """Those of one run's recipients."""

    def __init__(
        self,
        campaign: Campaign,
        clock: Clock,
        *,
        is_sandbox: bool,
        sent_count: Callable[[], int],
        say: Callable[[str], None],
        must_stop: Callable[[CampaignError], None],
    ) -> None:
        self.soft_keys: set[str] = set()  # claimed people with soft bounces in the store
        self._campaign = campaign
        self._is_sandbox = is_sandbox
        self._clock = clock
        self._sent_count = sent_count
        self._say = say
        self._must_stop = must_stop
        self._store: SuppressionStore | None = None
        self._in_a_row: list[_Gone] = []
        self._sent_before = 0
        self._has_said = False
        self._entries: list[Suppressed] = []
        self._softs: list[SoftBounce] = []
        self._accepted: list[str] = []

    def learn(self, claim: Claim, change: Change, suppresses: bool) -> None:
        """The outcome of a letter, once it is durable; a sandbox makes its own up."""
        if self._is_sandbox:
            return
        if change.state is State.SENT:
            self._accepted.append(claim.key)
            self.soft_keys.discard(claim.key)
            return
        said = f"{change.code} {change.reply}"
        name = self._campaign.settings.name
        if suppresses and change.state is State.FAILED:
            entry = Suppressed(
                claim.key, EVERYWHERE, Reason.HARD, SOURCE, name, change.at, evidence=said
            )
            self._note_gone(_Gone(entry, claim.domain))
        else:
            self._softs.append(SoftBounce(claim.key, name, change.at, said))

    def take_in(self, failed: Iterable[Result], sent: int) -> None:
        """The failed of a run that may have ended before it could tell the store.

        Where more are gone than letters were accepted, it is the relay that is believed to fail.
        """
        if self._is_sandbox:
            return
        name = self._campaign.settings.name
        gone = [
            Suppressed(
                result.key, EVERYWHERE, Reason.HARD, SOURCE, name,
                datetime.fromisoformat(result.updated_at).timestamp(),
                evidence=f"{result.code} {result.reply}",
            )
            for result in failed
            if result.class_ == ReplyClass.RECIPIENT_GONE and result.relay and result.code >= 500
        ]  # fmt: skip
        if gone and len(gone) <= max(_IN_A_ROW, sent):
            self._opened().add(gone)

    async def keep_writing(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self._write()

    async def finish(self) -> None:
        """Write all that was heard; the store is closed."""
        self._believe()
        await self._write()
        if self._store:
            self._store.close()
            self._store = None

    def _note_gone(self, gone: _Gone) -> None:
        if (sent := self._sent_count()) != self._sent_before:
            self._believe()
            self._sent_before = sent
        self._in_a_row.append(gone)
        if self._is_everybody and not self._has_said:
            self._has_said = True
            self._say(
                f"{len(self._in_a_row)} recipients in a row are said not to exist, which is the"
                " fault of the server that says so: none of them is suppressed for it"
            )

    @property
    def _is_everybody(self) -> bool:
        row = self._in_a_row
        return len(row) >= _IN_A_ROW and len({gone.domain for gone in row}) >= _DOMAINS

    def _believe(self) -> None:
        if not self._is_everybody:
            self._entries += [gone.entry for gone in self._in_a_row]
        self._in_a_row = []

    async def _write(self) -> None:
        if self._in_a_row and self._sent_count() != self._sent_before:
            self._believe()
        entries, softs, accepted = self._entries, self._softs, self._accepted
        if not (entries or softs or accepted):
            return
        self._entries, self._softs, self._accepted = [], [], []
        try:
            store, name = self._opened(), self._campaign.settings.name
            await asyncio.to_thread(_write_all, store, entries, softs, accepted, name)
        except CampaignError as error:
            self._must_stop(error)

    def _opened(self) -> SuppressionStore:
        if self._store is None:
            self._store = open_store(self._campaign, self._clock)
        return self._store


def _write_all(
    store: SuppressionStore,
    entries: list[Suppressed],
    softs: list[SoftBounce],
    accepted: list[str],
    campaign: str,
) -> None:
    store.accepted(accepted, campaign)
    store.add(entries)
    store.soft(softs)
