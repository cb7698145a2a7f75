"""The kinds of value that campaign.toml has, read from text: durations, rates, sizes, names.

In: one value from TOML.  Out: the value the model holds.  Touches: nothing.

Each check raises ValueError("what is wrong; what to write instead"), as `campaign.units` does.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import unicodedata
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Strict

from campaign.config.earlier import read_earlier
from campaign.languages import fallback_chain
from campaign.records import SoftPolicy
from campaign.units import Rate, read_duration, read_rate, read_size

_SECRET_PARAMETERS = {"password", "sslpassword"}  # of libpq


def _duration(value: Any) -> Any:
    if isinstance(value, int):  # 24 what?  A float is seconds, as read_duration gives them
        raise ValueError(f'{value} has no unit; write "{value}s", "{value}m" or "{value}h"')
    return read_duration(value) if isinstance(value, str) else value


def _rate(value: Any) -> Any:
    if isinstance(value, int | float):
        raise ValueError(f'{value} is not a rate; write a number per unit: "{value}/s"')
    return read_rate(value) if isinstance(value, str) else value


def _size(value: Any) -> Any:
    size = read_size(value) if isinstance(value, str) else value
    if isinstance(size, int) and size < 1:
        raise ValueError(f'{value} leaves no room; write a size: "500KB", "10MB"')
    return size


def as_list(value: Any) -> Any:
    """What may stand alone or in a list, as a list."""
    return [value] if isinstance(value, str | dict) else value


def as_default(value: Any) -> Any:
    """A zone that stands alone is the one of everybody."""
    return {"default": value} if isinstance(value, str) else value


def as_ladder(value: Any) -> Any:
    """A ladder by its name, by the messages of each day, or by how it grows."""
    if isinstance(value, str):
        return {"name": value}
    return {"days": value} if isinstance(value, list) else value


def _moment(value: Any) -> Any:
    if not isinstance(value, datetime):
        raise ValueError(
            f"{value} is not a moment; write a date, a time and an offset without quotes:"
            " 2026-12-01T09:00:00+08:00"
        )
    if value.tzinfo is None:
        raise ValueError(
            f"{value.isoformat()} does not say in which time zone; add an offset:"
            f" {value.isoformat()}+08:00, or Z for UTC"
        )
    return value


_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def _percent(value: Any) -> Any:
    """ "0.3%" as a share, 0.003."""
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if isinstance(value, bool | int | str) and not found:
        raise ValueError(f"'{value}' is not a percentage; write \"0.3%\"")
    share = float(found[1]) / 100 if found else value
    if isinstance(share, float) and share > 1:
        raise ValueError(f"'{value}' is more than all; write at most \"100%\"")
    return share


_SOFT = re.compile(
    r"(?:(?P<campaigns>\d+) campaigns)?(?: or )?(?:(?P<row>\d+) in a row)?(?: within (?P<span>.+))?"
)


def _soft_policy(value: Any) -> Any:
    """ "5 in a row within 90d", "3 campaigns or 5 in a row", "never"."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    if text == "never":
        return SoftPolicy(0, 0)
    found = _SOFT.fullmatch(text)
    numbers = [int(found[name] or 0) for name in ("row", "campaigns")] if found else [0, 0]
    if not found or not any(numbers) or text.startswith("or ") or " or within" in text:
        raise ValueError(
            f"'{value}' does not say how many soft bounces suppress;"
            ' write "5 in a row within 90d", "3 campaigns or 5 in a row", or "never"'
        )
    within_s = read_duration(found["span"]) if found["span"] else math.inf
    return SoftPolicy(numbers[0], numbers[1], within_s)


def _encoding(value: str) -> str:
    if value != "auto":
        try:
            " ".encode(value)  # knows text codecs from others, such as base64
        except LookupError:
            raise ValueError(
                f'\'{value}\' is not an encoding; write "auto", "utf-8", "gb18030", "cp1252" ...'
            ) from None
    return value


