"""Puts pages together with what they show: where rooms of one floor meet.

In: a loaded campaign.  Out: a page that is served.  Touches: what the pages touch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from campaign.errors import ConfigError

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.delivery.render_pool import RenderPool
    from campaign.records import PlanRecord, Source

PREVIEW_PORT = 8025
_WEB = "pip install 'campaign[web]'"


def serve_preview(campaign: Campaign, port: int = PREVIEW_PORT, *, open_browser: bool) -> None:
    """The preview until Ctrl-C; the campaign must be planned."""
    need_web()
    from campaign.preview.server import serve

    serve(campaign, press, port, open_browser=open_browser)


def press(campaign: Campaign, record: PlanRecord, sources: Sequence[Source]) -> RenderPool:
    """What renders the letters of a preview: one worker, as in a run."""
    from campaign.delivery.inputs import render_spec
    from campaign.delivery.render_pool import RenderPool

    return RenderPool(render_spec(campaign, record, sources), workers=1)


def need_web() -> None:
    """Raises ConfigError where the libraries for pages are not installed."""
    try:
        import starlette
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(f"pages need {error.name}, which is not there", remedy=_WEB) from None
    del starlette
