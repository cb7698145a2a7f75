"""The routes of provider events: POST /events/ses, /events/sendgrid, /events/mailgun,
/events/postmark.

In: posts.  Out: 200 once a post is on the disk; else why not.
Touches: the inbox of the suppression store, through `keep`.

A post that came before gets its 200 and is not kept twice.  Of a provider that the config does not
name nothing is taken: 404, so that nobody believes events to be heard that are not.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.clock import Clock
from campaign.errors import SuppressionError
from campaign.serve.app import RouteSet, unavailable
from campaign.serve.asked import read_body
from campaign.serve.providers.posts import PostCheck, PostDelayed, Posted, PostRefused
from campaign.suppression.inbox import ProviderPost, Put

NAMES = ("ses", "sendgrid", "mailgun", "postmark")
MOST_BYTES = 1024 * 1024  # SNS posts 256 KB at most, SendGrid some 800 KB
_MOST_AT_ONCE = 32  # so that bodies take no more than that many MB
_TOLD_EVERY_S = 60.0
Keep = Callable[[ProviderPost], Awaitable[Put]]


class ProviderEvents:
    """`routes()` is what the application takes, before the set for leaving."""

    def __init__(
        self,
        checks: Mapping[str, PostCheck],
        keep: Keep,
        clock: Clock,
        complain: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
    ) -> None:
        self._checks = checks
        self._keep = keep
        self._clock = clock
        self._complain = complain
        self._complained_s: dict[str, float] = {}
        self._at_once = 0

    def routes(self) -> RouteSet:
        paths = [f"/events/{name}" for name in NAMES]
        taken = [Route(path, self._answer, methods=["POST"]) for path in paths]
        secret = Route("/events/postmark/{secret}", self._answer, methods=["POST"])
        return RouteSet([*taken, secret])

    async def _answer(self, request: Request) -> Response:
        name = request.scope["path"].split("/")[2]
        check = self._checks.get(name)
        if check is None:
            self._tell(name, f"there is no [bounces.{name}] in campaign.toml")
            return Response(status_code=404)
        if self._at_once >= _MOST_AT_ONCE:
            return unavailable()
        self._at_once += 1
        try:
            return await self._taken(name, check, request)
        except PostRefused as refused:
            self._tell(name, refused.why)
            headers = {"WWW-Authenticate": "Basic"} if refused.status == 401 else None
            return Response(status_code=refused.status, headers=headers)
        except (PostDelayed, SuppressionError) as trouble:
            self._tell(name, str(trouble))
            return unavailable()
        finally:
            self._at_once -= 1

    async def _taken(self, name: str, check: PostCheck, request: Request) -> Response:
        body = await read_body(request, MOST_BYTES)
        try:
            text = body.decode()
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise PostRefused("it is no JSON", 400) from None
        posted = Posted(
            body, document, dict(request.headers), self._clock.now_s(),
            str(request.path_params.get("secret", "")),
        )  # fmt: skip
        id_ = await check(posted)
        if not id_:
            return Response()
        digest = hashlib.sha256(body).hexdigest()
        put = await self._keep(ProviderPost(name, id_, digest, posted.at, text))
        if put is Put.OTHER:
            raise PostRefused("its id came before with other events: somebody has changed it")
        return Response()

    def _tell(self, name: str, why: str) -> None:
        """On stderr, but not a line for each post."""
        now_s = self._clock.tick_s()
        if now_s - self._complained_s.get(name, -_TOLD_EVERY_S) >= _TOLD_EVERY_S:
            self._complained_s[name] = now_s
            self._complain(f"campaign: a post to /events/{name} was not taken: {why}")
