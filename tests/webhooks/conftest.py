"""A planned campaign with a webhook, and a courier that tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from campaign.config.loader import Campaign, load
from campaign.webhooks.courier import HookCourier
from campaign.webhooks.outbox import EndpointRow, Outbox, Waiting, endpoint_of
from campaign.webhooks.signature import new_secret
from fakes.clock import FakeClock
from fakes.prepared import campaigns

ALL = (
    "sent", "deferred", "failed", "held", "expired", "suppressed",
    "bounced", "complained", "unsubscribed",
)  # fmt: skip
HOOK = """
[[webhook]]
url = "{url}"
secret = {{ env = "HOOK_SECRET" }}
events = {events}
allow_private = true
"""


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    made = new_secret()
    monkeypatch.setenv("HOOK_SECRET", made)
    return made


class Hooked:
    """The campaign, its folder, and what is done with it."""

    def __init__(self, folder: Path, people: int, *urls: str, events: tuple[str, ...] = ALL):
        rows = [(f"person{n}@example.com", f"Person {n}", "gold") for n in range(1, people + 1)]
        hooks = "".join(HOOK.format(url=url, events=list(events)) for url in urls)
        self.folder = folder
        self.url = urls[0]
        self.clock = FakeClock()
        campaigns.planned(folder, rows=rows, toml=campaigns.TOML + hooks)

    @property
    def campaign(self) -> Campaign:
        return load(self.folder)

    def tell(self) -> bool:
        """Everything that is due now."""

        async def main() -> bool:
            return await HookCourier(self.campaign, self.clock, chance=lambda: 0.5).run(
                follow=False
            )

        return asyncio.run(main())

    def standing(self, url: str = "") -> EndpointRow:
        with closing(Outbox.open(*self.campaign.journal)) as outbox:
            return outbox.standings(endpoint_of(url or self.url))[0]

    def waiting(self) -> list[Waiting]:
        with closing(Outbox.open(*self.campaign.journal)) as outbox:
            return outbox.waiting(endpoint_of(self.url))


@pytest.fixture
def hooked(tmp_path: Path) -> Callable[..., Hooked]:
    def make(people: int, *urls: str, events: tuple[str, ...] = ALL) -> Hooked:
        return Hooked(tmp_path / "spring", people, *urls, events=events)

    return make
