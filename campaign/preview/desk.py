"""Asks the journal without keeping the page waiting.

In: questions.  Out: answers, awaited.  Touches: the journal, read-only, in three threads.

SQLite answers in the thread that asks.  A search may take most of a second, so it has a thread of
its own, and so has what counts the whole plan: whoever steps through the letters waits for neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from campaign.clock import Clock
from campaign.journal.reading.browsing import Browser, Listed, Page, RecipientStanding, Wanted
from campaign.preview.checked import Checked, read_checked
from campaign.records import Job, PlanRecord, Source, State

T = TypeVar("T")
_BUDGET_S = 0.6  # a search that is not through by then shows what it has
_PROVIDERS = 24  # shown on the overview and in the filter


@dataclass(frozen=True)
class Tally:
    """The plan in numbers."""

    counts: dict[State, int]
    skips: list[tuple[str, int]]
    domains: list[tuple[str, int]]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def skipped(self) -> int:
        return self.counts[State.SKIPPED]


class Desk:
    """Opens the journal in its threads when it is first asked."""

    def __init__(self, url: str, folder: Path, clock: Clock) -> None:
        self._steps = _Asker(url, folder)
        self._searches = _Asker(url, folder)
        self._counts = _Asker(url, folder)
        self._clock = clock
        self._place = (url, folder)

    async def plan(self) -> tuple[PlanRecord, list[Source]]:
        """Raises JournalError where nothing is planned."""
        return await self._steps.ask(lambda browser: (browser.plan_record(), browser.sources()))

    async def last_row(self) -> int:
        return await self._steps.ask(Browser.last_row)

    async def standing(self, row: int) -> RecipientStanding | None:
        return await self._steps.ask(lambda browser: browser.standing(row))

    async def jobs(self, rows: Collection[int]) -> list[Job]:
        return await self._counts.ask(lambda browser: browser.jobs(rows))

    async def page(self, wanted: Wanted, after: int, limit: int) -> Page:
        """A page of the list; the first of a search begins with addresses that begin so."""
        return await self._searches.ask(lambda browser: self._page(browser, wanted, after, limit))

    async def tally(self) -> Tally:
        """Counts the whole plan: up to a second for a million recipients."""
        return await self._counts.ask(_tally)

    async def checked(self) -> Checked | None:
        """What `campaign check` found last."""
        plan, _ = await self.plan()
        return await asyncio.to_thread(read_checked, *self._place, plan)

    def close(self) -> None:
        self._steps.close()
        self._searches.close()
        self._counts.close()

    def _page(self, browser: Browser, wanted: Wanted, after: int, limit: int) -> Page:
        page = browser.page(wanted, after, limit, clock=self._clock, budget_s=_BUDGET_S)
        is_plain = wanted == Wanted(wanted.text)
        if not (wanted.text and is_plain and after == 0) or page.is_end:
            return page
        known = {line.row for line in page.lines}
        first: list[Listed] = [
            line for line in browser.starting_with(wanted.text, 20) if line.row not in known
        ]
        return page._replace(lines=[*first, *page.lines])


class _Asker:
    """One thread with a Browser in it."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._browser: Browser | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

    async def ask(self, question: Callable[[Browser], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._answer, question)

    def close(self) -> None:
        self._thread.submit(self._leave).result()
        self._thread.shutdown()

    def _answer(self, question: Callable[[Browser], T]) -> T:
        if self._browser is None:
            self._browser = Browser.open(self._url, self._folder)
        return question(self._browser)

    def _leave(self) -> None:
        if self._browser is not None:
            self._browser.close()


def _tally(browser: Browser) -> Tally:
    return Tally(
        counts=browser.counts(),
        skips=list(browser.skips().items()),
        domains=browser.domains(_PROVIDERS),
    )
