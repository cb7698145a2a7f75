"""Render workers of a preview: they say which branches of the templates each letter took.

In: a `RenderSpec`, lists of `Job`.  Out: messages, with their branches.
Touches: its own worker processes.
"""

from __future__ import annotations

import dataclasses

from campaign.records import Job, Message
from campaign.rendering.render import RenderSpec
from campaign.rendering.templating.branches import Traced, traced
from campaign.workers.pool import RenderPool


class TracedPool(RenderPool):
    """As `RenderPool`, with one worker."""

    def __init__(self, spec: RenderSpec) -> None:
        super().__init__(dataclasses.replace(spec, is_traced=True), workers=1)

    async def trace(self, jobs: list[Job]) -> list[Traced]:
        """The message of each job, in order, with the branches it took."""
        return [traced(message) for message in await super().render(jobs)]

    async def render(self, jobs: list[Job]) -> list[Message]:
        """The messages alone, the bytes of a run."""
        return [found.message for found in await self.trace(jobs)]
