"""Every knob of campaign.toml, with its default, its bounds and a sentence about it.

In: plain dicts from TOML.  Out: frozen pydantic models.  Touches: nothing; files and secrets are
looked at by `checks` and `secrets`.
The tables stand in the modules beside this one; all are to be had from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BeforeValidator, Field

from campaign.config.settings.letter import (
    Dkim,
    MessageSettings,
    Recipients,
    Unsubscribe,
)
from campaign.config.settings.outlets import (
    Delivery,
    Direct,
    Dns,
    Limit,
    Relay,
    Tls,
)
from campaign.config.settings.section import (
    WITHOUT_RULES,
    RuleError,
    Secret,
    Secrets,
    Section,
)
from campaign.config.settings.stores import (
    Bounces,
    CheckSettings,
    JournalSettings,
    MailgunEvents,
    PostmarkEvents,
    SendgridEvents,
    SesEvents,
    Suppression,
)
from campaign.config.settings.timing import Ladder, Ramp, Schedule, TimeZone
from campaign.config.settings.web import Serve, Webhook
from campaign.config.values import as_list

__all__ = [
    "WITHOUT_RULES",
    "Bounces",
    "CheckSettings",
    "Delivery",
    "Direct",
    "Dkim",
    "Dns",
    "JournalSettings",
    "Ladder",
    "Limit",
    "MailgunEvents",
    "MessageSettings",
    "PostmarkEvents",
    "Ramp",
    "Recipients",
    "Relay",
    "RuleError",
    "Schedule",
    "Secret",
    "Secrets",
    "Section",
    "SendgridEvents",
    "Serve",
    "SesEvents",
    "Settings",
    "Suppression",
    "TimeZone",
    "Tls",
    "Unsubscribe",
    "Webhook",
]


class Settings(Section):
    """The whole of campaign.toml."""

    name: str = Field(pattern=r"^[a-z0-9-]+$", max_length=64, examples=["spring-renewal"])
    """Name of the campaign: small letters, digits and "-"."""
    recipients: Recipients
    message: MessageSettings
    unsubscribe: Unsubscribe | None = None
    relay: Annotated[
        tuple[Relay, ...],
        BeforeValidator(as_list, json_schema_input_type=Relay | list[Relay]),
    ] = ()
    direct: Direct | None = None
    limits: dict[str, Limit] = Field(default={})
    delivery: Delivery = Delivery()
    schedule: Schedule | None = None
    ramp: Annotated[
        tuple[Ramp, ...],
        BeforeValidator(as_list, json_schema_input_type=Ramp | list[Ramp]),
    ] = ()
    dkim: Annotated[
        tuple[Dkim, ...],
        BeforeValidator(as_list, json_schema_input_type=Dkim | list[Dkim]),
    ] = ()
    journal: JournalSettings = JournalSettings()
    dns: Dns = Dns()
    suppression: Suppression = Suppression()
    bounces: Bounces = Bounces()
    check: CheckSettings = CheckSettings()
    serve: Serve = Serve()
    webhook: Annotated[
        tuple[Webhook, ...],
        BeforeValidator(as_list, json_schema_input_type=Webhook | list[Webhook]),
    ] = ()

    def rules(self) -> Iterator[RuleError]:
        if self.message.subjects and not (self.recipients.locale or self.recipients.default_locale):
            yield RuleError(
                "subjects in other languages, and nothing says who reads which",
                'name the column of the languages: locale = "..." in [recipients]',
                *("message", "recipients"),
            )
        if self.message.sender and self.bounces.envelope_from:
            yield RuleError(
                "sender in [message] and envelope_from in [bounces] exclude each other",
                "keep one",
                *("bounces", "message"),
            )
        urls = [webhook.url for webhook in self.webhook]
        if len(set(urls)) < len(urls):
            yield RuleError(
                "two [[webhook]] have the same url", "name all their events in one", "webhook"
            )
        if len({ramp.per for ramp in self.ramp}) < len(self.ramp):
            yield RuleError("two [[ramp]] limit the same", "give each another per", "ramp")
        if self.relay and self.direct:
            yield RuleError(
                "[relay] and [direct] exclude each other", "keep one", "direct", "relay"
            )
