"""Who may see a page, and what a page may do in the browser.

In: requests.  Out: the same requests, or 403 and 405; answers with their security headers.
Touches: nothing.

Pages show personal data on a port that every program of the machine can reach, so they answer
only: to a Host that is loopback (a foreign name that resolves to 127.0.0.1 is DNS rebinding), to
requests that our own page or the address bar made (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/),
and to whoever knows the key that was printed at the start.  The browser that the command opens gets
the key in a file that only its user can read (`door`): command lines are read by everybody.
"""

from __future__ import annotations

import hmac
import secrets
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_OURS = frozenset({"none", "same-origin"})  # Sec-Fetch-Site
_KEY = "key"
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}';"
    " img-src 'self' data:; connect-src 'self'; frame-src 'self'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
# The letter itself: nothing runs, nothing is fetched, not even when it is opened on its own.
# Of one origin with the page, which reads how tall the letter is; without scripts it can do nothing
# with that.
LETTER_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'self'; sandbox allow-same-origin"
)
LETTER_POLICY_WITHOUT_IMAGES = LETTER_POLICY.replace("img-src data:", "img-src 'none'")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-DNS-Prefetch-Control": "off",  # links in a letter are not even looked up
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Wraps an application; `key` is what the address printed at the start ends with."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", _POLICY.format(nonce=nonce))
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name, _, port = host.rpartition(":")
        if name not in LOOPBACK or not port.isdigit():
            return PlainTextResponse("This page is for this machine only.\n", 403)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("This page is to look at only.\n", 405)
        cookie = f"campaign-{port}"  # cookies do not know ports
        given = parse_qs(scope["query_string"].decode("latin-1")).get(_KEY, [""])[0]
        if hmac.compare_digest(given.encode(), self._key.encode()):
            # Not a redirect: a browser that comes from the door's file would not bring the cookie
            # along (SameSite), and a path such as //host must never become a place to go.
            path = escape("/" + scope["path"].lstrip("/"), quote=True)
            refresh = f'<meta http-equiv="refresh" content="0;url={path}">'
            answer = _told("One moment", refresh, "", 200)
            answer.set_cookie(cookie, self._key, httponly=True, samesite="strict")
            return answer
        if headers.get("sec-fetch-site", "none") not in _OURS:
            return PlainTextResponse("This page does not answer to other sites.\n", 403)
        if hmac.compare_digest(_cookie(headers, cookie).encode(), self._key.encode()):
            return None
        return _told(
            "This page needs its key",
            "",
            "Open the address that the command printed: it ends with a key. A command that was"
            " started anew has a new one, so that tabs of the former one end here.",
            403,
        )


def door(url: str) -> str:
    """The text of a page that leads to an address with its key, for a file of the user's own."""
    refresh = f'<meta http-equiv="refresh" content="0;url={escape(url, quote=True)}">'
    return _page("One moment", refresh, "Your browser is on its way to the page.")


def _told(title: str, head: str, text: str, status: int) -> HTMLResponse:
    headers = {
        **_HEADERS,
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    return HTMLResponse(_page(title, head, text), status, headers)


def _page(title: str, head: str, text: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{head}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>:root{{color-scheme:light dark}}"
        "body{font:16px/1.5 Inter,system-ui,sans-serif;max-width:34rem;margin:18vh auto;"
        "padding:0 1.25rem}h1{font-size:1.4rem;margin:0 0 .5rem}p{margin:0}</style></head>"
        f"<body><main><h1>{title}</h1><p>{text}</p></main></body></html>\n"
    )


def _cookie(headers: Headers, name: str) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
