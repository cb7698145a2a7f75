"""Every knob of campaign.toml, with its default, its bounds and a sentence about it.

In: plain dicts from TOML.  Out: frozen pydantic models.  Touches: nothing; files and secrets are
looked at by `checks` and `secrets`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from campaign.config.reading import JOURNAL_URL
from campaign.config.values import (
    ColumnName,
    Delimiter,
    Duration,
    Encoding,
    HostName,
    JournalUrl,
    Locale,
    Rates,
    RelayHost,
    Selector,
    Size,
    SoftBounces,
    StoreUrl,
    Strings,
    as_list,
)

WITHOUT_RULES = "without rules"  # validation context: read what breaks a rule between keys


class RuleError(ValueError):
    """Keys of one table do not go together; `keys` were judged, the first is to blame."""

    def __init__(self, what: str, remedy: str, *keys: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy
        self.keys = keys


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def rules(self) -> Iterator[RuleError]:
        """What is wrong between the keys of this table, each key being right by itself."""
        return iter(())

    @model_validator(mode="after")
    def _keep_rules(self, info: ValidationInfo) -> Self:
        if info.context != WITHOUT_RULES:
            for broken in self.rules():
                raise broken
        return self


class Secret(Section):
    """Where a secret comes from; it is never written into campaign.toml itself."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    env: str | None = None
    """Name of an environment variable that holds it."""
    file: str | None = None
    """File that holds it, relative to campaign.toml; only its owner may read it (mode 600)."""
    command: str | None = None
    """Command that prints it, run without a shell: "pass show mail/relay"."""

    def rules(self) -> Iterator[RuleError]:
        if sum(value is not None for value in (self.env, self.file, self.command)) != 1:
            yield RuleError(
                "a secret comes from exactly one of env, file, command",
                'write for example { env = "SMTP_PASSWORD" }',
            )


class Recipients(Section):
    """The list: who gets the message."""

    files: Strings = Field(min_length=1, examples=[["recipients.csv"]])
    """Recipient files, relative to campaign.toml; `*`, `?` and `**` are globs.
    .csv .tsv .xlsx .parquet, also with .gz."""
    address: ColumnName = Field("email", min_length=1)
    """The column that holds the address."""
    name: str = ""
    """The display name in To, a template: "{{ first_name }} {{ last_name }}"."""
    encoding: Encoding = "auto"
    """"auto" finds it and says how sure it is; otherwise "utf-8", "gb18030", "cp1252" ..."""
    delimiter: Delimiter = "auto"
    """"auto", or the one character between cells."""
    duplicates: Literal["first", "error", "allow"] = "first"
    """An address that stands in the list twice: send to the "first" row only, stop with an
    "error", or "allow" one message per row."""
    suppress: Strings = Field(default=(), examples=[["suppressed.csv"]])
    """Files of addresses that must not be written to; one column, or a column named as
    `address`. A run reads them again when they change."""
    group_by: ColumnName = ""
    """Rows that are equal in this column become one message; the template sees `rows`."""
    locale: ColumnName = ""
    """The column that names the language of a recipient and so chooses `body.zh.html`."""
    default_locale: Locale = Field(default="", examples=["zh"])
    """The language of recipients whose row names none, and the one in which the list writes
    numbers and dates: "de" reads 1.234 as a thousand and more. `body.zh.html` stands for a
    `body.html` that is not there."""
    max_field: Size = Field(default=1_000_000, examples=["1MB"])
    """Largest cell, in bytes or with a unit; a row with a larger one is skipped."""


class Message(Section):
    """What everybody gets. Subject, addresses and header values are Jinja2 templates."""

    from_: str = Field(alias="from", examples=["Ada Lovelace <ada@example.com>"])
    """The author, name and address."""
    reply_to: str = ""
    """Where answers go; empty: to `from`."""
    sender: str = ""
    """Envelope sender (MAIL FROM), where bounces go; empty: the address of `from`."""
    subject: str = Field(min_length=1, examples=["{{ first_name }}, your plan renews"])
    """The subject, a template."""
    subjects: dict[str, str] = Field(
        default={},
        examples=[{"zh": "{{ first_name }}，续订提醒"}],  # noqa: RUF001
    )
    """Subjects in other languages, by the recipient's locale."""
    text: str = ""
    """Template file of the text part; made from the HTML where absent."""
    html: str = ""
    """Template file of the HTML part."""
    markdown: str = ""
    """Template file in Markdown, from which text and HTML are made."""
    calendar: str = ""
    """Template file of an invitation, sent as text/calendar."""
    templates: Strings = Field(default=(), examples=[["../shared", "footer.html"]])
    """Folders and files, relative to campaign.toml, that the templates may include and extend,
    beside the folder they lie in and folders called `templates`."""
    inline: dict[str, str] = Field(default={}, examples=[{"logo": "logo.png"}])
    """Images shown inside the HTML: name = file; the HTML says src="cid:name"."""
    attachments: Strings = Field(default=(), examples=[["terms.pdf", "invoices/{{ invoice }}.pdf"]])
    """Files sent along, relative to campaign.toml; a path with {{ }} is one for each recipient."""
    headers: dict[str, str] = Field(default={}, examples=[{"Feedback-ID": "spring:example"}])
    """Header fields to add; the value is a template."""
    inline_css: bool = False
    """Copy the rules of `<style>` into style attributes, for mail clients that ignore it."""

    def rules(self) -> Iterator[RuleError]:
        if not (self.text or self.html or self.markdown):
            yield RuleError(
                "the message has no body",
                'name a template file: text = "body.txt", html = "body.html", or markdown',
                *("text", "html", "markdown"),
            )
        elif self.inline and not (self.html or self.markdown):
            yield RuleError(
                "inline names images, and the letter has no HTML to show them in",
                "name an `html` template, or send them as `attachments`",
                "inline",
            )


