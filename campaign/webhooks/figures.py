"""How webhooks stand, as figures for monitoring.

In: a journal, urls.  Out: `Sample`s.  Touches: the outbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from campaign.errors import CampaignError
from campaign.metrics.exposition import Sample
from campaign.webhooks.standing import standings


class WebhookFigures:
    """Of the endpoints of one campaign."""

    def __init__(self, campaign: str, journal_url: str, folder: Path, urls: Sequence[str]) -> None:
        self._campaign = campaign
        self._journal = journal_url, folder
        self._urls = urls

    def __call__(self) -> Iterable[Sample]:
        try:
            return list(self._ask())
        except CampaignError:  # the journal's own figure says that it cannot be read
            return []

    def _ask(self) -> Iterator[Sample]:
        for each in standings(*self._journal, self._urls):
            labels = (self._campaign, each.url)
            yield Sample("campaign_webhook_waiting", each.waiting, labels)
            yield Sample("campaign_webhook_told_total", each.told, labels)
            yield Sample("campaign_webhook_tries_total", each.tries, labels)
            yield Sample("campaign_webhook_given_up", each.given_up, labels)
            yield Sample("campaign_webhook_failing", each.state == "failing", labels)
            yield Sample("campaign_webhook_disabled", each.state == "disabled", labels)
