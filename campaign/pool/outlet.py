"""Where letters leave: the relays, or the mail servers of each domain, as the config says.

In: settings.  Out: an `Outlet`.  Touches: nothing until letters come.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count as numbers_from
from pathlib import Path

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.config.secrets import read_secret
from campaign.config.settings import Relay
from campaign.errors import CampaignError, ConfigError
from campaign.pool.allowance import Allowance
from campaign.pool.hosts import KnownHosts
from campaign.pool.lanes import Lanes
from campaign.pool.limits import History, Limits, domains_of, lane_of, seed
from campaign.pool.memory import FileMemory
from campaign.pool.relays import Pool
from campaign.pool.site import Dial, Site
from campaign.pool.terms import Ledger, Patience, connect_wait
from campaign.records import Letter
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import Endpoint, Timeouts
from campaign.smtp.opening.connect import connect
from campaign.smtp.transcript import Transcript
from campaign.suppression.database import store_url

# How long a relay that worked before is tried for, without and with `--no-wait`.
_OUTAGE_S = {False: 1800.0, True: 60.0}


def relay_pool(
    campaign: Campaign,
    relays: tuple[Relay, ...],
    ledger: Ledger,
    history: History,
    clock: Clock,
    *,
    give_back: Callable[[list[Letter]], None],
    on_low: Callable[[], None],
    must_stop: Callable[[CampaignError], None],
    say: Callable[[str], None],
    transcript: Path | None,
    patience: Patience | None,
    no_wait: bool,
    on_trial: bool,
) -> Pool:
    """One site a relay, all fed from the same lanes.  ConfigError where there is no relay.

    `no_wait`: a relay that dies is given up soon.  `on_trial`: the last run was refused as a
    sender; each relay gets one letter to begin with.
    """
    if not relays:
        raise ConfigError(
            "no way out: there is neither [relay] nor [direct]",
            file=str(campaign.file),
            remedy="add [relay] with host, port and security, or try `campaign run --sandbox`",
        )
    patience = patience or Patience(connect_wait(), outage_s=_OUTAGE_S[no_wait])
    limits = Limits(campaign.settings.limits)
    most = sum(relay.connections for relay in relays)
    lanes = Lanes(
        lambda lane: limits.of(lane, most),
        lane_of,
        limit_name=limits.name,
        give_back=give_back,
        on_low=on_low,
    )
    for name in limits.lanes:
        seed(lanes.lane(name).pacing, history, clock, domains=domains_of(name))
    pool = Pool(lanes, clock, give_back=give_back, must_stop=must_stop, say=say)
    hosts = KnownHosts(host_memory(campaign, say), clock, say)
    weights = {}
    for relay in relays:
        endpoint = endpoint_of(relay, campaign.folder)
        allowance = Allowance(endpoint.name, relay.connections, relay.rates)
        seed(allowance.pacing, history, clock, relay=endpoint.name)
        if on_trial:
            allowance.try_out()
        site = Site(
            endpoint.name,
            lanes,
            ledger,
            dialer(endpoint, clock, transcript, patience.timeouts),
            allowance,
            clock=clock,
            hosts=hosts,
            messages_per_connection=relay.messages_per_connection,
            patience=patience,
            may_take=pool.may_take,
            on_failure=pool.failed,
            say=say,
        )
        weights[site] = relay.weight
    pool.take_on(weights)
    return pool


def host_memory(campaign: Campaign, say: Callable[[str], None]) -> FileMemory:
    """What this and other campaigns have learned of mail servers: beside the suppression store."""
    url = store_url(campaign.settings.suppression.url, campaign.settings.journal.url)
    kind, _, path = url.partition("?")[0].partition(":///")
    beside = campaign.folder / path if kind == "sqlite" else campaign.folder / "state" / "x"
    return FileMemory(beside.with_name("hosts.sqlite"), say)


def endpoint_of(relay: Relay, folder: Path) -> Endpoint:
    """How a relay is spoken to."""
    secret = relay.token or relay.password
    certificate = relay.client_certificate
    return Endpoint(
        name=f"[{relay.host}]:{relay.port}" if ":" in relay.host else f"{relay.host}:{relay.port}",
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


def dialer(endpoint: Endpoint, clock: Clock, transcript: Path | None, timeouts: Timeouts) -> Dial:
    """How a site opens a connection to its relay."""
    numbers = numbers_from(1)

    async def dial(site: Site, limit: int) -> Connection:
        written = None
        if transcript:
            written = open_transcript(transcript, site.name, next(numbers), clock)
        return await connect(endpoint, site, limit=limit, timeouts=timeouts, transcript=written)

    return dial


def open_transcript(folder: Path, name: str, number: int, clock: Clock) -> Transcript:
    """The file that takes down one connection: `relay.example.com-587-0001.txt`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name.replace(':', '-').replace('/', '-')}-{number:04d}.txt"
    file = open(path, "w", encoding="utf-8", opener=_for_the_owner)  # noqa: SIM115
    return Transcript(file, clock)


def _for_the_owner(path: str, flags: int) -> int:
    """A transcript names people."""
    return os.open(path, flags, 0o600)
