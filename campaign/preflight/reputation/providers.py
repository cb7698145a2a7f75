"""Gmail and Outlook.com asked for what they know of us, where [postmaster] has the tokens.

In: a campaign, its domains and addresses.  Out: findings.  Touches: the places of the tokens, the
providers' servers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from campaign.config.loader import Campaign
from campaign.config.secrets import read_secret
from campaign.config.settings import Secret
from campaign.errors import ConfigError
from campaign.preflight.reputation.gmail import gmail_findings
from campaign.preflight.reputation.snds import snds_findings
from campaign.preflight.rules import CheckFinding

_MOST_DOMAINS = 3


def provider_findings(
    campaign: Campaign, domains: Sequence[str], addresses: Sequence[str], now_s: float
) -> list[CheckFinding]:
    """Takes a second or two for each; what has no token is "not-checked"."""
    settings = campaign.settings.postmaster
    found: list[CheckFinding] = []
    token, why = _secret(campaign, settings.google, "google")
    today = datetime.fromtimestamp(now_s, UTC).date()
    for domain in list(dict.fromkeys(domains))[:_MOST_DOMAINS] if token else ():
        found += gmail_findings(domain, token, settings.google_url, today)
    found += _unasked(("gmail-spam", "gmail-rules"), why)
    token, why = _secret(campaign, settings.snds, "snds")
    if token:
        found += snds_findings(token, settings.snds_url, addresses)
    found += _unasked(("outlook-snds",), why)
    return found


def _secret(campaign: Campaign, secret: Secret | None, name: str) -> tuple[str, str]:
    """The token, or why there is none."""
    if secret is None:
        return "", f"no {name} in [postmaster]: without a token nobody tells"
    try:
        return read_secret(secret, campaign.folder), ""
    except ConfigError as error:
        return "", error.what


def _unasked(rules: Sequence[str], why: str) -> Iterator[CheckFinding]:
    for rule in rules if why else ():
        yield CheckFinding(rule, "not-checked", why)
