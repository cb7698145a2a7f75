"""What `campaign serve` took from providers, for the campaigns whose letters it is about.

In: campaigns.  Out: events in batches.
Touches: the inboxes of their suppression stores; how far each plan has read is noted there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

from campaign.clock import Clock, SystemClock
from campaign.feedback.mailings import Mailing
from campaign.feedback.parsing.notices import Returned
from campaign.feedback.providers.payloads import unreadable
from campaign.feedback.providers.reading import PROVIDERS, read_events
from campaign.feedback.sources.files import RawMail
from campaign.feedback.taking import ReadMail
from campaign.planning.suppressed import has_store, open_store, place_of_store
from campaign.suppression.inbox import ProviderPost

_LOOKED_AT_EVERY_S = 5.0


def read_posts(mailings: Sequence[Mailing], clock: Clock) -> Iterator[list[ReadMail]]:
    """Those that these plans have not read; a batch is read once the next one is asked for."""
    groups: dict[str, list[Mailing]] = {}
    for mailing in mailings:
        if has_store(mailing.campaign):
            groups.setdefault(place_of_store(mailing.campaign), []).append(mailing)
    for group in groups.values():
        plan_ids = [mailing.plan_id for mailing in group]
        with open_store(group[0].campaign, clock) as store:
            while page := store.inbox.unread(plan_ids):
                yield [
                    ReadMail(f"{post.provider} {seq}", each)
                    for seq, post in page
                    for each in _events(post)
                ]
                store.inbox.note_read(plan_ids, page[-1][0])


def has_posts(mailings: Sequence[Mailing]) -> bool:
    """Whether a provider is named, or one ever posted something."""
    for mailing in mailings:
        bounces = mailing.campaign.settings.bounces
        if bounces.ses or bounces.sendgrid or bounces.mailgun or bounces.postmark:
            return True
        if has_store(mailing.campaign):
            with open_store(mailing.campaign, SystemClock()) as store:
                if not store.inbox.is_empty():
                    return True
    return False


def _events(post: ProviderPost) -> Iterator[Returned]:
    if post.provider not in PROVIDERS:
        yield unreadable(post.body, f"this version does not know events of {post.provider}")
        return
    yield from read_events(post.provider, json.loads(post.body))


class PostsAlone:
    """In the place of a mailbox where no mail is to be read."""

    name = "events of providers"

    def batches(self) -> Iterator[list[RawMail]]:
        return iter(())

    def pass_over(self) -> None:
        pass

    def done(self, mails: Sequence[RawMail]) -> None:
        pass

    def wait(self, seconds: float) -> None:
        time.sleep(min(seconds, _LOOKED_AT_EVERY_S))

    def close(self) -> None:
        pass
