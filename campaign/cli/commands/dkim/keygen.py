"""`campaign dkim keygen`: a new key, and the record to publish for it.

In: a domain.  Out: a file with the private key, the record in the forms that DNS panels ask for.
Touches: that file, which must not exist yet.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import JsonOption
from campaign.clock import SystemClock
from campaign.errors import EXIT_DONE, UsageError

if TYPE_CHECKING:
    from campaign.signing.keys import SigningKey

EXAMPLES = (
    "campaign dkim keygen --domain example.com",
    "campaign dkim keygen --domain example.com --selector ed1 --ed25519",
)
_LEAST_BITS, _USUAL_BITS, _MOST_BITS = 2048, 2048, 4096


def command(
    domain: Annotated[
        str, typer.Option(metavar="DOMAIN", help="The domain that signs: that of From.")
    ],
    selector: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Names the key; left out: c and year and month."),
    ] = None,
    ed25519: Annotated[
        bool, typer.Option("--ed25519", help="Ed25519; Gmail and others do not know it yet.")
    ] = False,
    rsa: Annotated[
        int,
        typer.Option(metavar="BITS", min=_LEAST_BITS, max=_MOST_BITS, help="Length of an RSA key."),
    ] = _USUAL_BITS,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Left out: SELECTOR.DOMAIN.pem, here."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Make a key, and print the record that the DNS has to show.

    The file is for its owner only, and one that exists is never written over.
    """
    from campaign.signing.keys import new_ed25519, new_rsa

    name = a_label(domain)
    selector = checked_selector(selector or default_selector(SystemClock().now_s()))
    path = output or Path(f"{selector}.{name}.pem")
    key = new_ed25519() if ed25519 else new_rsa(rsa)
    write_key(path, key.pem)
    if as_json:
        print(json.dumps(as_object(key, name, selector, path)))
    else:
        print("\n".join(lines(key, name, selector, path)))
    return EXIT_DONE


def a_label(domain: str) -> str:
    """A domain as the DNS has it.  Raises UsageError."""
    from campaign.addresses.syntax import AddressError, parse_address

    try:
        return parse_address(f"postmaster@{domain.rpartition('@')[2]}").domain
    except AddressError as error:
        raise UsageError(
            f"'{domain}' is not a domain: {error}", remedy="write example.com"
        ) from error


def default_selector(now_s: float) -> str:
    """By the month (UTC), so that the next key has another one."""
    return time.strftime("c%Y%m", time.gmtime(now_s))


def checked_selector(text: str) -> str:
    """Raises UsageError."""
    from campaign.config.values import read_selector

    try:
        return read_selector(text)
    except ValueError as error:
        what, _, remedy = str(error).partition("; ")
        raise UsageError(what, remedy=remedy) from None


def write_key(path: Path, pem: str) -> None:
    """A file for its owner only.  Raises UsageError where one is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path} is there already, and a key is never written over",
            remedy="name another --selector or --output",
        ) from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", remedy="name another --output"
        ) from None
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def lines(key: SigningKey, domain: str, selector: str, path: Path) -> list[str]:
    """What to do with the key, for a person."""
    return [
        f"{path}: the private key, {describe(key)}; keep it secret",
        "",
        *publish(key, domain, selector),
        "",
        "Then, in campaign.toml:",
        "",
        "[[dkim]]",
        f'domain = "{domain}"',
        f'selector = "{selector}"',
        f"key = {{ file = {json.dumps(str(path))} }}",
        "",
        "Next: campaign dkim check shows whether the DNS has it",
    ]


def describe(key: SigningKey) -> str:
    return f"RSA with {key.bits} bits" if key.kind == "rsa" else "Ed25519"


def publish(key: SigningKey, domain: str, selector: str) -> list[str]:
    """The record in the forms that DNS panels and zone files ask for."""
    from campaign.signing.record import record_name, record_text, zone_line

    name, text = record_name(domain, selector), record_text(key.kind, key.public)
    return [
        "Publish this record. In a DNS panel:",
        "",
        "type   TXT",
        f"name   {name}",
        f"value  {text}",
        "",
        "In a zone file, in strings of 255 bytes at most:",
        "",
        zone_line(name, text),
    ]


def as_object(key: SigningKey, domain: str, selector: str, path: Path) -> dict[str, object]:
    """For --json."""
    from campaign.signing.record import as_strings, record_name, record_text

    text = record_text(key.kind, key.public)
    return {
        "file": str(path),
        "kind": key.kind,
        "bits": key.bits,
        "domain": domain,
        "selector": selector,
        "name": record_name(domain, selector),
        "type": "TXT",
        "value": text,
        "strings": as_strings(text),
    }
