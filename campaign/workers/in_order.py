"""Every letter of a list made once, and taken in the order of the list.

In: batches of jobs, whoever makes letters.  Out: their messages, batch by batch, in that order.
Touches: what the maker touches.

A window of batches is under way while others are taken, so memory does not grow with the list.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from campaign.records import Job, Message
from campaign.rendering.render import RenderSpec
from campaign.workers.pool import RenderPool


class LetterMaker(AbstractAsyncContextManager["LetterMaker", None], Protocol):
    """A `RenderPool`, or what spreads the same work over several hosts."""

    async def render(self, jobs: list[Job]) -> list[Message]: ...
    async def check(self, jobs: list[Job]) -> list[Message]: ...
    @property
    def batch_rows(self) -> int:
        """How many jobs a batch should have."""

    @property
    def at_once(self) -> int:
        """How many batches keep it busy; may change on the way."""


Spread = Callable[[RenderPool, RenderSpec], LetterMaker]  # the pool of this machine, what it makes


def alone(pool: RenderPool, _spec: RenderSpec) -> LetterMaker:
    """Spread over the processes of this machine."""
    return pool


async def make_all(
    maker: LetterMaker,
    batches: Iterator[list[Job]],
    make: Callable[[list[Job]], Awaitable[list[Message]]],
    take: Callable[[list[Message]], None],
) -> None:
    """`make`: `render` or `check` of the maker, which is entered and left here."""
    async with maker:
        under_way: deque[asyncio.Future[list[Message]]] = deque()
        try:
            for batch in batches:
                under_way.append(asyncio.ensure_future(make(batch)))
                while len(under_way) > maker.at_once:
                    take(await under_way.popleft())
            while under_way:
                take(await under_way.popleft())
        finally:  # after Ctrl-C or a fault nobody asks for the others, and asyncio complains
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
