"""The HTTP API: letters are asked for, and what became of them.

In: requests with a bearer key.  Out: JSON.
Touches: the intake; the arrivals and the journal, for reading.

An answer 202 or 200 says that the letter is durable.  Errors of the request are 4xx with a
sentence; where there is no room, 429 with a time at which to come again; where letters cannot be
kept, 503.  Nothing here is ever answered by a redirect, and nothing needs a cookie.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.errors import CampaignError
from campaign.intake.accepting import SUPPRESSED, Intake
from campaign.intake.api.answers import ApiError, answer, error_of, invalid, refused
from campaign.intake.api.keys import ApiCredential, Keys
from campaign.intake.api.models import (
    AcceptedOut,
    BatchIn,
    BatchOut,
    ItemOut,
    MessageIn,
    MessageOut,
    RenderedOut,
    TemplateOut,
    TemplatesOut,
)
from campaign.intake.api.openapi import document
from campaign.intake.api.page import ApiPage
from campaign.intake.requests import KEY_MAX, AcceptedRequest
from campaign.intake.standing import find_letter
from campaign.intake.troubles import Troubles
from campaign.journal.arrivals import Arrivals
from campaign.records import Message
from campaign.units import show_duration

_BODY_WITHIN_S = 30.0
# Bytes of a body that is too long which are read and dropped: a client that is cut off while it
# sends sees a broken connection, and not the answer (RFC 9112, 9.6).
_PASSED_OVER = 20_000_000
_Model = TypeVar("_Model", bound=BaseModel)
_REQUESTS_MAX = 4_000  # at once; those beyond are told to come again


class Api:
    """One for each server; `app` is the ASGI application, `say` writes to the server's log."""

    def __init__(
        self, campaign: Campaign, clock: Clock, *, say: Callable[[str], None], workers: int = 0
    ) -> None:
        self._campaign = campaign
        self._clock = clock
        self._workers = workers
        self._troubles = Troubles(say, clock)
        self._keys = Keys.of(campaign.settings, campaign.folder)
        self._most_bytes = campaign.settings.intake.max_body
        self._at_work = 0
        self._document = document(campaign.settings.name)
        page = ApiPage(campaign.settings.name)
        self.app = Starlette(
            routes=[
                Route("/", page.show, methods=["GET"]),
                Route("/v1/messages", self._one, methods=["POST"]),
                Route("/v1/messages/batch", self._batch, methods=["POST"]),
                Route("/v1/messages/{id}", self._standing, methods=["GET"]),
                Route("/v1/render", self._render, methods=["POST"]),
                Route("/v1/templates", self._templates, methods=["GET"]),
                Route("/v1/openapi.json", self._openapi, methods=["GET"]),
            ],
            lifespan=self._lifespan,
            exception_handlers={
                ApiError: answer,
                HTTPException: answer,
                CampaignError: self._trouble,
                ClientDisconnect: _gone,
            },
        )

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        async with Intake(self._campaign, clock=self._clock, workers=self._workers) as self._intake:
            with Arrivals.open(*self._campaign.journal) as self._arrivals:
                yield

    # -- routes --------------------------------------------------------------------------------

    async def _one(self, request: Request) -> Response:
        credential, key = self._who(request), _key(request)
        body = await self._body(request, MessageIn)
        asked = body.request(
            key=key, scope=f"{credential.name} messages", templates=credential.templates
        )
        try:
            accepted = await self._intake.accept(asked)
        except CampaignError as error:
            raise self._refused(error, body.template) from error
        headers = {"Location": f"/v1/messages/{accepted.id}"}
        if accepted.replayed:
            headers["Idempotency-Replayed"] = "true"
        return _json(_out(accepted), _status(accepted), headers)

    async def _batch(self, request: Request) -> Response:
        credential, key = self._who(request), _key(request, room=5)
        body = await self._body(request, BatchIn)
        asked = [
            each.request(
                key=f"{key}#{number}" if key else "",
                scope=f"{credential.name} batch",
                templates=credential.templates,
            )
            for number, each in enumerate(body.messages)
        ]
        outcomes = await self._intake.accept_each(asked)
        results = [
            self._item(outcome, each.template)
            for outcome, each in zip(outcomes, body.messages, strict=True)
        ]
        replayed = all(item.replayed for item in results)
        headers = {"Idempotency-Replayed": "true"} if replayed else {}
        return _json(BatchOut(results=results), 200, headers)

    async def _standing(self, request: Request) -> Response:
        credential = self._who(request)
        id_ = request.path_params["id"]
        found = await asyncio.to_thread(find_letter, self._campaign, self._arrivals, id_)
        owner = found.scope.rpartition(" ")[0] if found else ""
        if found is None or owner != credential.name:
            keep = show_duration(self._campaign.settings.intake.keep)
            raise ApiError(
                404,
                "there is no such letter, or it was forgotten",
                remedy=f"a settled letter is known by its id for {keep} (`keep` of [intake]);"
                " `campaign results` knows it for good",
            )
        fields = found._asdict()
        del fields["scope"]
        return _json(MessageOut(**fields))

    async def _render(self, request: Request) -> Response:
        credential = self._who(request)
        body = await self._body(request, MessageIn)
        asked = body.request(key="", scope="", templates=credential.templates)
        try:
            message = await self._intake.preview(asked)
        except CampaignError as error:
            raise self._refused(error, body.template) from error
        return _json(_rendered(message))

    async def _templates(self, request: Request) -> Response:
        credential, delivery = self._who(request), self._campaign.settings.delivery
        listed = [
            TemplateOut(
                name=name,
                subject=template.subject,
                lane=template.lane,
                in_doubt=template.in_doubt or delivery.in_doubt,
                expire_after_s=(
                    delivery.expire_after
                    if template.expire_after is None
                    else template.expire_after
                ),
            )
            for name, template in sorted(self._campaign.settings.template.items())
            if credential.may_see(name)
        ]
        return _json(TemplatesOut(templates=listed))

    async def _openapi(self, _request: Request) -> Response:
        return JSONResponse(self._document)

    # -- inside --------------------------------------------------------------------------------

    def _refused(self, error: CampaignError, template: str) -> ApiError:
        self._troubles.note(error)
        return refused(error, template)

    async def _trouble(self, request: Request, error: Exception) -> Response:
        """Of a letter that was asked after."""
        if isinstance(error, CampaignError):
            self._troubles.note(error)
        return await answer(request, error)

    def _item(self, outcome: AcceptedRequest | CampaignError, template: str) -> ItemOut:
        if isinstance(outcome, AcceptedRequest):
            status, accepted = _status(outcome), _out(outcome)
            return ItemOut(status=status, accepted=accepted, replayed=outcome.replayed)
        told = self._refused(outcome, template)
        return ItemOut(status=told.status, error=error_of(told))

    def _who(self, request: Request) -> ApiCredential:
        credential = self._keys.credential(request.headers.get("authorization", ""))
        if credential is None:
            raise ApiError(
                401,
                "this needs a key",
                remedy="send it in the header: Authorization: Bearer KEY",
                headers={"WWW-Authenticate": 'Bearer realm="campaign"'},
            )
        return credential

    async def _body(self, request: Request, model: type[_Model]) -> _Model:
        """Raises ApiError: 413 and 408 for what is too long or too slow, 422 for what is wrong."""
        if self._at_work >= _REQUESTS_MAX:
            raise ApiError(429, "too many requests at once", headers={"Retry-After": "1"})
        self._at_work += 1
        try:
            raw = await self._read(request)
        finally:
            self._at_work -= 1
        try:
            return model.model_validate_json(raw)
        except ValidationError as error:
            raise invalid(error) from None

    async def _read(self, request: Request) -> bytes:
        length = request.headers.get("content-length", "")
        too_long = ApiError(
            413,
            f"a request has {self._most_bytes:,} bytes at most",
            headers={"Connection": "close"},
        )
        if length.isdecimal() and int(length) > self._most_bytes + _PASSED_OVER:
            raise too_long
        parts, size = [], 0
        try:
            async with asyncio.timeout(_BODY_WITHIN_S):
                async for part in request.stream():
                    size += len(part)
                    if size <= self._most_bytes:
                        parts.append(part)
                    elif size > self._most_bytes + _PASSED_OVER:
                        raise too_long
        except TimeoutError:
            raise ApiError(
                408, "the request did not come in time", headers={"Connection": "close"}
            ) from None
        if size > self._most_bytes:
            raise too_long
        return b"".join(parts)


