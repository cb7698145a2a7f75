"""Where letters leave: the pool that the config describes.

In: settings.  Out: a `Pool`.  Touches: nothing until letters come.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.config.secrets import read_secret
from campaign.config.settings import Relay
from campaign.delivery.retry import connect_wait
from campaign.errors import ConfigError
from campaign.journal.reader import Reader
from campaign.smtp.connection import Connection, connect
from campaign.smtp.endpoint import Endpoint
from campaign.smtp.lanes import Lanes, Limit
from campaign.smtp.pool import Pool
from campaign.smtp.site import Ledger, Site
from campaign.smtp.transcript import Transcript

_LOW_WATER = 400  # letters ready; below it the feed is asked for more


def make_pool(
    campaign: Campaign,
    relay_override: Relay | None,
    ledger: Ledger,
    reader: Reader,
    clock: Clock,
    *,
    transcript: Path | None,
) -> Pool:
    """One site a relay, all fed from the same lanes.

    Raises ConfigError where the campaign names no way out.
    """
    settings = campaign.settings
    relays = (relay_override,) if relay_override else settings.relay
    if not relays:
        raise ConfigError(
            "no way out: there is no [relay]",
            file=str(campaign.file),
            remedy="add [relay] with host, port and security, or try `campaign run --sandbox`",
        )
    most = sum(relay.connections for relay in relays)

    def limit_of(domain: str) -> Limit:
        limit = settings.limits.get(domain)
        if limit is None:
            return (), most
        return limit.rates, limit.connections or most

    lanes = Lanes(limit_of)
    sites = [
        _site(relay, campaign, lanes, ledger, clock, transcript=transcript) for relay in relays
    ]
    _seed_quotas(sites, lanes, settings.limits, reader, clock)
    return Pool(lanes, sites, clock)


def endpoint_of(relay: Relay, folder: Path) -> Endpoint:
    """How a relay is spoken to."""
    secret = relay.token or relay.password
    certificate = relay.client_certificate
    return Endpoint(
        name=f"{relay.host}:{relay.port}",
        host=relay.host,
        port=relay.port,
        security=relay.security,
        hello=relay.hello,
        username=relay.username,
        secret=(lambda: read_secret(secret, folder)) if secret else None,
        secret_is_token=relay.token is not None,
        auth=relay.auth,
        allow_cleartext=relay.allow_cleartext_login,
        ca_file=str(folder / relay.ca_file) if relay.ca_file else "",
        client_certificate=(str(folder / certificate.cert), str(folder / certificate.key))
        if certificate
        else None,
        notify=relay.notify,
        ret=relay.ret,
    )


def _site(
    relay: Relay,
    campaign: Campaign,
    lanes: Lanes,
    ledger: Ledger,
    clock: Clock,
    *,
    transcript: Path | None,
) -> Site:
    endpoint = endpoint_of(relay, campaign.folder)

    numbers = count(1)

    async def dial(site: Site, limit: int) -> Connection:
        written = None
        if transcript:
            written = open_transcript(transcript, site.name, next(numbers), clock)
        return await connect(endpoint, site, limit=limit, transcript=written)

    return Site(
        endpoint.name,
        lanes,
        ledger,
        dial,
        clock=clock,
        connections=relay.connections,
        messages_per_connection=relay.messages_per_connection,
        rates=relay.rates,
        connect_wait=connect_wait(),
        low_water=_LOW_WATER,
    )


def open_transcript(folder: Path, name: str, number: int, clock: Clock) -> Transcript:
    """The file that takes down one connection: `relay.example.com-587-0001.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace(':', '-')}-{number:04d}.txt"
    return Transcript(path.open("w", encoding="utf-8"), clock)


def _seed_quotas(
    sites: Sequence[Site], lanes: Lanes, limits: object, reader: Reader, clock: Clock
) -> None:
    """What earlier runs used of a day's quota still counts."""
    now_s, tick_s = clock.now_s(), clock.tick_s()
    for site in sites:
        for quota in site.pacing.quotas:
            for at_s, used in reader.sendings_since(now_s - quota.per_s, relay=site.name):
                quota.seed(tick_s - (now_s - at_s), used)
