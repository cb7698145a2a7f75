"""The mailbox that `[bounces] source` names, or a person on the command line.

In: a campaign, a place.  Out: an open `Postbox`.  Touches: nothing before it is read; then the
files or the server.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.config.settings.section import Secret
    from campaign.feedback.sources.files import Afterwards, Postbox


def source_of(campaign: Campaign) -> str:
    """`[bounces] source`, a path from the folder of the campaign on; "" where there is none."""
    source = campaign.settings.bounces.source
    if not source or "://" in source:
        return source
    return str(campaign.folder / Path(source).expanduser())


def open_mailbox(
    campaign: Campaign,
    place: str,
    afterwards: Afterwards,
    *,
    watch: bool = False,
    memory: Callable[[str], Path] | None = None,
) -> Postbox:
    """`memory` says, for the shown name of a mailbox on a server, which file keeps how far it was
    read; None: all is read.  Raises UsageError, DataError.
    """
    from campaign.config.secrets import read_secret
    from campaign.feedback.sources.files import open_files

    if not place.startswith(("imap:", "imaps:")):
        return open_files(place, afterwards, watch=watch)
    from campaign.feedback.sources.imap import ImapInbox, read_url

    box = read_url(place)
    settings = campaign.settings.bounces

    def secret(of: Secret | None) -> Callable[[], str] | None:
        return (lambda: read_secret(of, campaign.folder)) if of else None

    return ImapInbox(
        box,
        afterwards,
        password=secret(settings.password),
        token=secret(settings.token),
        ca_file=str(campaign.folder / settings.ca_file) if settings.ca_file else "",
        memory=memory(box.shown) if memory else None,
    )
