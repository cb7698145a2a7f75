"""What the commands of `campaign suppress` share: the store, addresses, entries in words.

In: options.  Out: the store of a campaign; lines and objects.  Touches: the store.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli.terminal.tables import legible
from campaign.clock import SystemClock, iso
from campaign.errors import UsageError

if TYPE_CHECKING:
    from campaign.suppression.entries import Suppressed
    from campaign.suppression.store import SuppressionStore

CampaignOption = Annotated[
    Path,
    typer.Option(
        "--campaign",
        metavar="PATH",
        help="Whose store: a campaign.toml or its folder; left out: the current folder.",
        show_default=False,
    ),
]
ListOption = Annotated[
    str,
    typer.Option(
        "--list", metavar="NAME", help="Only letters to this list; left out: all letters (*)."
    ),
]
# A folder that only `campaign serve` uses has no more.
_TABLES = frozenset({"suppression", "journal", "unsubscribe"})
_LIST = re.compile(r"\*|[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?")  # as [unsubscribe] list


class OpenedStore:
    """The store with what its campaign says of it."""

    def __init__(self, store: SuppressionStore, scopes: tuple[str, ...]) -> None:
        self.store = store
        self.scopes = scopes
        self.now_s = SystemClock().now_s()


@contextmanager
def opened(path: Path) -> Iterator[OpenedStore]:
    """The store of the campaign.  Raises ConfigErrors, SuppressionError."""
    from campaign.config.loader import load_tables
    from campaign.planning.suppressed import open_store, scopes_of

    campaign = load_tables(path, _TABLES)
    with open_store(campaign, SystemClock()) as store:
        yield OpenedStore(store, scopes_of(campaign))


def key_of(address: str) -> str:
    """Raises UsageError for what is not an address."""
    from campaign.addresses.syntax import AddressError, parse_address

    try:
        return parse_address(address).key
    except AddressError as error:
        raise UsageError(str(error), remedy="write an address: ada@example.com") from None


def scope_of(name: str) -> str:
    """Raises UsageError for what cannot be the name of a list."""
    if not _LIST.fullmatch(name):
        raise UsageError(
            f"'{name}' cannot be the name of a list",
            remedy='small letters, digits, "-" and ".", as in [unsubscribe] list',
        )
    return name


def user() -> str:
    """Who asks, for the record; "" where the system does not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def sentence(entry: Suppressed, now_s: float) -> str:
    """ "hard bounce in spring on 2026-11-01, for all letters, told by run: 550 5.1.1 no such"."""
    words = [entry.reason.sentence]
    if entry.campaign:
        words.append(f"in {entry.campaign}")
    words.append(f"on {iso(entry.at)[:10]}")
    text = " ".join(words)
    text += ", for all letters" if entry.scope == "*" else f", for letters to {entry.scope}"
    if entry.source:
        text += f", told by {entry.source}"
    if entry.until is not None:
        ended = "ended" if entry.until <= now_s else "until"
        text += f", {ended} {iso(entry.until)[:10]}"
    return legible(f"{text}: {entry.evidence}" if entry.evidence else text)


def as_object(entry: Suppressed) -> dict[str, Any]:
    """The fields of an entry; moments as RFC 3339."""
    fields = entry._asdict()
    until = None if entry.until is None else iso(entry.until)
    return {**fields, "reason": str(entry.reason), "at": iso(entry.at), "until": until}
