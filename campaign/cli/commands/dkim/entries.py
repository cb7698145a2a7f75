"""The [[dkim]] entries of a campaign, with their keys.

In: a loaded campaign.  Out: `DkimEntry`.  Touches: the keys; no template runs in this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from campaign.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.config.settings import Dkim, Dns
    from campaign.preflight.key_records import PublicKey

NameserverOption = Annotated[
    list[str] | None,
    typer.Option(
        "--nameserver",
        metavar="ADDRESS",
        help="Ask this server: 9.9.9.9 or 127.0.0.1:5353; repeatable.",
    ),
]


class DkimEntry(NamedTuple):
    """One entry."""

    at: int  # index in the file
    settings: Dkim
    wanted: PublicKey


def entries_of(campaign: Campaign) -> list[DkimEntry]:
    """All of them.  Raises UsageError where there are none, ConfigError for a bad key."""
    from campaign.addresses.syntax import parse_address
    from campaign.config.secrets import read_secret
    from campaign.preflight.key_records import PublicKey
    from campaign.signing.keys import read_key

    found = []
    for index, entry in enumerate(campaign.settings.dkim):
        domain = parse_address(f"postmaster@{entry.domain}").domain
        try:
            key = read_key(read_secret(entry.key, campaign.folder))
        except ConfigError as fault:
            what = f"[[dkim]] {entry.selector} of {domain}: {fault.what}"
            raise ConfigError(what, file=str(campaign.file), remedy=fault.remedy) from None
        found.append(DkimEntry(index, entry, PublicKey(domain, entry.selector, key)))
    if not found:
        raise UsageError(
            f"{campaign.file} has no [[dkim]]", remedy="`campaign dkim keygen` makes a key"
        )
    return found


def dns_of(campaign: Campaign, nameservers: list[str] | None) -> Dns:
    """[dns], with other nameservers if some were given."""
    dns = campaign.settings.dns
    return dns.model_copy(update={"nameservers": tuple(nameservers)}) if nameservers else dns
