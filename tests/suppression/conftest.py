"""Each kind of database that a store may live in, empty for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from campaign.records import SoftPolicy
from campaign.suppression.store import SuppressionStore
from fakes.clock import FakeClock

FIVE = SoftPolicy(in_a_row=5)
Opening = Callable[..., SuppressionStore]


@pytest.fixture
def url(store_url: str) -> str:
    return store_url


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def opening(url: str, clock: FakeClock, tmp_path: Path) -> Iterator[Opening]:
    """Opens the same store as often as it is called."""
    with ExitStack() as stack:

        def opened(
            *, soft: SoftPolicy | None = FIVE, keep_s: float | None = None
        ) -> SuppressionStore:
            store = SuppressionStore.open(url, tmp_path, clock, soft=soft, keep_s=keep_s)
            return stack.enter_context(store)

        yield opened


@pytest.fixture
def store(opening: Opening) -> SuppressionStore:
    return opening()
