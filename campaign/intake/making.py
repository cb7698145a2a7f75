"""Letters are made once, to see that they can be made; workers that cannot go on are replaced.

In: the plan of an open campaign, jobs.  Out: messages.
Touches: render workers, the templates.  Fails with CampaignError where no worker can be had.

A pool of workers gives up for good where it cannot start a worker, and where the templates that a
new worker reads are others than those of the first.  A process that accepts letters lasts for
months and outlives both: it begins again with a new pool, which reads the templates as they are
now, just as the next run will.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.errors import CampaignError
from campaign.planning.inputs import refuse_templates_since, render_spec, template_hashes
from campaign.records import Job, Message, PlanRecord, Source
from campaign.workers.pool import RenderPool

_AGAIN_S = 2.0  # after new workers could not be had; until then each request has that answer


class RenewedPool:
    """`await open()`, then `check` and `render` as those of a RenderPool, then `await close()`."""

    def __init__(
        self,
        campaign: Campaign,
        record: PlanRecord,
        sources: Sequence[Source],
        clock: Clock,
        *,
        workers: int,
    ) -> None:
        self._campaign = campaign
        self._record = record
        self._sources = sources
        self._clock = clock
        self._workers = workers
        self._pool = self._new_pool()
        self._renewing = asyncio.Lock()
        self._refusal: CampaignError | None = None  # why the last attempt gave no workers
        self._refused_s = 0.0
        self._is_closed = False

    async def open(self) -> None:
        """Raises TemplateError or ConfigError for templates that do not compile."""
        await self._pool.__aenter__()

    async def close(self) -> None:
        self._is_closed = True
        await self._pool.close()

    @property
    def pids(self) -> list[int]:
        """The worker processes that run now."""
        return self._pool.pids

    async def check(self, jobs: list[Job]) -> list[Message]:
        return await self._made(lambda pool: pool.check(jobs))

    async def render(self, jobs: list[Job]) -> list[Message]:
        return await self._made(lambda pool: pool.render(jobs))

    def _new_pool(self) -> RenderPool:
        campaign = self._campaign
        return RenderPool(
            render_spec(campaign, self._record, self._sources),
            workers=self._workers,
            has_read=partial(refuse_templates_since, campaign, template_hashes(campaign)),
        )

    async def _made(self, make: Callable[[RenderPool], Awaitable[list[Message]]]) -> list[Message]:
        pool = self._pool
        try:
            return await make(pool)
        except CampaignError:
            if self._is_closed:
                raise
            return await make(await self._after(pool))

    async def _after(self, failed: RenderPool) -> RenderPool:
        """The pool that takes the place of one that failed; made by whoever comes first."""
        async with self._renewing:
            if self._pool is not failed:
                return self._pool
            if self._refusal and self._clock.now_s() - self._refused_s < _AGAIN_S:
                raise self._refusal
            try:
                fresh = self._new_pool()
                await fresh.__aenter__()
            except CampaignError as error:
                self._refusal, self._refused_s = error, self._clock.now_s()
                raise
            self._pool, self._refusal = fresh, None
            await failed.close()
            if self._is_closed:
                await fresh.close()
            return fresh
