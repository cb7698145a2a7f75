"""[relay], [direct], [limits], [delivery], [dns]: how letters leave.

In: plain dicts from TOML.  Out: frozen pydantic models.  Touches: nothing; files and secrets are
looked at by `checks` and `secrets`.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from campaign.config.settings.section import RuleError, Secret, Section
from campaign.config.values import (
    Duration,
    HostName,
    Rates,
    RelayHost,
    SourceAddress,
    Strings,
    Switch,
    Whole,
    as_list,
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
    port: Whole = Field(default=587, ge=1, le=65535)
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
    allow_cleartext_login: Switch = False
    """Send the password without encryption, to a host that is not this one."""
    client_certificate: Tls | None = None
    """Certificate to show to the server."""
    ca_file: str = ""
    """Certificates to trust instead of the system's (PEM)."""
    hello: HostName = ""
    """Name given in EHLO; empty: this host's name, or its address literal."""
    source: SourceAddress | None = Field(default=None, examples=["192.0.2.10"])
    """Address of this host that connections come from; absent: the system chooses."""
    connections: Whole = Field(default=10, ge=1, le=1000)
    """Connections open at the same time, at most."""
    messages_per_connection: Whole = Field(default=100, ge=1)
    """Messages after which a connection is closed and opened anew."""
    rates: Rates = Field(default=(), examples=[["50/s", "100000/day"]])
    """Limits on messages, all of which hold; empty: none."""
    weight: Whole = Field(default=1, ge=1)
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
        if self.source and _family(self.host) not in (0, _family(self.source)):
            yield RuleError(
                f"{self.source} cannot connect to {self.host}: one is IPv4, the other IPv6",
                "write a source of the relay's kind, or the relay's name as host",
                *("source", "host"),
            )
        here = self.host in {"localhost", "127.0.0.1", "::1"}
        if secret and self.security == "none" and not (here or self.allow_cleartext_login):
            yield RuleError(
                f"the {secret} would travel in clear text",
                'use security = "starttls" or "tls", or say allow_cleartext_login = true',
                *("security", "host", "password", "token", "allow_cleartext_login"),
            )


def _family(host: str) -> int:
    """4 or 6; 0 for a name, which may have addresses of both kinds."""
    try:
        return ip_address(host).version
    except ValueError:
        return 0


class SendingAddress(Section):
    """An address of this host that connections come from."""

    address: SourceAddress = Field(examples=["192.0.2.10"])
    """IPv4 or IPv6; it connects only to servers that have an address of the same kind."""
    hello: HostName = Field(default="", examples=["mx1.example.com"])
    """Name given in EHLO from this address; empty: hello of [direct]."""


def _as_table(value: Any) -> Any:
    return {"address": value} if isinstance(value, str) else value


SourceEntry = Annotated[
    SendingAddress, BeforeValidator(_as_table, json_schema_input_type=str | SendingAddress)
]
SourceEntries = Annotated[
    tuple[SourceEntry, ...],
    BeforeValidator(
        as_list, json_schema_input_type=str | SendingAddress | list[str | SendingAddress]
    ),
]


class Direct(Section):
    """Instead of [relay]: straight to the mail servers (MX) of each domain."""

    hello: HostName = Field(min_length=1, examples=["mail.example.com"])
    """Name given in EHLO; it should resolve to this host, and this host's address to it."""
    addresses: SourceEntries = Field(
        default=(), min_length=1, examples=[["192.0.2.10", "2001:db8::10"]]
    )
    """Addresses of this host to send from, each with rates, limits and day quotas of its own;
    with a name for EHLO: `{ address = "192.0.2.10", hello = "mx1.example.com" }`. Absent: the
    system chooses."""
    connections: Whole = Field(default=10, ge=1, le=1000)
    """Connections to one provider at the same time, at most (from each address)."""
    rates: Rates = Field(default=(), examples=[["50/s", "100000/day"]])
    """Limits on all messages together (of each address), all of which hold; [limits] has those
    by provider."""
    port: Whole = Field(default=25, ge=1, le=65535)
    """Port of the mail servers; other than 25 only in tests."""
    allow_private: Switch = False
    """Deliver to loopback and private addresses too."""

    def rules(self) -> Iterator[RuleError]:
        known: set[str] = set()
        for source in self.addresses:
            if source.address in known:
                yield RuleError(
                    f"{source.address} stands twice in addresses", "keep one of them", "addresses"
                )
            known.add(source.address)

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """Address ("": the system's choice) and name for EHLO of each, at least one."""
        each = tuple((source.address, source.hello or self.hello) for source in self.addresses)
        return each or (("", self.hello),)


class Limit(Section):
    """By recipient provider, through a relay or direct: [limits."gmail.com"]."""

    rates: Rates = Field(default=(), examples=[["20/s", "50000/day"]])
    """Limits on messages, all of which hold."""
    connections: Whole | None = Field(default=None, ge=1)
    """Connections to this provider at the same time, at most."""
    messages_per_connection: Whole | None = Field(default=None, ge=1)
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


class Dns(Section):
    """Which servers answer questions about domains."""

    nameservers: Strings = Field(default=(), examples=[["9.9.9.9"]])
    """Their addresses; empty: the system's."""
    timeout: Duration = Field(default=5.0, examples=["5s"])
    """How long one question may take."""
