"""Telling beside a service that lasts: begun when there is a plan, begun again when it ended.

In: the file of a campaign.  Out: a process that tells until the block ends.
Touches: a thread, a process.

`serve` may be started before the first run, and outlives many; so nothing here keeps a service from
being started, and what goes wrong is a sentence.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from campaign.config.loader import Campaign
from campaign.errors import CampaignError
from campaign.journal.reading.glance import glance
from campaign.webhooks.beside import TellingProcess

_EVERY_S = 1.0
_REST_S = 30.0  # after it ended by itself


@contextmanager
def telling_on(
    campaign: Campaign, say: Callable[[str], None], *, every_s: float = _EVERY_S
) -> Iterator[None]:
    """Tell the endpoints of [[webhook]] meanwhile; `say` is told what keeps it from it, once.

    Of the campaign its file, [journal] and [[webhook]] are read here.
    """
    if not campaign.settings.webhook:
        yield
        return
    stopping = threading.Event()
    thread = threading.Thread(
        target=_tell_on, args=(campaign, say, stopping, every_s), name="webhooks"
    )
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _tell_on(
    campaign: Campaign, say: Callable[[str], None], stopping: threading.Event, every_s: float
) -> None:
    said = ""
    while not stopping.is_set():
        if not _is_planned(campaign):
            stopping.wait(every_s)
            continue
        beside = TellingProcess(campaign.file)
        while beside.is_running and not stopping.wait(every_s):
            pass
        beside.end()
        if beside.trouble and beside.trouble != said:
            said = beside.trouble
            say(f"webhooks: {said}")
        stopping.wait(_REST_S)


def _is_planned(campaign: Campaign) -> bool:
    try:
        with closing(glance(*campaign.journal)) as seen:
            return bool(seen.plan_id())
    except CampaignError:
        return False
