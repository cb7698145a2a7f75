"""What providers posted, kept beside the suppressed until the campaigns have read it.

In: posts whose sender was verified.  Out: posts, in the order in which they came.
Touches: the tables `provider_posts` and `provider_reads` of the store's database.

The server that takes them has no journal, and a journal may be on another machine; the store is
what both know.  Each plan notes how far it has read, so several campaigns share the posts, and one
that is killed while it reads reads again.  A post stays for 30 days: so long its id keeps the same
from being taken twice.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from campaign.database.stores import Database

KEPT_S = 30 * 86400.0
_ERASED = "erased@erased.invalid"
_PAGE = 200


class ProviderPost(NamedTuple):
    """id: the same for the same post; digest: of its body; body: JSON"""

    provider: str
    id: str
    digest: str
    at: float
    body: str


class Put(StrEnum):
    """What became of a post."""

    NEW = "new"
    KNOWN = "known"  # the very same came before
    OTHER = "other"  # its id came before, with another body


class ProviderInbox:
    """Of one store.  Raises SuppressionError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, post: ProviderPost) -> Put:
        """Durable when it returns."""
        database = self._database
        with database.writing():
            known = database.rows("SELECT digest FROM provider_posts WHERE id = ?", (post.id,))
            if known:
                return Put.KNOWN if known[0][0] == post.digest else Put.OTHER
            # Writers wait for each other, so there are no holes; the last row is never deleted.
            ((last,),) = database.rows("SELECT coalesce(max(seq), 0) FROM provider_posts")
            database.change(
                "INSERT INTO provider_posts (seq, id, digest, provider, at, body)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (last + 1, post.id, post.digest, post.provider, post.at, post.body),
            )
            database.change(
                "DELETE FROM provider_posts WHERE at < ? AND seq <= ?", (post.at - KEPT_S, last)
            )
        return Put.NEW

    def is_empty(self) -> bool:
        """Whether nothing was ever posted."""
        return not self._database.rows("SELECT seq FROM provider_posts LIMIT 1")

    def unread(self, plan_ids: Collection[str]) -> list[tuple[int, ProviderPost]]:
        """A page of those that not all of these plans have read, each with its number."""
        found = self._database.rows(
            "SELECT seq, provider, id, digest, at, body FROM provider_posts"
            f" WHERE seq > ? ORDER BY seq LIMIT {_PAGE}",
            (min(self._read_by(plan_id) for plan_id in plan_ids),),
        )
        return [(int(seq), ProviderPost(*rest)) for seq, *rest in found]

    def note_read(self, plan_ids: Collection[str], seq: int) -> None:
        """All posts up to this one are in the journals of these plans."""
        with self._database.writing():
            for plan_id in plan_ids:
                if self._read_by(plan_id) < seq:
                    self._database.change(
                        "DELETE FROM provider_reads WHERE plan_id = ?", (plan_id,)
                    )
                    self._database.change(
                        "INSERT INTO provider_reads (plan_id, seq) VALUES (?, ?)", (plan_id, seq)
                    )

    def erase(self, address: str) -> None:
        """Within a transaction: take an address out of all posts."""
        found = re.compile(re.escape(address), re.IGNORECASE)
        after = 0
        while page := self._database.rows(
            f"SELECT seq, body FROM provider_posts WHERE seq > ? ORDER BY seq LIMIT {_PAGE}",
            (after,),
        ):
            for seq, body in page:
                if (erased := found.sub(_ERASED, body)) != body:
                    self._database.change(
                        "UPDATE provider_posts SET body = ? WHERE seq = ?", (erased, seq)
                    )
            after = page[-1][0]

    def _read_by(self, plan_id: str) -> int:
        found = self._database.rows("SELECT seq FROM provider_reads WHERE plan_id = ?", (plan_id,))
        return int(found[0][0]) if found else 0
