"""A queue as its consumer sees it, whatever the broker.

In: nothing.  Out: `QueueMessage`, `QueueSource`, the error of a broker.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple, Protocol

PREFETCH = 50  # messages that a broker hands out before the first of them is acknowledged
# Whoever says nothing for so long has gone: a host without power ends no connection.
ANSWER_S = 15.0
KEY_HEADERS = ("idempotency-key", "idempotency_key")


class QueueMessage(NamedTuple):
    """One message.

    key: what the application or the broker calls it; the same at each delivery; "" has none
    is_again: the broker has handed it out before
    handle: what the broker's own library acknowledges it by
    """

    body: bytes
    key: str
    is_again: bool
    handle: Any


class BrokerLost(Exception):
    """The broker cannot be reached, or has gone; in one sentence."""


class QueueSource(Protocol):
    """`open`, then `messages` until they end, `acknowledge` each, `close`; then `open` again.

    Every method but `close` may raise BrokerLost.
    """

    async def open(self) -> None: ...
    def messages(self) -> AsyncIterator[QueueMessage]: ...
    async def acknowledge(self, message: QueueMessage) -> None: ...
    async def close(self) -> None: ...


def key_of(headers: Mapping[str, Any], otherwise: object) -> str:
    """What a header calls it, else what the broker does; whatever case headers are in."""
    lower = {str(name).lower(): value for name, value in headers.items()}
    found = next((lower[name] for name in KEY_HEADERS if lower.get(name)), otherwise)
    if isinstance(found, list | tuple):  # a field that may stand more than once
        found = found[0] if found else ""
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found or "")
