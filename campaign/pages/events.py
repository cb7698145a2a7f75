"""Telling open pages that something changed.

In: rings.  Out: a stream of server-sent events.  Touches: nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

_KEEP_ALIVE_S = 15.0
_END = ""


class Bell:
    """Every open page hears each ring; a page that is slow hears the last of each kind."""

    def __init__(self) -> None:
        self._ears: set[asyncio.Queue[tuple[str, str]]] = set()

    @property
    def is_heard(self) -> bool:
        """Somebody has a page open."""
        return bool(self._ears)

    def ring(self, kind: str, data: str = "") -> None:
        for ear in self._ears:
            if ear.full():
                ear.get_nowait()
            ear.put_nowait((kind, data))

    def silence(self) -> None:
        """End every stream: the server stops."""
        self.ring(_END)

    def stream(self) -> StreamingResponse:
        """The answer to an EventSource."""
        return StreamingResponse(self._listen(), media_type="text/event-stream")

    async def _listen(self) -> AsyncIterator[str]:
        ear: asyncio.Queue[tuple[str, str]] = asyncio.Queue(maxsize=16)
        self._ears.add(ear)
        try:
            yield "retry: 1000\n\n"
            while True:
                try:
                    kind, data = await asyncio.wait_for(ear.get(), _KEEP_ALIVE_S)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if kind == _END:
                    return
                lines = "".join(f"data: {line}\n" for line in data.split("\n"))
                yield f"event: {kind}\n{lines}\n"
        finally:
            self._ears.discard(ear)
