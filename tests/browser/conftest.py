"""A browser for each module: Playwright's loop must not outlive it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from fakes.web.browser import CHROMIUM, Visit, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    with chromium() as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Callable[..., Visit]]:
    """Opens paths below `url`, which each module has of its own; nothing may go wrong there."""
    opened: list[Visit] = []

    def open_(path: str = "", **how: object) -> Visit:
        opened.append(Visit(browser, url, path, **how))
        return opened[-1]

    yield open_
    for one in opened:
        assert one.errors == []
        assert one.foreign == []
        one.close()
