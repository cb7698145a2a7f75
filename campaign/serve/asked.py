"""What a POST asks for.

In: a request's body.  Out: `Asked`.  Touches: nothing.

One-click is the field `List-Unsubscribe=One-Click` (RFC 8058, 3.1), as a form of either encoding;
clients are not careful with the type they give it, so it is looked for in the bytes.  An empty
body asks the same: some clients send the POST alone.  What our own pages send has a field
`action`.  Anything else asks for nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import parse_qsl, unquote_plus

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 64 * 1024
WITHIN_S = 10.0  # for a whole body; one-click has 26 octets
_MOST_FIELDS = 200

Action = Literal["unsubscribe", "undo", "everything", "undo-everything", "choose"]


@dataclass(frozen=True)
class Asked:
    """Neither is set where nothing was asked that we know."""

    is_one_click: bool = False
    action: Action | None = None
    kept: frozenset[str] = frozenset()  # with "choose": the lists that are to go on


def read_asked(body: bytes) -> Asked:
    """The wish in a body."""
    if not body.strip():
        return Asked(is_one_click=True)
    text = body.decode("latin-1")
    if "action=" in text:
        try:
            fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError:  # too many fields
            return Asked()
        named = dict(fields)
        for action in get_args(Action):
            if named.get("action") == action:
                kept = frozenset(value for name, value in fields if name == "keep")
                return Asked(action=action, kept=kept)
    plain = unquote_plus(text).lower()
    is_asked = "list-unsubscribe" in plain and "one-click" in plain
    return Asked(is_one_click=is_asked)


async def read_body(
    request: Request, most_bytes: int = MOST_BYTES, within_s: float = WITHIN_S
) -> bytes:
    """All of a body.  Raises HTTPException: 413 where it is longer, 408 where it is slower."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most_bytes:
        raise HTTPException(413, headers={"Connection": "close"})
    body = b""
    try:
        async with asyncio.timeout(within_s):
            async for part in request.stream():
                body += part
                if len(body) > most_bytes:
                    raise HTTPException(413, headers={"Connection": "close"})
    except TimeoutError:
        raise HTTPException(408, headers={"Connection": "close"}) from None
    return body
