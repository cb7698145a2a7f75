"""Rehearsals: a campaign sent to the built-in sandbox, with a journal of its own.

In: a campaign.  Out: the same campaign, journalled in the folder of the sandbox's Maildir.
Touches: the folder `state/sandbox`.

A rehearsal must not spend the list: whoever was "sent" to the sandbox still has to get the real
letter.  So its journal is another one, and every new rehearsal starts from nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.config.reading import Whereabouts
from campaign.errors import UsageError

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.config.settings import Relay

FOLDER = Path("state") / "sandbox"
JOURNAL_URL = "sqlite:///state/sandbox/journal.sqlite"
CONNECTIONS = 10
HOST = "127.0.0.1"


def rehearsal_of(campaign: Campaign) -> Campaign:
    """The campaign with the rehearsal's journal in place of the real one; who is suppressed is
    asked of the real store.  It shows letters, so it waits for no window."""
    from campaign.config.settings import JournalSettings
    from campaign.suppression.database import store_url

    settings = campaign.settings
    url = store_url(settings.suppression.url, settings.journal.url)
    store = settings.suppression.model_copy(update={"url": url})
    settings = settings.model_copy(
        update={
            "journal": JournalSettings(url=JOURNAL_URL),
            "suppression": store,
            "schedule": None,
        }
    )
    return dataclasses.replace(campaign, settings=settings)


def rehearsal_in(folder: Path) -> Whereabouts:
    """Where the journal of a rehearsal is, if there is one."""
    return Whereabouts(JOURNAL_URL, folder)


def has_rehearsed(folder: Path) -> bool:
    """Is there a rehearsal to look at?"""
    return (folder / FOLDER / "journal.sqlite").exists()


def forget_rehearsal(campaign: Campaign) -> None:
    """Remove the rehearsal before; refused while one is running."""
    if not has_rehearsed(campaign.folder):
        return
    from campaign.clock import SystemClock
    from campaign.journal.store import Journal

    # Whoever runs holds the journal's lock: opening it says so (exit 75).
    Journal.open(JOURNAL_URL, campaign.folder, clock=SystemClock(), create=False).forget()
    files = [file for file in (campaign.folder / FOLDER).rglob("*") if file.is_file()]
    try:
        for file in files:
            if file.suffix != ".lock":  # removing a lock would let two in
                file.unlink()
    except OSError as error:
        raise UsageError(
            f"cannot remove the rehearsal before: {error}", remedy=f"remove {FOLDER} by hand"
        ) from error


@contextlib.contextmanager
def sandbox_relay(campaign: Campaign) -> Iterator[Relay]:
    """A running sandbox, as a relay to send to."""
    from campaign.config.settings import Relay
    from campaign.sandbox.server import Sandbox

    folder = campaign.folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(folder, host=HOST, port=0)
    sandbox.start()
    try:
        yield Relay(host=HOST, port=sandbox.port, security="none", connections=CONNECTIONS)
    finally:
        sandbox.stop()
