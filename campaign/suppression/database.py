"""Where the suppression store is.

In: the urls of [suppression] and [journal].  Out: its url, its database.
Touches: the SQLite file, or PostgreSQL.  Fails with SuppressionError.
"""

from __future__ import annotations

from pathlib import Path

from campaign.database.stores import Database, StoreKind, open_store
from campaign.errors import SuppressionError

FILE_NAME = "suppression.sqlite"
_KIND = StoreKind("suppression store", "[suppression]", FILE_NAME, SuppressionError, 0x5_0FF)


def store_url(url: str, journal_url: str) -> str:
    """The url of [suppression], or where that is empty, beside the journal."""
    if url:
        return url
    if journal_url.startswith("postgresql"):
        return journal_url
    path = journal_url.partition("?")[0]
    return f"{path.rpartition('/')[0]}/{FILE_NAME}"


def is_there(url: str, folder: Path) -> bool:
    """Whether there can be anybody in it: a file that was never made suppresses nobody."""
    if url.startswith("postgresql"):
        return True
    return (folder / url.partition("://")[2].removeprefix("/")).exists()


def open_database(url: str, folder: Path) -> Database:
    """Relative paths start at `folder`.  Raises ConfigError, SuppressionError."""
    return open_store(url, folder, _KIND)
