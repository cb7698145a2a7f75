"""Makes the outlet that the config names: the relays, or the mail servers of each domain.

In: settings, the run's terms.  Out: an `Outlet`.  Touches: nothing until letters come.
Fails: ConfigError where the config names no way out.
"""

from __future__ import annotations

from collections.abc import Callable

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.config.settings import Relay
from campaign.pool.outlet import Outlet
from campaign.pool.relays import relays_of
from campaign.pool.servers.hosts import KnownHosts
from campaign.pool.servers.memory import FileMemory
from campaign.pool.terms import Patience, Terms, connect_wait
from campaign.suppression.database import store_url

# How long a relay that worked before is tried for, without and with `--no-wait`.
_OUTAGE_S = {False: 1800.0, True: 60.0}


def outlet_of(campaign: Campaign, terms: Terms, override: Relay | None = None) -> Outlet:
    """`override`: a relay instead of what the config names."""
    direct = campaign.settings.direct
    if direct and not override:
        # With DNS and MTA-STS it takes a sixth of the start; a relay needs none of it.
        from campaign.pool.direct.routes import routes_of

        return Outlet(routes_of(campaign, direct, terms), terms)
    relays = (override,) if override else campaign.settings.relay
    return Outlet(relays_of(campaign, relays, terms), terms)


def patience_of(campaign: Campaign, override: Relay | None, *, no_wait: bool) -> Patience:
    """How long connections are tried for; `no_wait`: a relay that dies is given up soon."""
    if campaign.settings.direct and not override:  # one of many: its letters can wait
        return Patience(connect_wait(), first_tries=1, outage_s=30.0)
    return Patience(connect_wait(), outage_s=_OUTAGE_S[no_wait])


def known_hosts(campaign: Campaign, clock: Clock, say: Callable[[str], None]) -> KnownHosts:
    """What this and other campaigns have learned of mail servers: beside the suppression store."""
    url = store_url(campaign.settings.suppression.url, campaign.settings.journal.url)
    kind, _, path = url.partition("?")[0].partition(":///")
    beside = campaign.folder / path if kind == "sqlite" else campaign.folder / "state" / "x"
    return KnownHosts(FileMemory(beside.with_name("hosts.sqlite"), say), clock, say)