def _delimiter(value: str) -> str:
    if value != "auto" and len(value) != 1:
        raise ValueError(
            f'\'{value}\' is not a delimiter; write "auto" or one character: "," "\\t" "|"'
        )
    return value


def _journal_url(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql")):
        raise ValueError(  # the value is not shown: it may hold a password
            "this names no journal; write sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
        )
    _refuse_password(value)
    return value


def _store_url(value: str) -> str:
    if value and not value.startswith(("sqlite:///", "postgresql")):
        raise ValueError(
            "this names no store; write sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
        )
    _refuse_password(value)
    return value


def _refuse_password(url: str) -> None:
    parts = urlsplit(url)
    named = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if parts.password is not None or named & _SECRET_PARAMETERS:
        raise ValueError(
            "this holds a password in clear; put it into ~/.pgpass, or into the file that"
            " PGPASSFILE names, or into the variable PGPASSWORD"
        )
    try:
        parts.port  # noqa: B018 - reading it is what raises
    except ValueError:
        raise ValueError("the port is not a number; write USER@HOST:5432/DATABASE") from None


def _hook_url(value: str) -> str:
    parts = urlsplit(value)
    try:
        is_whole = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_whole = False
    if parts.scheme not in ("https", "http") or not is_whole or not value.isascii():
        raise ValueError("this is not the url of a web server; write https://example.com/hooks")
    if any(char <= " " or char == "\x7f" for char in value):
        raise ValueError("this url has a space or a line break; write %20 for a space")
    if parts.username is not None or parts.password is not None:
        raise ValueError("this url holds a login; webhooks are signed, leave out what is before @")
    if parts.fragment:
        raise ValueError("a server never sees what stands behind #; leave it out")
    return value


def _block_lists(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        zone = value.strip().removeprefix("domain:").rstrip(".")
        if not re.fullmatch(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+", zone):
            raise ValueError(f"'{value}' is not a block list; write its zone: zen.spamhaus.org")
    return values


def _locale(value: str) -> str:
    if value and not any(fallback_chain(value)):
        raise ValueError(f"'{value}' is not a language; write a tag such as zh, zh-TW, de or en-GB")
    return value


def _host_name(value: str) -> str:
    """What may stand in EHLO or name a server: letters, digits, "-", ".", or [address literal]."""
    if not all(char.isalnum() or char in "-._:[]" for char in value):
        raise ValueError(
            f"'{value}' is not a host name; write a name like mail.example.com, or an address"
        )
    return value


def _source_address(value: str) -> str:
    """An IP address that a host may have, in its usual form."""
    try:
        address = ip_address(value)
    except ValueError:
        address = None
    if address is None or "%" in value:
        raise ValueError(
            f"'{value}' is not an IP address; write an address of this host,"
            ' such as "192.0.2.10" or "2001:db8::10"'
        )
    if address.is_unspecified or address.is_multicast:
        raise ValueError(f"{value} is not the address of one host; leave it out, or write another")
    return str(address)


def _relay_host(value: str) -> str:
    """A server's name or address without a port; an IPv6 address may stand in brackets."""
    host, colon, port = value.rpartition(":")
    if colon and port.isdecimal() and (host.endswith("]") or ":" not in host):
        raise ValueError(f"'{value}' has a port; write the host alone, and port = {port} below it")
    if value.startswith("[") and value.endswith("]"):
        return value[1:-1]
    return value


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")  # RFC 6376, 3.1: sub-domain


def read_selector(value: str) -> str:
    """The name of a DKIM key."""
    if not _SELECTOR.fullmatch(value) or len(value) > 63:
        raise ValueError(f"'{value}' is not a selector; write letters, digits, hyphens: \"s1\"")
    return value.lower()


Selector = Annotated[str, AfterValidator(read_selector)]


def _earlier(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        read_earlier(each)
    return value


_TOPIC = re.compile(r"arn:aws(?:-[a-z]+)*:sns:[a-z0-9-]{3,40}:\d{12}:[A-Za-z0-9_.-]{1,256}")


def _topic_arns(value: tuple[str, ...]) -> tuple[str, ...]:
    for topic in value:
        if not _TOPIC.fullmatch(topic):
            raise ValueError(
                f"'{topic}' is not the name of an SNS topic;"
                ' write "arn:aws:sns:eu-west-1:123456789012:bounces"'
            )
    return value


def _public_keys(value: tuple[str, ...]) -> tuple[str, ...]:
    """SubjectPublicKeyInfo in base64; whether it is a key for ECDSA is seen by who uses it."""
    for key in value:
        try:
            is_key = base64.b64decode(key, validate=True)[:1] == b"\x30"
        except binascii.Error:
            is_key = False
        if not is_key:
            raise ValueError(
                f"'{key[:40]}' is not a public key; copy it from SendGrid: \"MFkwEwYHKoZIzj0...\""
            )
    return value


LIST_NAME = r"[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?"  # what one leaves
_LISTEN = re.compile(r"unix:/.+|(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(?P<port>\d{1,5})")


def read_listen(value: str) -> str:
    """Where a server listens: "127.0.0.1:8025", "[::1]:8025", "unix:/run/campaign/serve.sock"."""
    found = _LISTEN.fullmatch(value)
    if not found or int(found["port"] or 0) > 65535:
        raise ValueError(
            f"'{value}' is not a place to listen;"
            ' write "127.0.0.1:8025", "[::1]:8025" or "unix:/run/campaign/serve.sock"'
        )
    return value


def _titles(value: Any) -> Any:
    """One title, or a title for each language, by its tag; "" is all languages."""
    return {"": value} if isinstance(value, str) else value


def _composed(value: str) -> str:
    return unicodedata.normalize("NFC", value)


# As TOML writes them: "587" and 1 would otherwise pass for 587 and true, which the schema refuses.
Whole = Annotated[int, Strict()]
Switch = Annotated[bool, Strict()]
Duration = Annotated[float, BeforeValidator(_duration, json_schema_input_type=str)]
RateText = Annotated[Rate, BeforeValidator(_rate, json_schema_input_type=str)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
SoftBounces = Annotated[SoftPolicy, BeforeValidator(_soft_policy, json_schema_input_type=str)]
Percent = Annotated[float, BeforeValidator(_percent, json_schema_input_type=str)]
Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=str | int)]
Strings = Annotated[
    tuple[str, ...],
    BeforeValidator(as_list, json_schema_input_type=str | list[str]),
]
Rates = Annotated[
    tuple[RateText, ...],
    BeforeValidator(as_list, json_schema_input_type=str | list[str]),
]
BlockLists = Annotated[Strings, AfterValidator(_block_lists)]
TopicArns = Annotated[Strings, AfterValidator(_topic_arns)]
PublicKeys = Annotated[Strings, AfterValidator(_public_keys)]
EarlierLists = Annotated[Strings, AfterValidator(_earlier)]
ColumnName = Annotated[str, AfterValidator(_composed)]
HostName = Annotated[str, AfterValidator(_host_name)]
SourceAddress = Annotated[str, AfterValidator(_source_address)]
RelayHost = Annotated[HostName, AfterValidator(_relay_host)]
Listen = Annotated[str, AfterValidator(read_listen)]
Titles = Annotated[
    dict[str, str], BeforeValidator(_titles, json_schema_input_type=str | dict[str, str])
]
HookUrl = Annotated[str, AfterValidator(_hook_url)]
Locale = Annotated[str, AfterValidator(_locale)]
Encoding = Annotated[str, AfterValidator(_encoding)]
Delimiter = Annotated[str, AfterValidator(_delimiter)]
JournalUrl = Annotated[str, AfterValidator(_journal_url)]
StoreUrl = Annotated[str, AfterValidator(_store_url)]
