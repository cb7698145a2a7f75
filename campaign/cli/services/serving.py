"""Puts pages together with what they show: where rooms of one floor meet.

In: a loaded campaign.  Out: a page that is served.  Touches: what the pages touch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.cli.terminal.streams import tell
from campaign.errors import MissingExtraError
from campaign.extras import pip_line

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.pages.server import PageServer
    from campaign.records import PlanRecord, Source
    from campaign.workers.traced_pool import TracedPool

PREVIEW_PORT, WATCH_PORT, INBOX_PORT = 8025, 8026, 8027


def serve_preview(campaign: Campaign, port: int = PREVIEW_PORT, *, open_browser: bool) -> None:
    """The preview until Ctrl-C; the campaign must be planned."""
    need_web()
    from campaign.preview.server import serve

    serve(campaign, press, port, open_browser=open_browser)


def press(campaign: Campaign, record: PlanRecord, sources: Sequence[Source]) -> TracedPool:
    """What makes the letters of a preview: one worker, as in a run, and a signer."""
    from campaign.cli.terminal.streams import complain
    from campaign.planning.inputs import render_spec
    from campaign.planning.keys import signing_spec
    from campaign.workers.traced_pool import TracedPool

    return TracedPool(render_spec(campaign, record, sources), signing_spec(campaign), complain)


def unsigned_press(campaign: Campaign, record: PlanRecord, sources: Sequence[Source]) -> TracedPool:
    """The same for comparing letters, whose signatures always differ."""
    from campaign.planning.inputs import render_spec
    from campaign.workers.traced_pool import TracedPool

    return TracedPool(render_spec(campaign, record, sources))


def need_web() -> None:
    """Raises MissingExtraError where the libraries for pages are not installed."""
    try:
        import starlette
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"pages need {error.name}, which is not there", remedy=pip_line("web")
        ) from None
    del starlette


@dataclass(frozen=True)
class LivePage:
    """Whether a run is shown on a page, and where."""

    wanted: bool = False
    port: int = 0  # 0 takes a free one
    open_browser: bool = False


NO_PAGE = LivePage()


@contextmanager
def live_page(campaign: Campaign, page: LivePage) -> Iterator[None]:
    """The page beside a run in this process; its address is said on stderr."""
    if not page.wanted:
        yield
        return
    need_web()
    from campaign.pages.server import opened
    from campaign.watch.app import start

    server = start(campaign, page.port)
    tell(f"Live page: {server.url}", sys.stderr)
    try:
        is_wanted = page.open_browser and sys.stdout.isatty()
        with opened(server) if is_wanted else nullcontext():
            yield
    finally:
        server.stop()


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
