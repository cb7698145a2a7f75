"""`campaign serve --api`: puts the API of an open campaign together with a server.

In: an open campaign, where to listen.  Out: served requests.
Touches: a port, render workers, the arrivals beside the journal.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from campaign.errors import UsageError


def serve_api(path: Path, listen: str, metrics: str, *, sandbox: bool) -> None:
    """Until SIGINT or SIGTERM; what is being answered then is answered first.

    Raises ConfigErrors, UsageError where the campaign has a list or the place cannot be had, and
    what `Intake` raises for templates that do not compile.
    """
    from campaign.cli.rehearsal import rehearsal_of
    from campaign.cli.services.intaking import load_open
    from campaign.cli.services.metering import metrics_beside
    from campaign.cli.terminal.streams import complain
    from campaign.clock import SystemClock
    from campaign.config.checking.servers import check_api_keys
    from campaign.intake.api.app import Api
    from campaign.metrics.figures import Counts
    from campaign.planning.opening import ensure_open_plan
    from campaign.serve.app import counting
    from campaign.serve.server import serve
    from campaign.webhooks.lasting import telling_on

    campaign = load_open(path, "--api", [check_api_keys])
    if sandbox:
        campaign = rehearsal_of(campaign)
    where = place_of(listen or campaign.settings.serve.listen)
    clock = SystemClock()
    ensure_open_plan(campaign, clock)
    api = Api(campaign, clock, say=complain)
    requests = Counts("campaign_http_requests_total")
    app = counting(api.app, requests.add)
    telling = contextlib.nullcontext() if sandbox else telling_on(campaign, complain)
    with metrics_beside(metrics, requests), telling, contextlib.suppress(KeyboardInterrupt):
        serve(
            app,
            where,
            campaign.settings.serve.proxies,
            lambda address: print(f"Accepting letters on {address}; Ctrl-C ends it.", flush=True),
        )


def place_of(listen: str) -> str:
    """Raises UsageError where it is no place to listen at."""
    from campaign.config.values import read_listen

    try:
        return read_listen(listen)
    except ValueError as error:
        what, _, remedy = str(error).partition("; ")
        raise UsageError(f"--listen: {what}", remedy=remedy) from None
