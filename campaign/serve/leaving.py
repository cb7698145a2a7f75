"""The routes of those who leave: one-click, the page behind the link, the page of all lists.

In: requests whose query or path holds a token.  Out: answers.
Touches: the suppression store, through `StoreWriter`; on POST alone.

These routes take every path, since `[unsubscribe] url` may have any.  A token that is forged, cut
or of somebody else's secret gets the answer of a good one, after the time of a good one, so that
nothing is learned by trying: one-click gets 200 and no body, and the page is the same without an
address.  Once its button is pressed that page says that nothing has changed, for a person whose
link was cut must know.  One-click with a good token is never refused and never limited.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple, Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from campaign.addresses.tokens import EVERYTHING, UnsubscribeTokens, Unsubscription
from campaign.clock import Clock
from campaign.errors import SuppressionError
from campaign.serve.app import RETRY_AFTER_S, RouteSet, unavailable
from campaign.serve.asked import Action, Asked, read_asked, read_body
from campaign.serve.limits import VisitorLimit, network_of
from campaign.serve.pages import CHOOSE, Pages, Visit
from campaign.serve.standing import LinkStanding, choose, look_up, undo, wish
from campaign.serve.wording import Wordings
from campaign.serve.writing import StoreWriter


class UnsubscribeLink(NamedTuple):
    """A token of ours, and what it says."""

    token: str
    whose: Unsubscription


_NOBODY = Unsubscription("", "", "")
_PER_NETWORK, _PER_TOKEN, _SPAN_S = 600, 60, 60.0
_TROUBLE_TOLD_EVERY_S = 60.0


class Sleep(Protocol):
    """`asyncio.sleep`."""

    def __call__(self, delay: float, /) -> Awaitable[None]: ...


class Leaving:
    """One sender's lists; `routes()` is what the application takes."""

    def __init__(
        self,
        tokens: UnsubscribeTokens,
        writer: StoreWriter,
        wordings: Wordings,
        clock: Clock,
        *,
        lists: Mapping[str, Mapping[str, str]],
        title: str = "",
        old_campaigns: Sequence[str] = (),
        sleep: Sleep = asyncio.sleep,
        complain: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
    ) -> None:
        self._tokens = tokens
        self._old_campaigns = tuple(old_campaigns)
        self._writer = writer
        self._wordings = wordings
        self._pages = Pages(wordings, title, lists)
        self._names = tuple(lists)
        self._clock = clock
        self._sleep = sleep
        self._complain = complain
        self._complained_s = -_TROUBLE_TOLD_EVERY_S
        self._networks = VisitorLimit(_PER_NETWORK, _SPAN_S, clock)
        self._people = VisitorLimit(_PER_TOKEN, _SPAN_S, clock)

    def routes(self) -> RouteSet:
        """To be the last set: they leave nothing to a later one."""

        @asynccontextmanager
        async def running() -> AsyncIterator[None]:
            try:
                yield
            finally:
                await self._writer.close()

        paths = [
            Route("/health", self._health, methods=["GET"]),
            Route("/{path:path}", self._answer, methods=["GET", "POST"]),
        ]
        return RouteSet(paths, running)

    async def _health(self, request: Request) -> Response:
        """200 while what is asked could be written down."""
        try:
            await self._writer.ask(lambda store: store.try_writing())
        except SuppressionError as error:
            self._tell(error)
            return PlainTextResponse("the suppression store cannot be written\n", 503)
        if self._writer.trouble:
            return PlainTextResponse("the last unsubscribe could not be written\n", 503)
        return PlainTextResponse("ok\n")

    async def _answer(self, request: Request) -> Response:
        link = self._link(request)
        if request.method != "POST":
            return self._over(request, link) or await self._shown(request, link)
        asked = read_asked(await read_body(request))
        if asked.is_one_click:
            return await self._one_click(request, link)
        if link is None:
            return self._over(request, link) or await self._nobody(request, asked)
        if asked.action is None:
            return self._over(request, link) or await self._shown(request, link)
        return await self._done(request, link, asked.action, asked.kept)

    def _link(self, request: Request) -> UnsubscribeLink | None:
        query = request.scope["query_string"].decode("latin-1")
        found = self._tokens.find(f"{query} {request.scope['path']}", self._old_campaigns)
        return UnsubscribeLink(*found) if found else None

    # -- POST ----------------------------------------------------------------------------------

    async def _one_click(self, request: Request, link: UnsubscribeLink | None) -> Response:
        """200 and no body (RFC 8058, 3.1): it is on the disk, or it was no token of ours."""
        if link is None:
            if over := self._over(request, link):
                return over
            await self._feign()
            return Response()
        try:
            await self._leave(link.whose, link.whose.list, "one-click")
        except SuppressionError:
            return unavailable()
        return Response()

    async def _nobody(self, request: Request, asked: Asked) -> Response:
        if asked.action is None:
            return await self._shown(request, None)
        await self._feign()
        return self._pages.page(self._visit(request, None), "told", about="nobody")

    async def _feign(self) -> None:
        """Nothing is written, in the time that writing takes."""
        await self._sleep(random.choice(self._writer.took_s))

    async def _done(
        self, request: Request, link: UnsubscribeLink, action: Action, kept: Collection[str]
    ) -> Response:
        visit, whose, clock = self._visit(request, link), link.whose, self._clock
        try:
            if action == "unsubscribe":
                await self._leave(whose, whose.list, "page")
                return self._left(visit, whose, await self._standing(whose))
            if action == "everything":
                await self._leave(whose, EVERYTHING, "preference page")
                return self._chosen(visit, await self._standing(whose))
            if wait_s := self._people.wait_s(link.token):
                return self._busy(visit, wait_s)
            if action == "choose":
                choosing = partial(
                    choose, whose=whose, names=self._names, kept=kept, clock=self._clock
                )
                return self._chosen(visit, await self._writer.ask(choosing), is_saved=True)
            name = EVERYTHING if action == "undo-everything" else whose.list
            taking_back = partial(undo, whose=whose, name=name, clock=clock)
            is_undone, standing = await self._writer.ask(taking_back)
        except SuppressionError as error:
            self._tell(error)
            page = self._pages.page(visit, "told", 503, about="later")
            page.headers["Retry-After"] = str(RETRY_AFTER_S)
            return page
        if action == "undo-everything":
            return self._chosen(visit, standing)
        is_back = is_undone and not standing.has_left(whose.list)
        return self._pages.page(visit, "told", about="undone" if is_back else "kept")

    async def _leave(self, whose: Unsubscription, name: str, how: str) -> None:
        try:
            await self._writer.add(wish(whose, name, self._clock.now_s(), how))
        except SuppressionError as error:
            self._tell(error)
            raise

    # -- pages ---------------------------------------------------------------------------------

    async def _shown(self, request: Request, link: UnsubscribeLink | None) -> Response:
        """The page of a link, as it stands now."""
        visit = self._visit(request, link)
        whose = link.whose if link else _NOBODY
        try:
            standing = await self._standing(whose)
        except SuppressionError as error:
            self._tell(error)
            standing = LinkStanding((), whose, self._clock.now_s())
        if link and request.query_params.get("view") == CHOOSE and self._names:
            return self._chosen(visit, standing)
        if link and standing.has_left(whose.list):
            return self._left(visit, whose, standing)
        return self._pages.page(visit, "ask")

    def _left(self, visit: Visit, whose: Unsubscription, standing: LinkStanding) -> Response:
        return self._pages.page(visit, "left", can_undo=standing.can_undo(whose.list))

    def _chosen(self, visit: Visit, standing: LinkStanding, *, is_saved: bool = False) -> Response:
        return self._pages.page(
            visit,
            "choose",
            view=CHOOSE,
            choices=self._pages.choices(visit, standing.choices(self._names)),
            has_left_all=standing.has_left(EVERYTHING),
            can_undo_all=standing.can_undo(EVERYTHING),
            is_saved=is_saved,
        )

    def _busy(self, visit: Visit, wait_s: float) -> Response:
        page = self._pages.page(visit, "told", 429, about="busy")
        page.headers["Retry-After"] = str(int(wait_s) + 1)
        return page

    def _visit(self, request: Request, link: UnsubscribeLink | None) -> Visit:
        asked = request.query_params.get("l", "")[:35]
        wording = self._wordings.choose(asked, request.headers.get("accept-language", ""))
        whose = link.whose if link else _NOBODY
        tag = wording.tag if asked else ""
        return Visit(link.token if link else "", whose.list, whose.key, tag, wording)

    # -- inside --------------------------------------------------------------------------------

    async def _standing(self, whose: Unsubscription) -> LinkStanding:
        looking = partial(look_up, whose=whose, clock=self._clock)
        return await self._writer.ask(looking)

    def _over(self, request: Request, link: UnsubscribeLink | None) -> Response | None:
        """429 for a network, or a link, that asks too often."""
        network = network_of(request.client.host if request.client else "")
        wait_s = self._networks.wait_s(network)
        if not wait_s and link is not None:
            wait_s = self._people.wait_s(link.token)
        return self._busy(self._visit(request, link), wait_s) if wait_s else None

    def _tell(self, error: SuppressionError) -> None:
        """On stderr, but not a line for each request."""
        now_s = self._clock.tick_s()
        if now_s - self._complained_s >= _TROUBLE_TOLD_EVERY_S:
            self._complained_s = now_s
            self._complain(f"campaign: {error}")
