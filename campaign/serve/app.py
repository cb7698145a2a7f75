"""One ASGI application made of sets of routes.

In: route sets.  Out: an ASGI application.  Touches: what the routes touch.

A set is what one room serves: leaving, provider events, the API.  Rooms on one floor do not know
each other, so each makes its own routes, and the command lists the sets.  What holds for every
answer stands here: headers, and how many requests are worked on at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_AT_ONCE = 2000  # requests worked on; those beyond are told to come again
RETRY_AFTER_S = 60
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address of a page holds a token
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@dataclass(frozen=True)
class RouteSet:
    """The routes of one room.

    A later set sees only requests that no earlier set has a route for.  `running` is entered
    before the first request and left after the last one.
    """

    routes: Sequence[BaseRoute]
    running: Callable[[], AbstractAsyncContextManager[None]] | None = None


def application(sets: Sequence[RouteSet], most_at_once: int = MOST_AT_ONCE) -> ASGIApp:
    """The sets in their order."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for each in sets:
                if each.running:
                    await stack.enter_async_context(each.running())
            yield

    routes = [route for each in sets for route in each.routes]
    return _Shell(Starlette(routes=routes, lifespan=lifespan), most_at_once)


def counting(app: ASGIApp, count: Callable[[str], None]) -> ASGIApp:
    """The same, and `count` is told the status of each answer."""

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                count(str(message["status"]))
            await send(message)

        await app(scope, receive, sent if scope["type"] == "http" else send)

    return counted


def unavailable() -> Response:
    """The fault is ours, and whoever asked should ask again: mail providers do."""
    return Response(status_code=503, headers={"Retry-After": str(RETRY_AFTER_S)})


class _Shell:
    """Around all routes."""

    def __init__(self, app: ASGIApp, most_at_once: int) -> None:
        self._app = app
        self._most = most_at_once
        self._at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _POLICY)
            await send(message)

        if self._at_once >= self._most:
            await unavailable()(scope, receive, with_headers)
            return
        self._at_once += 1
        try:
            await self._app(scope, receive, with_headers)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        finally:
            self._at_once -= 1
