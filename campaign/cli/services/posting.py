"""The routes of provider events, put together for `campaign serve`.

In: [bounces] of a campaign.toml, the writer of the store.  Out: a set of routes.
Touches: secrets.  Fails with ConfigError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from campaign.errors import ConfigError

if TYPE_CHECKING:
    from campaign.clock import Clock
    from campaign.config.loader import Campaign
    from campaign.config.settings import Secret
    from campaign.serve.app import RouteSet
    from campaign.serve.providers.posts import PostCheck
    from campaign.serve.writing import StoreWriter


def provider_events(campaign: Campaign, writer: StoreWriter, clock: Clock) -> RouteSet:
    """Of all providers; those that the config does not name are answered 404."""
    from campaign.serve.providers.routes import ProviderEvents
    from campaign.suppression.inbox import ProviderPost, Put

    async def keep(post: ProviderPost) -> Put:
        return await writer.ask(lambda store: store.inbox.put(post))

    return ProviderEvents(_checks(campaign, clock), keep, clock).routes()


def _checks(campaign: Campaign, clock: Clock) -> dict[str, PostCheck]:
    from campaign.serve.providers.checks import MailgunCheck, PostmarkCheck, SendgridCheck
    from campaign.serve.providers.fetching import fetch
    from campaign.serve.providers.sns import SnsCheck

    bounces = campaign.settings.bounces
    checks: dict[str, PostCheck] = {}
    if bounces.ses:
        checks["ses"] = SnsCheck(
            bounces.ses.topics, fetch, clock, lambda text: print(f"campaign: {text}", flush=True)
        )
    if bounces.sendgrid:
        try:
            checks["sendgrid"] = SendgridCheck(bounces.sendgrid.public_key)
        except ValueError as error:
            raise ConfigError(
                f"public_key in [bounces.sendgrid]: {error}",
                file=str(campaign.file),
                remedy="copy it from SendGrid's Signed Event Webhook",
            ) from None
    if bounces.mailgun:
        keys = _secrets(campaign, "mailgun", bounces.mailgun.signing_key)
        checks["mailgun"] = MailgunCheck(keys)
    if bounces.postmark:
        checks["postmark"] = PostmarkCheck(_secrets(campaign, "postmark", bounces.postmark.secret))
    return checks


def _secrets(campaign: Campaign, provider: str, secrets: Sequence[Secret]) -> list[str]:
    """Raises ConfigError also for one that could be guessed."""
    from campaign.config.checks import WEAK_BYTES
    from campaign.config.secrets import read_secret

    found = [read_secret(secret, campaign.folder) for secret in secrets]
    if any(len(each.encode()) < WEAK_BYTES for each in found):
        raise ConfigError(
            f"a secret of [bounces.{provider}] has less than {WEAK_BYTES} bytes, and who guesses"
            " it can make up events",
            file=str(campaign.file),
            remedy="take a longer one, for example from: openssl rand -hex 32",
        )
    return found
