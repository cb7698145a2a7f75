"""Puts pages together with what they show: where rooms of one floor meet.

In: a loaded campaign.  Out: a page that is served.  Touches: what the pages touch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.errors import ConfigError

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.pages.server import PageServer
    from campaign.records import PlanRecord, Source
    from campaign.workers.traced_pool import TracedPool

PortOption = Annotated[
    int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="Of the page.")
]
NoBrowserOption = Annotated[
    bool, typer.Option("--no-browser", help="Only print the page's address.")
]
PREVIEW_PORT, WATCH_PORT, INBOX_PORT = 8025, 8026, 8027
_WEB = "pip install 'campaign[web]'"


def serve_preview(campaign: Campaign, port: int = PREVIEW_PORT, *, open_browser: bool) -> None:
    """The preview until Ctrl-C; the campaign must be planned."""
    need_web()
    from campaign.preview.server import serve

    serve(campaign, press, port, open_browser=open_browser)


def press(campaign: Campaign, record: PlanRecord, sources: Sequence[Source]) -> TracedPool:
    """What renders the letters of a preview: one worker, as in a run."""
    from campaign.planning.inputs import render_spec
    from campaign.workers.traced_pool import TracedPool

    return TracedPool(render_spec(campaign, record, sources))


def need_web() -> None:
    """Raises ConfigError where the libraries for pages are not installed."""
    try:
        import starlette
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(f"pages need {error.name}, which is not there", remedy=_WEB) from None
    del starlette


def start_watch(campaign: Campaign, port: int = 0) -> PageServer:
    """The live page beside a run in this process; the caller prints `.url` and calls `.stop()`."""
    need_web()
    from campaign.watch.app import start

    return start(campaign, port)


def serve_watch(campaign: Campaign, port: int = WATCH_PORT, *, open_browser: bool) -> None:
    """The live page of a run in another process, until Ctrl-C."""
    need_web()
    from campaign.watch.app import serve

    serve(campaign, port, open_browser=open_browser)


def start_inbox(folder: Path, listens_on: str, port: int = INBOX_PORT) -> PageServer:
    """The inbox of a sandbox's mailbox; the caller prints `.url` and calls `.stop()`."""
    need_web()
    from campaign.sandbox.inbox import start

    return start(folder, listens_on, port)
