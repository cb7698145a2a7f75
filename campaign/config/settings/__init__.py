"""Every knob of campaign.toml, with its default, its bounds and a sentence about it.

In: plain dicts from TOML.  Out: frozen pydantic models.  Touches: nothing; files and secrets are
looked at by `checks` and `secrets`.
The tables stand in the modules beside this one; all are to be had from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

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
    SendingAddress,
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
    KEEP_S,
    Bounces,
    CheckSettings,
    Fleet,
    JournalSettings,
    MailgunEvents,
    PostmarkEvents,
    Postmaster,
    SendgridEvents,
    SesEvents,
    Suppression,
)
from campaign.config.settings.timing import Ladder, Ramp, Schedule, TimeZone
from campaign.config.settings.triggered import (
    TEMPLATE_NAME,
    IntakeSettings,
    LetterTemplate,
)
from campaign.config.settings.web import ApiKey, Serve, Webhook
from campaign.config.values import as_list

__all__ = [
    "WITHOUT_RULES",
    "ApiKey",
    "Bounces",
    "CheckSettings",
    "Delivery",
    "Direct",
    "Dkim",
    "Dns",
    "Fleet",
    "IntakeSettings",
    "JournalSettings",
    "Ladder",
    "LetterTemplate",
    "Limit",
    "MailgunEvents",
    "MessageSettings",
    "PostmarkEvents",
    "Postmaster",
    "Ramp",
    "Recipients",
    "Relay",
    "RuleError",
    "Schedule",
    "Secret",
    "Secrets",
    "Section",
    "SendgridEvents",
    "SendingAddress",
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
    kind: Literal["list", "open"] = "list"
    """"list": everybody on the list gets the letter of [message]; "open": letters come one by one,
    by the API, a queue or SMTP, each from a [template]."""
    recipients: Recipients = Recipients()
    message: MessageSettings
    template: dict[str, LetterTemplate] = Field(default={})
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
    fleet: Fleet = Fleet()
    dns: Dns = Dns()
    suppression: Suppression = Suppression()
    bounces: Bounces = Bounces()
    check: CheckSettings = CheckSettings()
    postmaster: Postmaster = Postmaster()
    serve: Serve = Serve()
    webhook: Annotated[
        tuple[Webhook, ...],
        BeforeValidator(as_list, json_schema_input_type=Webhook | list[Webhook]),
    ] = ()
    intake: IntakeSettings = IntakeSettings()

    @property
    def is_open(self) -> bool:
        """Whether letters come one by one."""
        return self.kind == "open"

    @property
    def keep_s(self) -> float:
        """How long an open campaign keeps settled letters in its journal."""
        return KEEP_S if self.journal.keep is None else self.journal.keep

    def rules(self) -> Iterator[RuleError]:
        yield from self._open_rules() if self.is_open else self._list_rules()
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
        ways = [(each.host, each.port, each.username, each.source) for each in self.relay]
        for host, port, _, source in {way for way in ways if ways.count(way) > 1 and way[3]}:
            yield RuleError(
                f"two relays are {host} port {port} from {source}",
                "keep one, or give each a source of its own",
                "relay",
            )
        if self.relay and self.direct:
            yield RuleError(
                "[relay] and [direct] exclude each other", "keep one", "direct", "relay"
            )

    def _list_rules(self) -> Iterator[RuleError]:
        if not self.recipients.files:
            yield RuleError(
                "[recipients] names no files",
                'add files = ["recipients.csv"] to [recipients]; an open campaign, kind = "open",'
                " has no list",
                "recipients.files",
            )
        if not self.message.subject:
            yield RuleError(
                "[message] has no subject",
                'add subject = "{{ first_name }}, your plan renews"',
                "message.subject",
            )
        if not self.message.has_body:
            yield RuleError(
                "the message has no body",
                'name a template file: text = "body.txt", html = "body.html", or markdown',
                *("message.text", "message.html", "message.markdown"),
            )
        if self.template:
            yield RuleError(
                "[template] belongs to an open campaign", 'add kind = "open" at the top', "template"
            )
        if self.journal.keep is not None:
            yield RuleError(
                "keep in [journal] belongs to an open campaign; that of a list is kept whole",
                "leave it out",
                "journal.keep",
            )

    def _open_rules(self) -> Iterator[RuleError]:
        if not self.template:
            yield RuleError(
                "an open campaign has no template",
                'add [template.receipt] with subject and text = "letters/receipt.txt"',
                "template",
            )
        for name in self.template:
            if not TEMPLATE_NAME.fullmatch(name):
                yield RuleError(
                    f"'{name}' cannot be the name of a template",
                    'use small letters, digits, "-" and "_"',
                    "template",
                )
        for table, key in (
            ("recipients", "files"),
            ("recipients", "group_by"),
            ("message", "text"),
            ("message", "html"),
            ("message", "markdown"),
            ("message", "calendar"),
            ("message", "subject"),
        ):
            if getattr(getattr(self, table), key):
                yield RuleError(
                    f"an open campaign has no {key} in [{table}]",
                    "leave it out" if table == "recipients" else "write it into its [template]",
                    f"{table}.{key}",
                )
