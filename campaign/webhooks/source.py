"""The journal as those who are told see it: what happened since they were told last.

In: a campaign, an outbox.  Out: notices in the outbox.
Touches: journal and suppression store, read-only; the outbox.
Fails with JournalError, SuppressionError, WebhookError.

What may be told comes from three places: `history` of the journal, the events that came back, and
the suppression store, where those stand who left by the link in a letter.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from campaign.addresses.tokens import campaign_digest
from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.config.settings import Webhook
from campaign.journal.reading.reader import Reader
from campaign.journal.reading.returned.events import events_since, last_event
from campaign.journal.reading.since import (
    changes_at,
    changes_since,
    last_change_of,
    recipient_of,
)
from campaign.suppression.database import is_there, store_url
from campaign.suppression.store import SuppressionStore
from campaign.webhooks.notices import (
    OF_EVENTS,
    TOLD_STATES,
    HookNotice,
    of_change,
    of_event,
    of_leaving,
)
from campaign.webhooks.outbox import WINDOW, EndpointRow, Outbox, endpoint_of

_PAGE = 1_000
# A writer may hold a number for as long as its transaction lasts, which is milliseconds; a run on
# a server gives a statement a minute (`journal.writing.beginning.ANSWER_S`).
_MISSED_FOR_S = 300.0
_LEFT_AGAIN_S = 600.0  # clocks of two machines that write to one store differ by less
_LOOK_FOR_LEFT_EVERY_S = 10.0


def register(campaign: Campaign, outbox: Outbox, clock: Clock) -> list[EndpointRow]:
    """Make every endpoint of the settings known, before a run begins: from then on it is told.

    Before the first run nothing has been missed, so what the plan left out is told too.
    """
    url, folder = campaign.journal
    with closing(Reader.open(url, folder)) as reader:
        plan_id = reader.plan_record().plan_id
    change = last_change_of(url, folder)
    event = last_event(url, folder) if change else 0
    return [
        outbox.register(webhook.url, plan_id, change, event, clock.now_s())
        for webhook in campaign.settings.webhook
    ]


def seen_by_all(campaign: Campaign) -> int:
    """The last change that every endpoint of the settings has been told of, or will be from the
    outbox.  One that is switched off holds nobody up: letters do not wait for it in the journal."""
    wanted = {endpoint_of(webhook.url) for webhook in campaign.settings.webhook}
    with closing(Outbox.open(*campaign.journal)) as outbox:
        seen = [
            each.change_seen
            for each in outbox.standings()
            if each.endpoint in wanted and not each.disabled_at
        ]
    return min(seen, default=sys.maxsize)


class NoticeSource:
    """Fills the outbox; one thread uses it."""

    def __init__(self, campaign: Campaign, outbox: Outbox, clock: Clock) -> None:
        self._campaign = campaign
        self._outbox = outbox
        self._clock = clock
        self._reader: Reader | None = None
        self._left_looked_s: dict[str, float] = {}

    def close(self) -> None:
        if self._reader:
            self._reader.close()
            self._reader = None

    def fill(self, webhook: Webhook) -> bool:
        """Take in what there is for an endpoint, a page of each kind; whether there is more."""
        endpoint = endpoint_of(webhook.url)
        (standing,) = self._outbox.standings(endpoint)
        if standing.plan_id != self._reading().plan_record().plan_id:  # it was planned anew
            register(self._campaign, self._outbox, self._clock)
            (standing,) = self._outbox.standings(endpoint)
        if standing.disabled_at or self._outbox.waiting_count(endpoint) >= WINDOW:
            return False
        wanted = frozenset(webhook.events)
        more = self._fill_changes(standing, wanted)
        if wanted & OF_EVENTS:
            more |= self._fill_events(standing, wanted)
        if "unsubscribed" in wanted:
            self._fill_left(standing)
        return more

    def _fill_changes(self, standing: EndpointRow, wanted: Collection[str]) -> bool:
        reader, now_s = self._reading(), self._clock.now_s()
        endpoint = standing.endpoint
        missing = dict(self._outbox.missing(endpoint))
        late, there = changes_at(reader, [*missing], TOLD_STATES) if missing else ([], set())
        page = changes_since(reader, standing.change_seen, TOLD_STATES, _PAGE)
        given_up = {
            change for change, since in missing.items() if since < now_s - _MISSED_FOR_S
        } - there
        if not there and not given_up and page.last == standing.change_seen:
            return False
        plan = reader.plan_record()
        made = (of_change(plan.plan_id, plan.campaign, seen) for seen in (*late, *page.changes))
        self._outbox.take_in(
            endpoint,
            [notice for notice in made if notice and notice.kind in wanted],
            change=page.last,
            missing=page.missing,
            found=there | given_up,
            now_s=now_s,
        )
        return page.last > standing.change_seen

    def _fill_events(self, standing: EndpointRow, wanted: Collection[str]) -> bool:
        found = events_since(*self._campaign.journal, standing.event_seen, _PAGE)
        if not found:
            return False
        reader = self._reading()
        plan = reader.plan_record()
        told = [event for _, event in found if event.kind in wanted and event.kind in OF_EVENTS]
        addresses = reader.addresses_of(list({event.row for event in told}))
        self._outbox.take_in(
            standing.endpoint,
            [
                of_event(plan.plan_id, plan.campaign, event, addresses.get(event.row, ""))
                for event in told
            ],
            event=found[-1][0],
        )
        return True

    def _fill_left(self, standing: EndpointRow) -> None:
        """Those who left by a link; the store has no numbers, so the last minutes are looked at
        again each time."""
        endpoint, now_s = standing.endpoint, self._clock.now_s()
        if now_s - self._left_looked_s.get(endpoint, 0.0) < _LOOK_FOR_LEFT_EVERY_S:
            return
        self._left_looked_s[endpoint] = now_s
        settings, folder = self._campaign.settings, self._campaign.folder
        url = store_url(settings.suppression.url, settings.journal.url)
        if not is_there(url, folder):
            return
        reader = self._reading()
        plan = reader.plan_record()
        since_s = max(standing.left_seen - _LEFT_AGAIN_S, plan.created_s)
        notices: list[HookNotice] = []
        with SuppressionStore.open(url, folder, self._clock) as store:
            for entry in store.left_since((plan.campaign, campaign_digest(plan.campaign)), since_s):
                if who := recipient_of(reader, entry.key):
                    notices.append(
                        of_leaving(plan.plan_id, plan.campaign, *who, entry.scope, entry.at)
                    )
        self._outbox.take_in_left(endpoint, notices, now_s, since_s - _LEFT_AGAIN_S)

    def _reading(self) -> Reader:
        if self._reader is None:
            url, folder = self._campaign.journal
            self._reader = Reader.open(url, Path(folder))
        return self._reader
