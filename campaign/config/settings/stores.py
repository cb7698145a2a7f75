"""[journal], [fleet], [suppression], [bounces], [check], [postmaster]: what is remembered, and what
comes back.

In: plain dicts from TOML.  Out: frozen pydantic models.  Touches: nothing; files and secrets are
looked at by `checks` and `secrets`.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from campaign.config.reading import JOURNAL_URL
from campaign.config.settings.section import RuleError, Secret, Secrets, Section
from campaign.config.values import (
    BlockLists,
    Duration,
    HookUrl,
    JournalUrl,
    Percent,
    PublicKeys,
    SoftBounces,
    StoreUrl,
    Switch,
    TopicArns,
)

_SOME_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErpmZpZQITlppEYDX9+TG8J782+"
    "WmeAwCWyeAWc9ydQr+qnslDHRK3vyDic1/WuNtoiqacW6gCLc9JCLBlfoAsg=="
)


KEEP_S = 90 * 86400.0  # how long an open campaign keeps settled letters in its journal


class JournalSettings(Section):
    """Where the outcomes are kept."""

    url: JournalUrl = JOURNAL_URL
    """sqlite:/// and a path relative to campaign.toml, or postgresql+psycopg://USER@HOST/DATABASE.
    A server's password stands in ~/.pgpass, or in the variable PGPASSWORD, never here."""
    keep: Duration | None = Field(default=None, ge=2 * 86400, examples=["90d"])
    """Of an open campaign: letters that were settled longer ago move from the journal into an
    archive of their month beside it; 90d where nothing is written."""


class Fleet(Section):
    """Several workers that send one campaign: `campaign work`, with the journal in PostgreSQL."""

    lease: Duration = Field(default=15.0, ge=1.0, le=600.0)
    """A worker that is silent for so long is taken for dead, and others go on with its part."""
    dask: str = Field(default="", pattern=r"^((tcp|tls)://.+)?$", examples=["tcp://b0:8786"])
    """Scheduler of a Dask cluster whose workers `--fleet` uses, of `campaign run`, `plan` and
    `check`; empty: processes of this machine."""


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


class SesEvents(Section):
    """Amazon SES, which tells through topics of SNS."""

    topics: TopicArns = Field(examples=[["arn:aws:sns:eu-west-1:123456789012:bounces"]])
    """The topics that are heard."""


class SendgridEvents(Section):
    """Twilio SendGrid."""

    public_key: PublicKeys = Field(examples=[_SOME_KEY])
    """Key of the Signed Event Webhook, as SendGrid shows it; a list of keys rotates."""


class MailgunEvents(Section):
    """Mailgun."""

    signing_key: Secrets = Field(examples=[{"env": "MAILGUN_SIGNING_KEY"}])
    """The HTTP webhook signing key; a list of keys rotates."""


class PostmarkEvents(Section):
    """Postmark, which signs nothing."""

    secret: Secrets = Field(examples=[{"env": "POSTMARK_SECRET"}])
    """Stands in the url of the webhook; a list of secrets rotates."""


class Bounces(Section):
    """How bounces find their way back."""

    envelope_from: str = Field(default="", examples=["b+{token}@b.example.com"])
    """Envelope sender (MAIL FROM) of its own for each letter, `{token}` being 32 letters and
    digits that are signed and name the letter; empty: the same for all."""
    source: str = Field(default="", examples=["imaps://bounces@example.com/INBOX"])
    """What `campaign bounces` reads when it is given nothing: a Maildir, an mbox, a folder of .eml
    files, relative to campaign.toml, or imaps://USER@HOST:PORT/FOLDER (imap:// begins in clear text
    and turns to TLS). An @ within USER is written %40."""
    password: Secret | None = None
    """Password of that mailbox."""
    token: Secret | None = None
    """Access token of that mailbox (XOAUTH2), fetched anew for each connection."""
    ca_file: str = ""
    """Certificates to trust instead of the system's (PEM)."""
    stop_bounces: Percent = Field(default="5%", validate_default=True)
    """A run stops where more of the letters that were accepted within 24 hours have bounced for
    good, and at least 20."""
    stop_complaints: Percent = Field(default="0.3%", validate_default=True)
    """A run stops where more of them were marked as spam, and at least 5. "100%" never stops."""
    ses: SesEvents | None = None
    """What `campaign serve` takes at /events/ses."""
    sendgrid: SendgridEvents | None = None
    """What it takes at /events/sendgrid."""
    mailgun: MailgunEvents | None = None
    """What it takes at /events/mailgun."""
    postmark: PostmarkEvents | None = None
    """What it takes at /events/postmark."""

    def rules(self) -> Iterator[RuleError]:
        if self.password and self.token:
            yield RuleError(
                "password and token in [bounces] exclude each other",
                "keep one",
                "token",
                "password",
            )


class CheckSettings(Section):
    """What `campaign check` has to say before a run."""

    required: Switch = False
    """`run` refuses without a check of this very plan, from the last day and not `--offline`, that
    found no fail."""
    block_lists: BlockLists = Field(
        default=(), examples=[["zen.spamhaus.org", "dbl.spamhaus.org", "domain:list.example.net"]]
    )
    """Block lists to ask about our addresses, or about our domains: of those that are known to list
    domains, and where "domain:" stands before the name. Most answer a resolver of your own only."""


class Postmaster(Section):
    """What providers tell senders of their reputation, for `campaign check`."""

    google: Secret | None = Field(
        default=None, examples=[{"command": "gcloud auth print-access-token"}]
    )
    """An access token (OAuth 2) for Gmail's Postmaster Tools, with the scope
    postmaster.traffic.readonly, fetched anew for each check."""
    google_url: HookUrl = "https://gmailpostmastertools.googleapis.com"
    """Where that API is."""
    snds: Secret | None = Field(default=None, examples=[{"env": "SNDS_KEY"}])
    """The key of the automated data access of Microsoft's SNDS, or its whole link, which ends after
    30 days."""
    snds_url: HookUrl = "https://sendersupport.olc.protection.outlook.com/snds/data.aspx"
    """Where its data are, for a key alone."""
