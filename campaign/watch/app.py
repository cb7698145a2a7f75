"""The live page of a run: one page, drawn anew while the run goes on.  It can change nothing.

In: requests.  Out: pages.  Touches: the journal, read-only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.clock import Clock, SystemClock
from campaign.config.loader import Campaign
from campaign.journal.reading.tallies import Tallies
from campaign.journal.states import PARTS, SHOWN
from campaign.pages.charts import Courses, draw_courses, draw_curve
from campaign.pages.events import Bell
from campaign.pages.hourly import hourly_letters
from campaign.pages.look import Look
from campaign.pages.server import PageServer, until_interrupted
from campaign.planning.timing.awaited import Waits
from campaign.planning.timing.prospect import Prospects
from campaign.records import State
from campaign.watch.returned import ReturnedFeed
from campaign.watch.sampling import RunSample, Sampler

_EVERY_S = 1.0
_SHARE = 10  # the journal is asked for at most a tenth of the time
_PARTS = tuple((state, SHOWN[state].tone) for state in PARTS)


class Watch:
    """The application; one for each page that is served."""

    def __init__(self, campaign: Campaign, clock: Clock) -> None:
        self._campaign = campaign
        self._clock = clock
        self._look = Look(Path(__file__).parent / "look", room="watch", charts=True)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="watch")
        self._sampler: Sampler | None = None
        self._tallies: Tallies | None = None
        self._sample: RunSample | None = None
        self.bell = Bell()
        self.bell.last_word = self._last_word
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/figures", self._figures),
                Route("/events", self._events),
            ],
            lifespan=self._lifespan,
        )

    async def _page(self, request: Request) -> Response:
        return self._look.page(request, "watch.html", **await self._values())

    async def _figures(self, request: Request) -> Response:
        return self._look.page(request, "run.html", **await self._values())

    async def _events(self, request: Request) -> Response:
        return self.bell.stream(request)

    async def _values(self) -> dict[str, Any]:
        if self._sample is None or not self.bell.is_heard:
            self._sample = await self._ask()
        return self._drawn(self._sample)

    def _drawn(self, sample: RunSample) -> dict[str, Any]:
        return {
            "run": sample,
            "curve": draw_curve(sample.curve, sample.deferrals_s),
            "courses": _courses(sample),
            "parts": [(sample.counts[state], colour) for state, colour in _PARTS],
        }

    async def _last_word(self) -> str:
        """The board as it stays on pages that are open when the run's process goes."""
        return self._look.plain("run.html", **self._drawn(await self._ask()))

    async def _ask(self) -> RunSample:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._look_at)

    def _look_at(self) -> RunSample:
        if self._sampler is None:
            self._tallies = Tallies.open(*self._campaign.journal)
            waits = Waits(self._campaign, self._clock)
            prospects = Prospects(self._campaign, self._clock)
            returned = ReturnedFeed(self._campaign)
            self._sampler = Sampler(
                self._tallies,
                self._clock,
                waits.ask,
                prospects.ask,
                returned.ask,
                hourly_letters if self._campaign.settings.is_open else _of_a_list,
            )
        return self._sampler.sample()

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        sampling = asyncio.create_task(self._keep_looking())
        try:
            yield
        finally:
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
            await asyncio.to_thread(self._leave)

    async def _keep_looking(self) -> None:
        while True:
            before_s = self._clock.tick_s()
            if self.bell.is_heard:
                self._sample = await self._ask()
                self.bell.ring("figures")
            took_s = self._clock.tick_s() - before_s
            await asyncio.sleep(max(_EVERY_S, _SHARE * took_s))

    def _leave(self) -> None:
        if self._tallies is not None:
            self._thread.submit(self._tallies.close).result()
        self._thread.shutdown()


def _of_a_list(tallies: Tallies, now_s: float) -> None:
    """Hours and templates are of open campaigns."""


def _courses(sample: RunSample) -> Courses | None:
    """What was planned, what happened, and what is foreseen from now on."""
    prospect = sample.prospect
    sent = sample.counts[State.SENT]
    seen = prospect.forecast.course if prospect.forecast else ()
    return draw_courses(
        prospect.planned,
        prospect.happened,
        [(at_s, sent + gone) for at_s, gone in seen],
    )


def start(campaign: Campaign, port: int = 0) -> PageServer:
    """The page beside a run; the caller stops it."""
    server = _server(campaign, port)
    server.start()
    return server


def serve(campaign: Campaign, port: int, *, open_browser: bool) -> None:
    """The page of a run of another process, until Ctrl-C."""
    until_interrupted(_server(campaign, port), what="Run", open_browser=open_browser)


def _server(campaign: Campaign, port: int) -> PageServer:
    tallies = Tallies.open(*campaign.journal)
    try:
        tallies.plan_record()
    finally:
        tallies.close()
    watch = Watch(campaign, SystemClock())
    return PageServer(watch.app, watch.bell, port)
