"""`campaign serve`: the web side of the letters.

In: [unsubscribe], [suppression], [bounces] and [serve] of a campaign.toml.  Out: served requests.
Touches: a port; the suppression store.

Here the routes of all rooms come together, in this order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, MetricsOption, PathArgument
from campaign.cli.services.api import place_of, serve_api
from campaign.cli.services.metering import metrics_beside
from campaign.cli.services.serving import need_web
from campaign.cli.terminal.streams import complain
from campaign.errors import EXIT_DONE, UsageError

if TYPE_CHECKING:
    from campaign.clock import Clock
    from campaign.config.loader import Campaign
    from campaign.serve.app import RouteSet
    from campaign.serve.writing import StoreWriter

EXAMPLES = ("campaign serve spring", "campaign serve shop --api --listen 127.0.0.1:8080")
# [journal] says where the store is where [suppression] does not.
_TABLES = frozenset({"unsubscribe", "suppression", "bounces", "serve", "journal", "webhook"})


def command(
    path: PathArgument = HERE,
    listen: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT", help="Left out: `listen` in [serve]. unix:/PATH is a socket."
        ),
    ] = "",
    smtp: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT", help="Accept mail of applications there instead (open campaigns)."
        ),
    ] = "",
    metrics: MetricsOption = "",
    api: Annotated[
        bool, typer.Option("--api", help="Accept the letters of an open campaign instead.")
    ] = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="With --api: for the rehearsal of `run --sandbox`.")
    ] = False,
) -> int:
    """Serve unsubscribes, preferences, provider events, or the API.

    It needs the secrets of [unsubscribe] and of providers in [bounces], and the suppression store,
    and nothing else of the campaign: no list, no template, no relay, no journal. Events are kept in
    that store until `campaign bounces` reads them. With `--api` it accepts single letters by HTTP,
    which `campaign run` sends: that needs the templates and the journal's folder, so it is a
    process of its own. With `--sandbox` they are for `campaign run --sandbox`. Every form tells
    the endpoints of [[webhook]] what happens, once there is a journal.
    """
    if smtp:
        from campaign.cli.services.intaking import serve_submissions

        if listen:
            raise UsageError("--smtp and --listen exclude each other", remedy="start one for each")
        serve_submissions(path, smtp, metrics)
        return EXIT_DONE
    need_web()
    if api:
        serve_api(path, listen, metrics, sandbox=sandbox)
        return EXIT_DONE
    if sandbox:
        raise UsageError("--sandbox is for --api alone", remedy="leave it out, or add --api")
    from campaign.cli.services.posting import check_public_keys, provider_events
    from campaign.clock import SystemClock
    from campaign.config.checking.servers import check_web_side
    from campaign.config.loader import load_tables
    from campaign.metrics.figures import Counts
    from campaign.serve.app import application, counting
    from campaign.serve.server import serve
    from campaign.webhooks.lasting import telling_on

    needs = (check_web_side, check_public_keys)
    settings = load_tables(path, _TABLES, need_letters=True, also=needs)
    where = place_of(listen or settings.settings.serve.listen)
    writer = _writer(settings, clock := SystemClock())
    sets = [provider_events(settings, writer, clock), _leaving(settings, writer, clock)]
    requests = Counts("campaign_http_requests_total")
    app = counting(application(sets), requests.add)
    with metrics_beside(metrics, requests), telling_on(settings, complain):
        serve(
            app,
            where,
            settings.settings.serve.proxies,
            lambda address: print(f"Serving on {address}; Ctrl-C ends it.", flush=True),
        )
    return EXIT_DONE


def _writer(campaign: Campaign, clock: Clock) -> StoreWriter:
    """Raises SuppressionError."""
    from campaign.serve.writing import StoreWriter
    from campaign.suppression.database import store_url
    from campaign.suppression.store import SuppressionStore

    url = store_url(campaign.settings.suppression.url, campaign.settings.journal.url)
    return StoreWriter(lambda: SuppressionStore.open(url, campaign.folder, clock), clock)


def _leaving(campaign: Campaign, writer: StoreWriter, clock: Clock) -> RouteSet:
    """Raises ConfigError."""
    from campaign.addresses.tokens import UnsubscribeTokens
    from campaign.config.reading import read_config
    from campaign.config.secrets import read_secret
    from campaign.serve.leaving import Leaving
    from campaign.serve.wording import Wordings

    settings, folder = campaign.settings, campaign.folder
    secrets = settings.unsubscribe.secret if settings.unsubscribe else ()
    tokens = UnsubscribeTokens([read_secret(secret, folder) for secret in secrets])
    wordings = Wordings(folder / settings.serve.languages if settings.serve.languages else None)
    name = read_config(campaign.file).tables.get("name")
    return Leaving(
        tokens,
        writer,
        wordings,
        clock,
        lists=settings.serve.lists,
        title=settings.serve.title,
        old_campaigns=[name] if isinstance(name, str) else [],
    ).routes()
