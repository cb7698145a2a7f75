"""A browser for each module: Playwright's loop must not outlive it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes.browser import CHROMIUM, chromium
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    with chromium() as opened:
        yield opened
