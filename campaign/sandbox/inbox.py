"""The sandbox's web inbox: what arrived, and what was turned away, as it happens.

In: requests.  Out: pages.  Touches: the mailbox's folder, for reading.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.pages import viewer
from campaign.pages.events import Bell
from campaign.pages.letter import Opened
from campaign.pages.look import Look
from campaign.pages.server import PageServer
from campaign.sandbox.inbox_store import Inbox
from campaign.sandbox.simulator import MAILBOXES

_PAGE = 60
_LOOK_EVERY_S = 0.3
_REFUSALS = 500  # listed


class InboxPages:
    """The application over one mailbox."""

    def __init__(self, folder: Path, listens_on: str) -> None:
        """`listens_on` is told to people: where to send, "127.0.0.1:2525"."""
        self._inbox = Inbox(folder)
        self._listens_on = listens_on
        self._turn = asyncio.Lock()
        self._look = Look(Path(__file__).parent / "look", room="inbox", viewer=True)
        self.bell = Bell()
        self.app = Starlette(
            routes=[
                Route("/", self._messages),
                Route("/list", self._list),
                Route("/message/{name}", self._message),
                Route("/message/{name}/frame", self._frame),
                Route("/message/{name}/letter.eml", self._eml),
                Route("/message/{name}/part/{part:int}", self._part),
                Route("/refusals", self._refusals),
                Route("/refusals/list", self._refusals_list),
                Route("/events", self._events),
            ],
            lifespan=self._lifespan,
        )

    async def _messages(self, request: Request) -> Response:
        values = await self._listing(request)
        name = request.query_params.get("message") or (
            values["messages"][0].name if values["messages"] else ""
        )
        return self._look.page(
            request,
            "inbox.html",
            **values,
            **await self._opened(name, request.query_params.get("view", "html")),
            is_asked="message" in request.query_params,
        )

    async def _list(self, request: Request) -> Response:
        return self._look.page(request, "messages.html", **await self._listing(request))

    async def _message(self, request: Request) -> Response:
        values = await self._opened(
            request.path_params["name"], request.query_params.get("view", "html")
        )
        return self._look.page(request, "message.html", 200 if values["letter"] else 404, **values)

    async def _frame(self, request: Request) -> Response:
        return viewer.frame(await self._letter(request), request)

    async def _eml(self, request: Request) -> Response:
        name = f"{request.path_params['name'].partition('.M')[0]}.eml"
        return viewer.source(await self._letter(request), name)

    async def _part(self, request: Request) -> Response:
        return viewer.part(await self._letter(request), request.path_params["part"])

    async def _letter(self, request: Request) -> Opened | None:
        letter: Opened | None = await self._ask(self._inbox.letter, request.path_params["name"])
        return letter

    async def _refusals(self, request: Request) -> Response:
        return self._look.page(request, "refusals.html", **await self._turned_away())

    async def _refusals_list(self, request: Request) -> Response:
        return self._look.page(request, "turned_away.html", **await self._turned_away())

    async def _events(self, request: Request) -> Response:
        return self.bell.stream(request)

    async def _listing(self, request: Request) -> dict[str, Any]:
        text = request.query_params.get("q", "").strip()[:200]
        after = request.query_params.get("after", "")
        messages, is_end = await self._ask(self._inbox.page, text, after, _PAGE)
        more = "" if is_end else "/?" + urlencode({"q": text, "after": messages[-1].name})
        return {
            "messages": messages,
            "total": len(await self._ask(self._inbox.names)),
            "text": text,
            "more": more,
            "is_first_page": not after,
            "current": request.query_params.get("message", ""),
            "listens_on": self._listens_on,
            "mailboxes": MAILBOXES,
        }

    async def _opened(self, name: str, view: str) -> dict[str, Any]:
        letter = await self._ask(self._inbox.letter, name) if name else None
        return {
            "name": name,
            "base": f"/message/{name}",
            "stamp": 0,
            "view": view if view in viewer.VIEWS else "html",
            "letter": letter,
            "arrived": await self._ask(self._inbox.arrived, name) if letter else None,
            "files": viewer.files_of(letter) if letter else [],
        }

    async def _turned_away(self) -> dict[str, Any]:
        refusals = await self._ask(self._inbox.refusals)
        return {"refusals": refusals[:_REFUSALS], "total": len(refusals), "mailboxes": MAILBOXES}

    async def _ask(self, question: Any, *about: Any) -> Any:
        async with self._turn:  # one at a time: the Inbox keeps what it read
            return await asyncio.to_thread(question, *about)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self) -> None:
        seen = self._inbox.stamp()
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            now = self._inbox.stamp()
            if now != seen:
                seen = now
                self.bell.ring("mail")


def start(folder: Path, listens_on: str, port: int = 0) -> PageServer:
    """Serve the inbox of a mailbox's folder; the caller stops it.

    Raises UsageError if the port cannot be had.
    """
    (folder / "new").mkdir(parents=True, exist_ok=True)
    pages = InboxPages(folder, listens_on)
    server = PageServer(pages.app, pages.bell, port)
    server.start()
    return server
