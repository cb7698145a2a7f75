"""Telling open pages that something changed.

In: rings.  Out: a stream of server-sent events.  Touches: nothing.

A page listens some time after it was made, and again after its machine slept: it says by number
what it knows of, and hears the last ring of each kind that came since.  The numbers are those of
server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html, "id").
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_KEEP_ALIVE_S = 15.0
_END = "end"


class _Ring(NamedTuple):
    number: int
    kind: str
    data: str


class Bell:
    """Every open page hears each ring; a page that is slow hears the last of each kind."""

    def __init__(self) -> None:
        self._ears: set[asyncio.Event] = set()
        self._count = 0
        self._last: dict[str, _Ring] = {}  # of each kind
        self.last_word: Callable[[], Awaitable[str]] | None = None  # what the end of streams says

    @property
    def is_heard(self) -> bool:
        """Somebody has a page open."""
        return bool(self._ears)

    def ring(self, kind: str, data: str = "") -> None:
        self._count += 1
        self._last[kind] = _Ring(self._count, kind, data)
        for ear in self._ears:
            ear.set()

    async def silence(self) -> None:
        """End every stream: the server stops.  The last event has what nobody can ask for then."""
        self.ring(_END, await self.last_word() if self.last_word and self.is_heard else "")

    def counting(self, app: ASGIApp) -> ASGIApp:
        """The application, each request of which has the number of rings before it was answered
        (`request.state.rung`)."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                scope.setdefault("state", {})["rung"] = self._count
            await app(scope, receive, send)

        return counted

    def stream(self, request: Request) -> StreamingResponse:
        """The answer to an EventSource, which names the last ring that it knows of."""
        said = request.headers.get("last-event-id") or request.query_params.get("since", "")
        is_number = said.isascii() and said.isdigit() and len(said) < 16
        known = int(said) if is_number else self._count
        if known > self._count:  # of an earlier server at this port
            known = 0
        return StreamingResponse(self._listen(known), media_type="text/event-stream")

    async def _listen(self, known: int) -> AsyncIterator[str]:
        ear = asyncio.Event()
        self._ears.add(ear)
        try:
            yield "retry: 1000\n\n"
            while True:
                ear.clear()
                for ring in self._since(known):
                    lines = "".join(f"data: {line}\n" for line in ring.data.split("\n"))
                    yield f"id: {ring.number}\nevent: {ring.kind}\n{lines}\n"
                    known = ring.number
                    if ring.kind == _END:
                        return
                try:
                    await asyncio.wait_for(ear.wait(), _KEEP_ALIVE_S)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._ears.discard(ear)

    def _since(self, known: int) -> list[_Ring]:
        return sorted(ring for ring in self._last.values() if ring.number > known)
