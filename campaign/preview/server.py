"""`campaign preview --serve`: the preview on loopback until Ctrl-C.

In: a planned campaign and a way to render it.  Out: nothing.  Touches: a port on 127.0.0.1, the
journal (read-only), the campaign's files, render workers.
"""

from __future__ import annotations

from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.journal.reading.reader import Reader
from campaign.pages.server import PageServer, until_interrupted
from campaign.preview.app import Preview
from campaign.preview.workbench import OpenPress


def serve(campaign: Campaign, open_press: OpenPress, port: int, *, open_browser: bool) -> None:
    """Serve until Ctrl-C.  Raises JournalError where nothing is planned, UsageError for a port
    that is taken."""
    until_interrupted(
        _server(campaign, open_press, port), what="Preview", open_browser=open_browser
    )


def start(campaign: Campaign, open_press: OpenPress, port: int = 0) -> PageServer:
    """The same beside something else; the caller stops it."""
    server = _server(campaign, open_press, port)
    server.start()
    return server


def _server(campaign: Campaign, open_press: OpenPress, port: int) -> PageServer:
    url = campaign.settings.journal.url
    reader = Reader.open(url, campaign.folder)
    try:
        reader.plan_record()
    finally:
        reader.close()
    preview = Preview(campaign.file, url, campaign.folder, open_press, SystemClock())
    return PageServer(preview.app, preview.bell, port)