def _key(request: Request, room: int = 0) -> str:
    """The Idempotency-Key; `room` characters are added to it."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > KEY_MAX - room or not key.isprintable():
        raise ApiError(
            422,
            f"an Idempotency-Key has {KEY_MAX - room} characters at most, none of them hidden",
            field="Idempotency-Key",
        )
    return key


def _out(accepted: AcceptedRequest) -> AcceptedOut:
    return AcceptedOut(
        id=accepted.id,
        message_id=accepted.message_id,
        state="suppressed" if accepted.state == SUPPRESSED else "accepted",
        reason=accepted.reason,
    )


def _status(accepted: AcceptedRequest) -> int:
    return 200 if accepted.state == SUPPRESSED else 202


def _rendered(message: Message) -> RenderedOut:
    """Read back as a mail client would."""
    raw = message.wire.replace(b"\r\n..", b"\r\n.")  # without the dots of SMTP
    parsed = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(parsed, EmailMessage)
    return RenderedOut(
        subject=str(parsed["Subject"]),
        text=_part(parsed, "plain"),
        html=_part(parsed, "html"),
        size_bytes=message.size_bytes,
        message=raw.decode("utf-8", "replace"),
    )


def _part(parsed: EmailMessage, kind: str) -> str:
    body = parsed.get_body((kind,))
    return str(body.get_content()) if body is not None else ""


def _json(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        model.model_dump_json(exclude_none=True),
        status,
        headers,
        media_type="application/json",
    )


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it
