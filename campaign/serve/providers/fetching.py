"""One small document over HTTPS.

In: a url whose host the caller has checked.  Out: its bytes.  Touches: TCP, in a thread.
Fails with OSError, for a redirect and a too long answer too.
"""

from __future__ import annotations

import asyncio
from http.client import HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

WITHIN_S = 10.0
_MOST_BYTES = 64 * 1024


async def fetch(url: str, context: Any = None) -> bytes:
    """The certificate is verified; `context` (an ssl.SSLContext) takes the system's place."""
    try:
        async with asyncio.timeout(2 * WITHIN_S):
            return await asyncio.to_thread(_fetch, url, context)
    except TimeoutError:
        raise OSError(f"no answer within {2 * WITHIN_S:.0f} s") from None


def _fetch(url: str, context: Any) -> bytes:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise OSError("the url is not https")
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection = HTTPSConnection(parts.hostname, parts.port, timeout=WITHIN_S, context=context)
    try:
        connection.request("GET", target, headers={"User-Agent": "campaign"})
        with connection.getresponse() as answer:
            if answer.status != 200:
                raise OSError(f"the server says {answer.status}, not 200")
            body = answer.read(_MOST_BYTES + 1)
            is_whole = not answer.length
    except HTTPException as error:
        raise OSError(f"no HTTP: {error!r}") from None
    finally:
        connection.close()
    if len(body) > _MOST_BYTES:
        raise OSError(f"more than {_MOST_BYTES // 1024} KB")
    if not is_whole:
        raise OSError("the answer lacks its end")
    return body