Secrets = Annotated[
    tuple[Secret, ...],
    BeforeValidator(as_list, json_schema_input_type=Secret | list[Secret]),
]


class Unsubscribe(Section):
    """List-Unsubscribe (RFC 2369) and its one-click form (RFC 8058)."""

    url: str = ""
    """Page that takes one-click unsubscribes; a token for each recipient is added."""
    mailto: str = ""
    """Address that takes unsubscribes by mail."""
    secret: Secrets = ()
    """Key of the tokens, so that nobody can unsubscribe others; needed with `url`. Of several the
    first signs and all are read: put a new one first, and keep the old ones."""
    list: str = Field(
        default="*",
        pattern=r"^(\*|[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?)$",
        examples=["newsletter"],
    )
    """Lasting name of what one leaves, the same in all campaigns that go to it: small letters,
    digits, "-" and ".", at most 32; "*": who unsubscribes gets no campaign of yours any more."""

    def rules(self) -> Iterator[RuleError]:
        if not (self.url or self.mailto):
            yield RuleError(
                "[unsubscribe] leads nowhere", "name url, mailto or both", "url", "mailto"
            )
        if self.url and not self.url.startswith("https://"):
            yield RuleError(
                f"'{self.url}' is not https", "one-click needs https:// (RFC 8058)", "url"
            )
        if self.url and not self.secret:
            yield RuleError(
                "url needs a secret, so that nobody can unsubscribe others",
                'add secret = { env = "CAMPAIGN_SECRET" }',
                *("url", "secret"),
            )


class Tls(Section):
    """A certificate with its key."""

    cert: str = Field(examples=["client.pem"])
    """Certificate file (PEM), relative to campaign.toml."""
    key: str = Field(examples=["client.key"])
    """File of its private key (PEM)."""


class Relay(Section):
    """A server that takes our mail. Several are written [[relay]]."""

    host: RelayHost = Field(min_length=1, examples=["smtp.example.com"])
    """Its name or address."""
    port: int = Field(default=587, ge=1, le=65535)
    """587 submission, 465 with security = "tls", 25 between servers."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """"starttls" and "tls" verify the certificate; "none" sends in clear text."""
    username: str = ""
    """Name to log in with; empty: no login."""
    password: Secret | None = None
    """Its password."""
    token: Secret | None = None
    """Access token for xoauth2 and oauthbearer, fetched anew for each connection."""
    auth: Literal[
        "auto", "plain", "login", "cram-md5", "scram-sha-256", "xoauth2", "oauthbearer"
    ] = "auto"
    """How to log in; "auto" takes the strongest that the server offers."""
    allow_cleartext_login: bool = False
    """Send the password without encryption, to a host that is not this one."""
    client_certificate: Tls | None = None
    """Certificate to show to the server."""
    ca_file: str = ""
    """Certificates to trust instead of the system's (PEM)."""
    hello: HostName = ""
    """Name given in EHLO; empty: this host's name, or its address literal."""
    connections: int = Field(default=10, ge=1, le=1000)
    """Connections open at the same time, at most."""
    messages_per_connection: int = Field(default=100, ge=1)
    """Messages after which a connection is closed and opened anew."""
    rates: Rates = Field(default=(), examples=[["50/s", "100000/day"]])
    """Limits on messages, all of which hold; empty: none."""
    weight: int = Field(default=1, ge=1)
    """Share of the messages among several relays."""
    notify: tuple[Literal["never", "success", "failure", "delay"], ...] = ()
    """Delivery reports to ask for (DSN, RFC 3461)."""
    ret: Literal["", "full", "hdrs"] = ""
    """What a report returns: the "full" message or its headers ("hdrs")."""

    def rules(self) -> Iterator[RuleError]:
        secret = "token" if self.token else "password" if self.password else ""
        if secret and not self.username:
            yield RuleError(
                f"{secret} without a username", 'add username = "..."', secret, "username"
            )
        if self.username and not secret:
            yield RuleError(
                "username without a password",
                'add password = { env = "SMTP_PASSWORD" }, or a token',
                *("username", "password", "token"),
            )
        here = self.host in {"localhost", "127.0.0.1", "::1"}
        if secret and self.security == "none" and not (here or self.allow_cleartext_login):
            yield RuleError(
                f"the {secret} would travel in clear text",
                'use security = "starttls" or "tls", or say allow_cleartext_login = true',
                *("security", "host", "password", "token", "allow_cleartext_login"),
            )


