"""A page on which the API can be tried.

In: requests.  Out: one HTML page.  Touches: nothing; what it sends, the browser sends to the API,
with the key that is typed into it and kept nowhere.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from campaign.pages.look import Look

_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:;"
    " connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


class ApiPage:
    """Of one campaign."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._look = Look(Path(__file__).parent.parent / "look", room="api")

    async def show(self, request: Request) -> Response:
        """The page; it is the same for everybody."""
        request.state.nonce = secrets.token_urlsafe(16)
        request.state.rung = ""
        page = self._look.page(request, "api.html", name=self._name)
        page.headers["Content-Security-Policy"] = _POLICY.format(nonce=request.state.nonce)
        page.headers["X-Content-Type-Options"] = "nosniff"
        page.headers["Referrer-Policy"] = "no-referrer"
        page.headers["Cache-Control"] = "no-store"
        return page
