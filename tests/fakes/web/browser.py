"""Debian's Chromium, driven by Playwright, with every request it makes written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

# The same engine without windows, where Debian has it: half the time for each page.
_SHELL = Path("/usr/bin/chromium-headless-shell")
CHROMIUM = _SHELL if _SHELL.exists() else Path("/usr/bin/chromium")
AXE = Path(__file__).parents[3] / "build/npm/node_modules/axe-core/axe.min.js"
# No network of its own, no sandbox as root, no GPU.
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
_PATIENCE_MS = 60_000  # a page moves when what it shows does: on a busy machine that takes its time
expect.set_options(timeout=_PATIENCE_MS)
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Playwright keeps an event loop in this thread as long as this is open."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One page that was opened, and what it did."""

    def __init__(self, browser: Browser, url: str, path: str = "", **how: Any) -> None:
        self.context = browser.new_context(**{"viewport": DESKTOP, **how})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(_PATIENCE_MS)
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.context.on("request", self._requested)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.origin = url.partition("/?")[0]
        self.page.goto(url)
        if "key=" in url:  # that page leads on to the one asked for
            self.page.wait_for_url(lambda now: "key=" not in now, wait_until="load")
        if path:
            self.page.goto(self.origin + path)

    @property
    def foreign(self) -> list[str]:
        """Requests that left our page."""
        ours = (self.origin, "data:", "about:", "blob:")
        return [url for url in self.requests if not url.startswith(ours)]

    def faults_of_access(self) -> list[str]:
        """What axe-core finds against WCAG 2.2 AA."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa',"
            " 'best-practice'], iframes: false})"
        )
        return [
            f"{fault['id']}: {json.dumps(node['target'])} {node['failureSummary']}"
            for fault in found["violations"]
            for node in fault["nodes"]
        ]

    def close(self) -> None:
        self.context.close()

    def _requested(self, request: Request) -> None:
        self.requests.append(request.url)
