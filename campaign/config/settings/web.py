"""The tables of the web side: what is served, and whom we tell.

In: plain dicts from TOML.  Out: frozen pydantic models.  Touches: nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from campaign.config.settings.outlets import Tls
from campaign.config.settings.section import RuleError, Secret, Secrets, Section
from campaign.config.values import (
    LIST_NAME,
    HookUrl,
    Listen,
    Strings,
    Switch,
    Titles,
    as_list,
)


class ApiKey(Secret):
    """A key of the API; it is compared with what the application sends."""

    env: str | None = None
    """Name of an environment variable that holds it."""
    file: str | None = None
    """File that holds it, relative to campaign.toml; only its owner may read it (mode 600)."""
    command: str | None = None
    """Command that prints it, run without a shell: "pass show shop/key"."""
    templates: Strings = Field(default=(), examples=[["receipt", "code"]])
    """The only templates that it may ask for; empty: all."""
    label: str = Field(default="", max_length=64, examples=["shop"])
    """Name of the application that has it. Keys with the same label are one application: so a key
    is replaced, and its Idempotency-Keys stay; empty: a digest of the key."""


class Serve(Section):
    """The pages behind the links in letters: `campaign serve`."""

    listen: Listen = "127.0.0.1:8025"
    """Address and port, or "unix:" and the path of a socket; a web server with a certificate
    stands in front."""
    title: str = Field(default="", examples=["Example Ltd"])
    """Name of the sender, on top of each page."""
    lists: dict[str, Titles] = Field(
        default={},
        examples=[{"newsletter": "Monthly newsletter", "offers": {"en": "Offers", "zh": "优惠"}}],
    )
    """Lists that a person can choose among, by their names in [unsubscribe], each with its title
    or with one for each language; left out, there is no page to choose on."""
    languages: str = Field(default="", examples=["pages"])
    """Folder of further languages of the pages, a TOML file each: de.toml."""
    proxies: Strings = ("127.0.0.1", "::1")
    """Addresses and networks of web servers in front whose X-Forwarded-For is believed."""

    certificate: Tls | None = None
    """Certificate that `campaign serve --smtp` shows (STARTTLS)."""
    api_keys: Annotated[
        tuple[ApiKey, ...],
        BeforeValidator(as_list, json_schema_input_type=ApiKey | list[ApiKey]),
    ] = Field(default=(), examples=[[{"env": "CAMPAIGN_API_KEY", "templates": ["receipt"]}]])
    """Keys of `campaign serve --api`, each of which may be held to some templates."""

    def rules(self) -> Iterator[RuleError]:
        for name, titles in self.lists.items():
            if not re.fullmatch(LIST_NAME, name):
                yield RuleError(
                    f"'{name}' cannot be the name of a list",
                    "write it as in [unsubscribe] list: small letters, digits, hyphens, dots",
                    "lists",
                )
            if not titles or not all(title.strip() for title in titles.values()):
                yield RuleError(
                    f"the list {name} has no title", f'write {name} = "Monthly newsletter"', "lists"
                )


class Webhook(Section):
    """Somebody who is told what happens to letters: [[webhook]], one table for each."""

    url: HookUrl = Field(examples=["https://example.com/hooks/mail"])
    """Where it is told, by POST; https, unless `allow_private` is true."""
    secret: Secrets = Field(min_length=1, examples=[{"env": "HOOK_SECRET"}])
    """Secret that both sides know ("whsec_..."), which each message is signed with (Standard
    Webhooks); of a list all sign, so that one can take the place of another."""
    events: tuple[
        Literal[
            "sent", "deferred", "failed", "held", "expired", "suppressed",
            "bounced", "complained", "unsubscribed",
        ],
        ...,
    ] = Field(min_length=1, examples=[["bounced", "complained", "unsubscribed"]])  # fmt: skip
    """What is told."""
    allow_private: Switch = False
    """Tell it to loopback and private addresses too, also without TLS."""

    def rules(self) -> Iterator[RuleError]:
        if urlsplit(self.url).scheme != "https" and not self.allow_private:
            yield RuleError(
                "addresses of recipients would travel in clear text to this webhook",
                "write https://, or allow_private = true for one in your own network",
                "url",
                "allow_private",
            )
