"""How endpoints stand, for people: in a sentence each, and for programs.

In: the url of [journal], the urls of [[webhook]].  Out: `EndpointStanding`s.  Touches: the outbox.
Fails with WebhookError.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from campaign.clock import iso
from campaign.database.places import locate
from campaign.webhooks.outbox import SUFFIX, EndpointRow, Outbox, endpoint_of


class EndpointStanding(NamedTuple):
    """One endpoint as it stands."""

    url: str  # without its query, which may hold a key
    state: str  # "well", "failing", "disabled", or "new" before anything was to be told
    waiting: int  # notices in the outbox; more may wait in the journal
    told: int
    tries: int
    given_up: int
    said: str  # why the last try failed
    failing_since: str  # RFC 3339, "" where it is well
    next_try: str
    told_at: str

    def as_object(self) -> dict[str, Any]:
        return self._asdict()

    @property
    def needs_a_person(self) -> bool:
        return self.state == "disabled" or self.given_up > 0

    @property
    def is_behind(self) -> bool:
        return self.waiting > 0 or self.needs_a_person

    def sentence(self) -> str:
        """ "https://a.example/h: 12 told, 3 wait"."""
        counts = f"{self.url}: {self.told:,} told, {self.waiting:,} wait"
        if self.given_up:
            counts += f", {self.given_up:,} given up after three days"
        if self.state == "disabled":
            return f"{counts}; it is disabled: {self.said}"
        if self.state == "failing":
            return f"{counts}; it fails: {self.said}"
        return counts


def shown_url(url: str) -> str:
    """Without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def standings(journal_url: str, folder: Path, urls: Sequence[str]) -> list[EndpointStanding]:
    """Of these endpoints, in their order; an outbox that is not there is not made."""
    place = locate(journal_url, folder)
    if place.path is not None and not place.beside(SUFFIX).exists():
        return [_new(url) for url in urls]
    with closing(Outbox.open(journal_url, folder)) as outbox:
        known = {each.endpoint: each for each in outbox.standings()}
        return [
            _told(url, known[name], outbox.waiting_count(name))
            if (name := endpoint_of(url)) in known
            else _new(url)
            for url in urls
        ]


def _new(url: str) -> EndpointStanding:
    return EndpointStanding(shown_url(url), "new", 0, 0, 0, 0, "", "", "", "")


def _told(url: str, each: EndpointRow, waiting: int) -> EndpointStanding:
    state = "disabled" if each.disabled_at else "failing" if each.failing_since else "well"
    return EndpointStanding(
        shown_url(url),
        state,
        waiting,
        each.told,
        each.tries,
        each.given_up,
        each.said,
        iso(each.failing_since),
        iso(each.rests_until),
        iso(each.told_at),
    )
