"""A post, and how it is refused.

In: nothing.  Out: records.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

AHEAD_S = 600.0  # a provider's clock may be that much ahead of ours


class Posted(NamedTuple):
    """headers: names in small letters; secret: of the path, behind the provider's name"""

    body: bytes
    document: Any
    headers: Mapping[str, str]
    at: float
    secret: str = ""


class PostRefused(Exception):
    """Not from the provider, or too old; `why` is for the one who runs the server."""

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


class PostDelayed(Exception):
    """It cannot be verified now: the provider should post it again."""


class PostCheck(Protocol):
    """Verifies posts of one provider."""

    async def __call__(self, posted: Posted) -> str:
        """What the post is known by; "" where there is nothing to keep.

        Raises PostRefused, PostDelayed.
        """
        ...


def refuse_old(told_at: float, now: float, longest_s: float) -> None:
    """A post that was caught on the way cannot be used later."""
    if now - told_at > longest_s:
        raise PostRefused(f"it was signed {(now - told_at) / 3600:.1f} hours ago")
    if told_at - now > AHEAD_S:
        raise PostRefused(f"it was signed {(told_at - now) / 60:.0f} minutes from now")


def text_of(document: Any, *names: str) -> str:
    """The text found by following these names in a document; "" where there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, str) else ""
