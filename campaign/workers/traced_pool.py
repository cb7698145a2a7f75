"""Render workers of a preview: they say which branches of the templates each letter took.

In: a `RenderSpec`, lists of `Job`.  Out: messages, with their branches.
Touches: its own worker processes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from campaign.records import Job, Message
from campaign.rendering.render import RenderSpec
from campaign.rendering.templating.branches import Traced, traced
from campaign.signing.spec import SigningSpec
from campaign.workers.pool import RenderPool


class TracedPool(RenderPool):
    """As `RenderPool`, with one worker; where a key cannot be had, letters are shown unsigned."""

    def __init__(
        self,
        spec: RenderSpec,
        signing: SigningSpec | None = None,
        on_note: Callable[[str], None] = lambda note: None,
    ) -> None:
        super().__init__(
            dataclasses.replace(spec, is_traced=True),
            workers=1,
            signing=signing,
            may_be_unsigned=True,
            on_note=on_note,
        )

    async def trace(self, jobs: list[Job], *, is_shown: bool = True) -> list[Traced]:
        """The message of each job, in order, with the branches it took.

        Of letters that nobody is shown the signature is left out: it takes longer than the rest.
        """
        found = [traced(message) for message in await self._messages(jobs, is_check=False)]
        if not is_shown:
            return found
        signed = await self.signed([one.message for one in found])
        return [one._replace(message=message) for one, message in zip(found, signed, strict=True)]

    async def render(self, jobs: list[Job]) -> list[Message]:
        """The messages alone, the bytes of a run."""
        return [found.message for found in await self.trace(jobs)]