class Direct(Section):
    """Instead of [relay]: straight to the mail servers (MX) of each domain."""

    hello: HostName = Field(min_length=1, examples=["mail.example.com"])
    """Name given in EHLO; it should resolve to this host, and this host's address to it."""
    connections: int = Field(default=10, ge=1, le=1000)
    """Connections to one provider at the same time, at most."""
    rates: Rates = Field(default=(), examples=[["50/s", "100000/day"]])
    """Limits on all messages together, all of which hold; [limits] has those by provider."""
    port: int = Field(default=25, ge=1, le=65535)
    """Port of the mail servers; other than 25 only in tests."""
    allow_private: bool = False
    """Deliver to loopback and private addresses too."""


class Limit(Section):
    """By recipient provider, through a relay or direct: [limits."gmail.com"]."""

    rates: Rates = Field(default=(), examples=[["20/s", "50000/day"]])
    """Limits on messages, all of which hold."""
    connections: int | None = Field(default=None, ge=1)
    """Connections to this provider at the same time, at most."""
    messages_per_connection: int | None = Field(default=None, ge=1)
    """Messages after which a connection is closed."""


class Delivery(Section):
    """Retries and doubt."""

    in_doubt: Literal["resend", "hold"] = "resend"
    """A connection that was lost after the last byte leaves a recipient in doubt: "resend"
    risks a second copy, "hold" risks none arriving and asks you."""
    retry: tuple[Duration, ...] = Field(
        default=(300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0),
        min_length=1,
        examples=[["5m", "30m", "2h"]],
    )
    """Waits between attempts for one recipient; the last one repeats until `expire_after`."""
    expire_after: Duration = Field(default=86400.0, examples=["24h"])
    """A recipient not reached this long after the first attempt is given up: "expired"."""


class Dkim(Section):
    """A signature (RFC 6376). Several are written [[dkim]]; a letter carries one of each."""

    domain: str = Field(min_length=1, examples=["example.com"])
    """Domain that signs (d=)."""
    selector: Selector = Field(examples=["s1"])
    """Selector (s=); the public key stands in DNS at SELECTOR._domainkey.DOMAIN."""
    key: Secret = Field(examples=[{"file": "dkim.pem"}])
    """Private key (PEM), RSA or Ed25519. Only processes that sign read it."""
    valid_for: Duration | None = Field(default=None, examples=["14d"])
    """How long the signature holds (x=); left out: for ever."""


class JournalSettings(Section):
    """Where the outcomes are kept."""

    url: JournalUrl = JOURNAL_URL
    """sqlite:/// and a path relative to campaign.toml, or postgresql+psycopg://..."""


class Suppression(Section):
    """Who must not be written to: one store for all campaigns that name the same."""

    url: StoreUrl = Field(default="", examples=["sqlite:///../suppression.sqlite"])
    """sqlite:/// and a path relative to campaign.toml, or postgresql+psycopg://...; empty:
    suppression.sqlite beside the journal, or the journal's database in PostgreSQL."""
    soft: SoftBounces = Field(
        default="5 in a row within 90d",
        validate_default=True,
        examples=["3 campaigns or 5 in a row within 90d"],
    )
    """How many letters that a mailbox did not take, being full, refusing or not reached in time,
    suppress its address, if none was accepted between; "never" counts none. One hard bounce, and
    one complaint, suppress at once."""
    keep: Duration | None = Field(default=None, examples=["365d"])
    """How long a hard bounce or soft bounces suppress; left out: for good."""


class Bounces(Section):
    """How bounces find their way back."""

    envelope_from: str = Field(default="", examples=["b+{token}@b.example.com"])
    """Envelope sender (MAIL FROM) of its own for each letter, `{token}` being 32 letters and
    digits that are signed and name the letter; empty: the same for all."""


class Dns(Section):
    """Which servers answer questions about domains."""

    nameservers: Strings = Field(default=(), examples=[["9.9.9.9"]])
    """Their addresses; empty: the system's."""
    timeout: Duration = Field(default=5.0, examples=["5s"])
    """How long one question may take."""


class Settings(Section):
    """The whole of campaign.toml."""

    name: str = Field(pattern=r"^[a-z0-9-]+$", max_length=64, examples=["spring-renewal"])
    """Name of the campaign: small letters, digits and "-"."""
    recipients: Recipients
    message: Message
    unsubscribe: Unsubscribe | None = None
    relay: Annotated[
        tuple[Relay, ...],
        BeforeValidator(as_list, json_schema_input_type=Relay | list[Relay]),
    ] = ()
    direct: Direct | None = None
    limits: dict[str, Limit] = {}
    delivery: Delivery = Delivery()
    dkim: Annotated[
        tuple[Dkim, ...],
        BeforeValidator(as_list, json_schema_input_type=Dkim | list[Dkim]),
    ] = ()
    journal: JournalSettings = JournalSettings()
    dns: Dns = Dns()
    suppression: Suppression = Suppression()
    bounces: Bounces = Bounces()

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
        if self.relay and self.direct:
            yield RuleError(
                "[relay] and [direct] exclude each other", "keep one", "direct", "relay"
            )
