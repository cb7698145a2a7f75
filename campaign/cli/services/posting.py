"""The routes of provider events, put together for `campaign serve`.

In: [bounces] of a campaign.toml, the writer of the store.  Out: a set of routes.
Touches: secrets.  Fails with ConfigError.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from campaign.clock import Clock
    from campaign.config.loader import Campaign
    from campaign.config.settings import Secret, Settings
    from campaign.config.wording import Mistake
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
        checks["sendgrid"] = SendgridCheck(bounces.sendgrid.public_key)
    if bounces.mailgun:
        checks["mailgun"] = MailgunCheck(_secrets(campaign, bounces.mailgun.signing_key))
    if bounces.postmark:
        checks["postmark"] = PostmarkCheck(_secrets(campaign, bounces.postmark.secret))
    return checks


def check_public_keys(settings: Settings, folder: Path) -> Iterator[Mistake]:
    """Whether the keys of providers are keys, which the settings cannot know."""
    from campaign.config.wording import Mistake
    from campaign.serve.providers.checks import SendgridCheck

    for index, key in enumerate(
        settings.bounces.sendgrid.public_key if settings.bounces.sendgrid else ()
    ):
        try:
            SendgridCheck([key])
        except ValueError as error:
            yield Mistake(
                ("bounces", "sendgrid", "public_key", index),
                f"public_key: {error}",
                "copy it from SendGrid's Signed Event Webhook",
            )


def _secrets(campaign: Campaign, secrets: Sequence[Secret]) -> list[str]:
    from campaign.config.secrets import read_secret

    return [read_secret(secret, campaign.folder) for secret in secrets]
