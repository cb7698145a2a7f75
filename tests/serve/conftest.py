"""The application over each kind of store, with one sender's lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign.addresses.tokens import UnsubscribeTokens
from campaign.serve.app import application
from campaign.serve.leaving import Leaving
from campaign.serve.wording import Wordings
from campaign.serve.writing import StoreWriter
from campaign.suppression.store import SuppressionStore
from fakes.clock import FakeClock
from fakes.web.asgi import visitor
from fakes.web.serve_site import SECRET, Site

LISTS = {"newsletter": {"": "Monthly newsletter", "zh": "每月通讯"}, "offers": {"": "Offers"}}


@pytest.fixture
def url(store_url: str) -> str:
    return store_url


@pytest.fixture
def site(url: str, tmp_path: Path) -> Iterator[Site]:
    clock = FakeClock()

    def opened() -> SuppressionStore:
        return SuppressionStore.open(url, tmp_path, clock)

    slept_s: list[float] = []
    said: list[str] = []

    async def sleep(seconds: float) -> None:
        slept_s.append(seconds)

    leaving = Leaving(
        UnsubscribeTokens([SECRET, "an older secret, still read"]),
        StoreWriter(opened, clock),
        Wordings(None),
        clock,
        lists=LISTS,
        title="Analytical Engines",
        old_campaigns=["spring"],
        sleep=sleep,
        complain=said.append,
    )
    with visitor(application([leaving.routes()])) as visiting, opened() as store:
        there = Site(visiting, store, clock)
        there.slept_s, there.said = slept_s, said
        yield there
