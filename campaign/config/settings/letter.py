"""[recipients], [message], [unsubscribe], [[dkim]]: who gets what, and how it is signed.

In: plain dicts from TOML.  Out: frozen pydantic models.  Touches: nothing; files and secrets are
looked at by `checks` and `secrets`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from campaign.config.settings.section import RuleError, Secret, Secrets, Section
from campaign.config.values import (
    LIST_NAME,
    ColumnName,
    Delimiter,
    Duration,
    EarlierLists,
    Encoding,
    Locale,
    Selector,
    Size,
    Strings,
    Switch,
)


class Recipients(Section):
    """The list: who gets the message."""

    files: Strings = Field(default=(), examples=[["recipients.csv"]])
    """Recipient files, relative to campaign.toml; `*`, `?` and `**` are globs.
    .csv .tsv .xlsx .parquet, also with .gz. An open campaign has none."""
    address: ColumnName = Field(default="email", min_length=1)
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
    exclude: EarlierLists = Field(default=(), examples=[["../spring", "../summer: complained"]])
    """People of earlier campaigns who get no letter of this one, looked up when the plan is made.
    A folder means who got its letter; behind it ": bounced", ": clicked" or another event or state
    narrows that, and ": not clicked" turns it round."""
    only: EarlierLists = Field(default=(), examples=["../spring: not clicked"])
    """People of earlier campaigns who alone get a letter of this one; with several entries, those
    whom all of them mean."""
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


class MessageSettings(Section):
    """What everybody gets. Subject, addresses and header values are Jinja2 templates."""

    from_: str = Field(alias="from", examples=["Ada Lovelace <ada@example.com>"])
    """The author, name and address."""
    reply_to: str = ""
    """Where answers go; empty: to `from`."""
    sender: str = ""
    """Envelope sender (MAIL FROM), where bounces go; empty: the address of `from`."""
    subject: str = Field(default="", examples=["{{ first_name }}, your plan renews"])
    """The subject, a template; the letters of an open campaign have theirs in [template]."""
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
    inline_css: Switch = False
    """Copy the rules of `<style>` into style attributes, for mail clients that ignore it."""

    @property
    def has_body(self) -> bool:
        return bool(self.text or self.html or self.markdown)

    def rules(self) -> Iterator[RuleError]:
        if self.inline and (self.text or self.calendar) and not (self.html or self.markdown):
            yield RuleError(
                "inline names images, and the letter has no HTML to show them in",
                "name an `html` template, or send them as `attachments`",
                "inline",
            )


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
        pattern=rf"^(\*|{LIST_NAME})$",
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
