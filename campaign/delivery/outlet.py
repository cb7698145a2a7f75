"""Where letters leave: the relays, or the mail servers of each domain, as the config says.

In: settings.  Out: an `Outlet`.  Touches: nothing until letters come.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.config.secrets import read_secret
from campaign.config.settings import Limit as LimitSettings
from campaign.config.settings import Relay
from campaign.delivery.retry import connect_wait
from campaign.errors import CampaignError, ConfigError
from campaign.journal.reader import Reader
from campaign.smtp.allowance import Allowance
from campaign.smtp.connection import Connection, connect
from campaign.smtp.endpoint import Endpoint
from campaign.smtp.lanes import Lanes, Limit
from campaign.smtp.pacing import Pacing
from campaign.smtp.pool import Pool
from campaign.smtp.site import Dial, Ledger, Patience, Site
from campaign.smtp.transcript import Transcript


def relay_pool(
    campaign: Campaign,
    relays: tuple[Relay, ...],
    ledger: Ledger,
    reader: Reader,
    clock: Clock,
    *,
    must_stop: Callable[[CampaignError], None],
    say: Callable[[str], None],
    transcript: Path | None,
) -> Pool:
    """One site a relay, all fed from the same lanes.  ConfigError where there is no relay."""
    if not relays:
        raise ConfigError(
            "no way out: there is neither [relay] nor [direct]",
            file=str(campaign.file),
            remedy="add [relay] with host, port and security, or try `campaign run --sandbox`",
        )
    limits = campaign.settings.limits
    lanes = Lanes(limit_by_domain(limits, sum(relay.connections for relay in relays)))
    for domain in limits:
        seed(lanes.lane(domain).pacing, reader, clock, domain=domain)
    pool = Pool(lanes, clock, must_stop=must_stop, say=say)
    weights = {}
    for relay in relays:
        endpoint = endpoint_of(relay, campaign.folder)
        allowance = Allowance(endpoint.name, relay.connections, relay.rates)
        seed(allowance.pacing, reader, clock, relay=endpoint.name)
        site = Site(
            endpoint.name,
            lanes,
            ledger,
            dialer(endpoint, clock, transcript),
            allowance,
            clock=clock,
            messages_per_connection=relay.messages_per_connection,
            patience=Patience(connect_wait()),
            may_take=pool.may_take,
            on_failure=pool.failed,
        )
        weights[site] = relay.weight
    pool.take_on(weights)
    return pool


def limit_by_domain(limits: dict[str, LimitSettings], most: int) -> Callable[[str], Limit]:
    """What [limits."gmail.com"] says of a domain; without it only `most` connections."""

    def limit_of(domain: str) -> Limit:
        limit = limits.get(domain)
        return (limit.rates, limit.connections or most) if limit else ((), most)

    return limit_of


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


def dialer(endpoint: Endpoint, clock: Clock, transcript: Path | None) -> Dial:
    """How a site opens a connection to its relay."""
    numbers = count(1)

    async def dial(site: Site, limit: int) -> Connection:
        written = None
        if transcript:
            written = open_transcript(transcript, site.name, next(numbers), clock)
        return await connect(endpoint, site, limit=limit, transcript=written)

    return dial


def open_transcript(folder: Path, name: str, number: int, clock: Clock) -> Transcript:
    """The file that takes down one connection: `relay.example.com-587-0001.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace(':', '-').replace('/', '-')}-{number:04d}.txt"
    return Transcript(path.open("w", encoding="utf-8"), clock)


def seed(
    pacing: Pacing, reader: Reader, clock: Clock, *, relay: str = "", domain: str = ""
) -> None:
    """What earlier runs used of a day's quota still counts."""
    now_s, tick_s = clock.now_s(), clock.tick_s()
    for quota in pacing.quotas:
        for at_s, used in reader.sendings_since(now_s - quota.per_s, relay=relay, domain=domain):
            quota.seed(tick_s - (now_s - at_s), used)
