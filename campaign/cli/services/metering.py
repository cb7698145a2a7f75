"""Figures for monitoring beside a command that lasts: `--metrics HOST:PORT`.

In: the option, a campaign.  Out: a page that is served until the command ends.
Touches: what the figures come from; a port.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from campaign.cli.terminal.streams import tell
from campaign.errors import UsageError

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.metrics.server import Collector


@contextmanager
def metrics_beside(where: str, *collectors: Collector) -> Iterator[None]:
    """The page while the block lasts, its address on stderr; "" is no page."""
    if not where:
        yield
        return
    from campaign.clock import SystemClock
    from campaign.metrics.figures import process_figures
    from campaign.metrics.server import serving_metrics

    host, port = _place_of(where)
    with serving_metrics(host, port, [process_figures, *collectors], SystemClock()) as address:
        tell(f"Metrics: {address}", sys.stderr)
        yield


def figures_of(where: str, campaign: Campaign) -> list[Collector]:
    """Of a campaign's journal and webhooks; nothing where nobody asks for metrics."""
    if not where:
        return []
    from campaign.metrics.figures import JournalFigures
    from campaign.webhooks.figures import WebhookFigures

    name, urls = campaign.settings.name, [each.url for each in campaign.settings.webhook]
    found: list[Collector] = [JournalFigures(name, *campaign.journal)]
    return [*found, WebhookFigures(name, *campaign.journal, urls)] if urls else found


def _place_of(where: str) -> tuple[str, int]:
    """Raises UsageError."""
    from campaign.config.values import read_listen

    try:
        if read_listen(where).startswith("unix:"):
            raise ValueError(f"'{where}' is a socket; write an address and a port: 127.0.0.1:9464")
    except ValueError as error:
        what, _, remedy = str(error).partition("; ")
        raise UsageError(f"--metrics: {what}", remedy=remedy) from None
    host, _, port = where.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)
