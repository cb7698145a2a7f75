"""A sender's site as visitors see it, and what its store keeps."""

from __future__ import annotations

from campaign.addresses.tokens import UnsubscribeTokens
from campaign.suppression.store import SuppressionStore
from fakes.clock import FakeClock
from fakes.web.asgi import Visitor

SECRET = "0123456789abcdef0123456789abcdef"
ONE_CLICK = b"List-Unsubscribe=One-Click"


class Site:
    """A sender's site: `ask` visits it, `store` sees what is kept."""

    def __init__(self, visitor: Visitor, store: SuppressionStore, clock: FakeClock) -> None:
        self.ask = visitor.ask
        self.asking = visitor.asking
        self.run = visitor.run
        self.store = store
        self.clock = clock
        self.slept_s: list[float] = []
        self.said: list[str] = []

    def kept(self) -> list[tuple[str, str, bool]]:
        """(key, scope, in force) of each entry."""
        now_s = self.clock.now_s()
        return [(each.key, each.scope, each.is_in_force(now_s)) for each in self.store.iterate()]


def link(
    key: str = "ada@example.com", list_: str = "newsletter", campaign: str = "spring", *,
    secret: str = SECRET,
) -> str:  # fmt: skip
    return f"/u?t={UnsubscribeTokens([secret]).token(list_, key, campaign)}"
