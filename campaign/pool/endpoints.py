"""How a relay is spoken to, as [[relay]] has it.

In: a relay's settings.  Out: an `Endpoint`, and how connections to it are opened.
Touches: the network, when dialled; the transcript, where one is wanted.
Fails: as `smtp.opening` does.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

from campaign.config.secrets import read_secret
from campaign.config.settings import Relay
from campaign.journal.ways import sent_from, server_name
from campaign.pool.sites.site import Dial, Site
from campaign.pool.terms import Terms
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import Endpoint
from campaign.smtp.opening.connect import connect
from campaign.smtp.transcript import open_transcript


def endpoint_of(relay: Relay, folder: Path) -> Endpoint:
    """How a relay is spoken to."""
    secret = relay.token or relay.password
    certificate = relay.client_certificate
    return Endpoint(
        name=sent_from(server_name(relay.host, relay.port), relay.source),
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
        source=relay.source or "",
    )


def dialer(endpoint: Endpoint, terms: Terms) -> Dial:
    """How a site opens a connection to its relay."""
    numbers = count(1)

    async def dial(site: Site, limit: int) -> Connection:
        written = None
        if terms.transcript:
            written = open_transcript(terms.transcript, site.name, next(numbers), terms.clock)
        timeouts = terms.patience.timeouts
        return await connect(endpoint, site, limit=limit, timeouts=timeouts, transcript=written)

    return dial
