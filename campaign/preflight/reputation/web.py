"""One question to a provider's web API.

In: a URL, a token, a body.  Out: the text of the answer.  Touches: that server.

https, or plain http on loopback alone: a token must not be read on the way.
"""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

WAIT_S = 20.0
_MOST_BYTES = 4 * 1024 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class ProviderError(Exception):
    """A provider that does not answer; one clause says why, without the token."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status  # of HTTP; 0 where there was no answer


def ask_provider(
    url: str, *, token: str = "", body: dict[str, Any] | None = None, context: Any = None
) -> str:
    """GET, or POST where there is a body.  Raises ProviderError for anything but 200."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        if parts.scheme == "https":
            connection: HTTPConnection = HTTPSConnection(
                host, parts.port or 443, timeout=WAIT_S, context=context
            )
        elif parts.scheme == "http" and host in _LOOPBACK:
            connection = HTTPConnection(host, parts.port or 80, timeout=WAIT_S)
        else:
            raise ProviderError("its address does not begin with https://")
        with closing(connection):
            return _asked(connection, parts.path, parts.query, token, body)
    except (OSError, HTTPException, ValueError) as error:
        raise ProviderError(f"{host}: {error or type(error).__name__}") from None


def _asked(
    connection: HTTPConnection, path: str, query: str, token: str, body: dict[str, Any] | None
) -> str:
    headers = {"User-Agent": "campaign", "Accept": "*/*", "Connection": "close"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    connection.request(
        "GET" if data is None else "POST", f"{path}?{query}" if query else path, data, headers
    )
    response = connection.getresponse()
    text = response.read(_MOST_BYTES).decode("utf-8", "replace")
    if response.status != 200:
        raise ProviderError(f"{connection.host} says {response.status}", response.status)
    return text
