"""A visitor of an ASGI application, without a socket.

In: requests.  Out: answers.  Touches: an event loop of its own, in the thread that asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # small letters
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Visitor:
    """`ask` is one request; the application has begun, as of its lifespan."""

    def __init__(self, app: ASGIApp, runner: asyncio.Runner) -> None:
        self._app = app
        self._runner = runner

    def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        client: str = "192.0.2.1",
    ) -> Answer:
        return self.run(self.asking(method, target, body, headers, client))

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        # Not `Runner.run`: it handles SIGINT anew for each request, which takes half a millisecond.
        return self._runner.get_loop().run_until_complete(work)

    async def asking(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        client: str = "192.0.2.1",
    ) -> Answer:
        path, _, query = target.partition("?")
        given = {"host": "example.com", **(headers or {})}
        if body and "content-length" not in given:
            given["content-length"] = str(len(body))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode("latin-1"),
            "root_path": "",
            "query_string": query.encode("latin-1"),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "client": (client, 40000),
            "server": ("example.com", 80),
            "state": {},
        }
        parts = iter([{"type": "http.request", "body": body, "more_body": False}])
        sent: list[Message] = []

        async def receive() -> Message:
            return next(parts, None) or {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        start = sent[0]
        return Answer(
            start["status"],
            {name.decode(): value.decode() for name, value in start["headers"]},
            b"".join(message.get("body", b"") for message in sent[1:]),
        )


@contextmanager
def visitor(app: ASGIApp) -> Iterator[Visitor]:
    """While the application runs."""
    with asyncio.Runner() as runner:
        begun, ended = asyncio.Event(), asyncio.Event()
        said: asyncio.Queue[str] = asyncio.Queue()

        async def receive() -> Message:
            if not begun.is_set():
                begun.set()
                return {"type": "lifespan.startup"}
            await ended.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: Message) -> None:
            await said.put(message["type"])

        async def start() -> asyncio.Task[None]:
            scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
            task = asyncio.ensure_future(app(scope, receive, send))
            assert await said.get() == "lifespan.startup.complete"
            return task  # type: ignore[return-value]

        async def stop(task: asyncio.Task[None]) -> None:
            ended.set()
            await task

        life = runner.run(start())
        try:
            yield Visitor(app, runner)
        finally:
            runner.run(stop(life))
