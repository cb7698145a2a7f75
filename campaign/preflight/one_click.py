"""The one-click page tried as a mailbox provider does, with the token of nobody.

In: its address.  Out: findings.  Touches: that page, with one GET and one POST.

RFC 8058, 3.1 and 3.2: the POST is answered with 200, without a redirect, a cookie or a login, and a
GET, which scanners send for every link, changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPException, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.journal.reading.reader import Reader
from campaign.planning.inputs import render_spec
from campaign.planning.suppressed import has_store, open_store, scopes_of
from campaign.preflight.rules import CheckFinding
from campaign.rendering.head import unsubscribe_url
from campaign.routing.answers import is_unanswered

RULE = "live-one-click"
_BODY = b"List-Unsubscribe=One-Click"
_WAIT_S = 20.0
_MOST_BYTES = 64 * 1024


class WebAnswer(NamedTuple):
    """What a page said."""

    status: int
    location: str
    has_cookie: bool


def look_at_one_click(
    campaign: Campaign, clock: Clock, *, context: Any = None
) -> list[CheckFinding]:
    """Try the page of [unsubscribe]; `context` (an ssl.SSLContext) where the system's will not do.

    Raises JournalError without a plan, ConfigError where the secret cannot be had.
    """
    settings = campaign.settings
    if settings.unsubscribe is None or not settings.unsubscribe.url:
        return [CheckFinding(RULE, "not-checked", "there is no url in [unsubscribe]")]
    with closing(Reader.open(settings.journal.url, campaign.folder)) as reader:
        spec = render_spec(campaign, reader.plan_record(), reader.sources())
    # Nobody's key: whoever is left by it is nobody.
    key = f"check-{secrets.token_hex(8)}@invalid"
    url = unsubscribe_url(spec, spec.token_of(key))
    return try_one_click(url, lambda: _is_left(campaign, key, clock), context=context)


def _is_left(campaign: Campaign, key: str, clock: Clock) -> bool | None:
    """Whether our own store has it; None where there is none."""
    if not has_store(campaign):
        return None
    with open_store(campaign, clock) as store:
        return bool(store.lookup([key], scopes_of(campaign)))


def try_one_click(
    url: str, is_left: Callable[[], bool | None], *, context: Any = None
) -> list[CheckFinding]:
    """One GET, then one POST; `is_left` says whether the token has unsubscribed its key."""
    try:
        shown = _ask("GET", url, context)
        changed = is_left()
        posted = _ask("POST", url, context)
    except (OSError, HTTPException, ValueError) as error:
        return [_of_failure(urlsplit(url).netloc, error)]
    found = [*_of_get(shown, changed), *_of_post(posted)]
    if found:
        return found
    seen = "which changes nothing" if changed is False else "whether that changes a thing is unseen"
    evidence = f"GET {shown.status}, {seen}; POST {posted.status}, no redirect, no cookie"
    return [CheckFinding(RULE, "ok", evidence)]


def _of_failure(host: str, error: Exception) -> CheckFinding:
    """A nameserver that does not answer says nothing of the page."""
    words = error.strerror if isinstance(error, OSError) else ""  # without the number
    why = f"{host}: {words or str(error) or type(error).__name__}"
    if is_unanswered(error):
        return CheckFinding(RULE, "not-checked", why)
    remedy = "let it answer by https, with a certificate that is good"
    return CheckFinding(RULE, "fail", why, remedy)


def _of_get(shown: WebAnswer, changed: bool | None) -> list[CheckFinding]:
    if changed:
        remedy = "unsubscribe by POST only: scanners follow every link"
        return [CheckFinding(RULE, "fail", "a GET unsubscribes", remedy)]
    if shown.status >= 400:
        evidence = f"GET {shown.status}: whoever clicks the link in the letter sees an error"
        return [CheckFinding(RULE, "warn", evidence, "show a page with a button")]
    return []


def _of_post(posted: WebAnswer) -> list[CheckFinding]:
    faults = []
    if posted.location:
        faults.append(f"a redirect to {posted.location[:60]}")
    elif posted.status != 200:
        faults.append(f"{posted.status}")
    if posted.has_cookie:
        faults.append("a cookie")
    if not faults:
        return []
    remedy = "answer 200 at once, without redirect, cookie or login (RFC 8058, 3.1)"
    return [CheckFinding(RULE, "fail", f"POST is answered with {' and '.join(faults)}", remedy)]


def _ask(method: str, url: str, context: Any) -> WebAnswer:
    parts = urlsplit(url)
    connection = HTTPSConnection(
        parts.hostname or "", parts.port or 443, timeout=_WAIT_S, context=context
    )
    with closing(connection):
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": "campaign", "Connection": "close"}
        body = None
        if method == "POST":
            body, headers["Content-Type"] = _BODY, "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read(_MOST_BYTES)
        return WebAnswer(
            response.status,
            response.getheader("Location", "") if 300 <= response.status < 400 else "",
            response.getheader("Set-Cookie") is not None,
        )
