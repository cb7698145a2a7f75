"""Errors as the API answers them.

In: errors of ours, of pydantic, of starlette.  Out: JSON with a status.  Touches: nothing.
"""

from __future__ import annotations

import math

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from campaign.errors import (
    BacklogFullError,
    BadLetterError,
    CampaignError,
    KeyConflictError,
)
from campaign.intake.api.models import ErrorOut

_RETRY_S = "30"  # where letters cannot be kept
_SENTENCES = {
    404: "there is nothing at this address",
    405: "this address takes another method",
}


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        what: str,
        *,
        remedy: str = "",
        template: str = "",
        file: str = "",
        line: int = 0,
        field: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(what)
        self.status = status
        self.told = ErrorOut(
            error=what, remedy=remedy, template=template, file=file, line=line, field=field
        )
        self.headers = headers or {}


def refused(error: CampaignError, template: str) -> ApiError:
    """Why a letter was not accepted."""
    if isinstance(error, BacklogFullError):
        after = {"Retry-After": str(math.ceil(error.retry_after_s))}
        return ApiError(429, error.what, remedy=error.remedy, template=template, headers=after)
    if isinstance(error, KeyConflictError):
        return ApiError(409, error.what, remedy=error.remedy, template=template)
    if isinstance(error, BadLetterError):
        return ApiError(
            422,
            error.what,
            remedy=error.remedy,
            template=template,
            file=error.file,
            line=error.line,
        )
    # Nothing of the paths and urls of this machine is told to whoever asks.
    return ApiError(
        503,
        "letters cannot be accepted just now",
        remedy="come again later; the log of the server says why",
        headers={"Retry-After": _RETRY_S},
    )


def invalid(error: ValidationError) -> ApiError:
    """A body that is no JSON, or not what belongs there: the first fault."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(step) for step in first["loc"])
    said = str(first["msg"])
    return ApiError(422, said[:1].lower() + said[1:], field=field)


def error_of(error: ApiError) -> ErrorOut:
    """What it says."""
    return error.told


async def answer(_request: Request, error: Exception) -> Response:
    """Of any of the three kinds of error."""
    if isinstance(error, HTTPException):
        sentence = _SENTENCES.get(error.status_code, str(error.detail))
        error = ApiError(error.status_code, sentence, headers=dict(error.headers or {}))
    elif isinstance(error, CampaignError):
        error = refused(error, "")
    assert isinstance(error, ApiError)
    return Response(
        error.told.model_dump_json(exclude_defaults=True),
        error.status,
        error.headers,
        media_type="application/json",
    )
