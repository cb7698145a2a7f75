"""`campaign dkim rotate`: from one key to the next without a letter that does not verify.

In: a campaign with [[dkim]].  Out: first a new key and its record; later, when all nameservers
show it, a campaign.toml that signs with it.  Touches: files of keys, campaign.toml, the DNS.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli.arguments import HERE, JsonOption, PathArgument
from campaign.cli.commands.dkim.entries import NameserverOption, dns_of, entries_of
from campaign.cli.commands.dkim.keygen import (
    checked_selector,
    default_selector,
    describe,
    publish,
    write_key,
)
from campaign.cli.commands.dkim.pending import Pending, read_pending, write_pending
from campaign.cli.terminal.tables import escape
from campaign.clock import SystemClock
from campaign.errors import EXIT_DONE, EXIT_SOME_FAILED, UsageError

if TYPE_CHECKING:
    from campaign.cli.commands.dkim.entries import DkimEntry
    from campaign.config.loader import Campaign
    from campaign.config.settings import Dns
    from campaign.preflight.key_records import Authority, PublicKey

EXAMPLES = (
    "campaign dkim rotate spring",
    "campaign dkim rotate spring --now",
)
_DAY_S = 86400.0  # for how long a record is believed to be cached that cannot be asked for


def command(
    path: PathArgument = HERE,
    entry: Annotated[
        str | None,
        typer.Option(metavar="SELECTOR", help="The [[dkim]] entry to change, of several."),
    ] = None,
    selector: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Names the new key; left out: c and year and month."),
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Change without asking the nameservers.")
    ] = False,
    nameserver: NameserverOption = None,
    as_json: JsonOption = False,
) -> int:
    """Change to a new key, in two steps.

    The first time it makes a key and prints its record; the old key signs on. Later, when every
    authoritative nameserver shows the record, it changes campaign.toml and says from which day on
    the old record may go. Until then the exit code is 1.
    """
    from campaign.config.loader import load

    campaign = load(path)
    old = _chosen(entries_of(campaign), entry)
    pending = read_pending(_file_of(old, campaign))
    if pending is None:
        said = _begun(old, campaign, selector)
    elif selector and checked_selector(selector) != pending.selector:
        raise UsageError(
            f"a change to {pending.selector} has begun", remedy="leave --selector out to go on"
        )
    else:
        said = _gone_on(old, campaign, pending, dns_of(campaign, nameserver), now)
    lines, report = said
    print(json.dumps(report, ensure_ascii=False) if as_json else "\n".join(lines))
    return EXIT_SOME_FAILED if report["state"] == "waiting" else EXIT_DONE


Said = tuple[list[str], dict[str, Any]]


def _chosen(entries: list[DkimEntry], selector: str | None) -> DkimEntry:
    fitting = [each for each in entries if selector in (None, each.wanted.selector)]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(each.wanted.selector for each in entries)
    what = f"no entry has the selector {selector}" if selector else f"there are several: {names}"
    raise UsageError(what, remedy=f"name one with --entry: {names}")


def _file_of(entry: DkimEntry, campaign: Campaign) -> Path:
    from campaign.config.secrets import secret_file

    if entry.settings.key.file is None:
        raise UsageError(
            f"the key of {entry.wanted.selector} is in no file, so it cannot be changed here",
            remedy="`campaign dkim keygen` makes a key; put it where the other comes from",
        )
    return secret_file(entry.settings.key.file, campaign.folder)


def _begun(old: DkimEntry, campaign: Campaign, selector: str | None) -> Said:
    """The first step."""
    from campaign.preflight.key_records import PublicKey
    from campaign.signing.keys import GOOD_BITS, new_ed25519, new_rsa

    was = old.wanted
    name = checked_selector(selector) if selector else _free_selector(was.selector)
    if name == was.selector:
        raise UsageError(f"{name} is the selector of now", remedy="name another --selector")
    key = new_rsa(max(GOOD_BITS, was.key.bits)) if was.key.kind == "rsa" else new_ed25519()
    file = _file_of(old, campaign)
    pending = Pending(name, file.with_name(f"{name}.{was.domain}.pem"))
    write_key(pending.file, key.pem)
    write_pending(file, pending)
    lines = [
        f"{pending.file}: the next private key, {describe(key)}; {was.selector} signs on",
        "",
        *publish(key, was.domain, name),
        "",
        "Next: campaign dkim rotate changes to it when all nameservers show the record",
    ]
    return lines, _report("pending", PublicKey(was.domain, name, key), pending)


def _free_selector(taken: str) -> str:
    name = default_selector(SystemClock().now_s())
    if not taken.startswith(name):
        return name
    letter = taken[len(name) :] or "a"
    return name + (chr(ord(letter) + 1) if "a" <= letter < "z" else f"{letter}b")


def _gone_on(
    old: DkimEntry, campaign: Campaign, pending: Pending, dns: Dns, is_forced: bool
) -> Said:
    """The second step, if the DNS allows it."""
    from campaign.config.secrets import read_secret
    from campaign.config.settings import Secret
    from campaign.preflight.key_records import PublicKey
    from campaign.signing.keys import read_key

    key = read_key(read_secret(Secret(file=str(pending.file)), campaign.folder))
    new = PublicKey(old.wanted.domain, pending.selector, key)
    report = _report("waiting", new, pending)
    if not is_forced:
        authorities, why = _asked(new, dns)
        report["nameservers"] = [each._asdict() for each in authorities]
        if why or not all(each.shows for each in authorities):
            lines = [f"{new.selector} waits: not every nameserver shows its record"]
            lines += [f"  {escape(why)}"] if why else []
            lines += [
                escape(f"  {each.host} {each.address}: {each.evidence}") for each in authorities
            ]
            lines += ["", *publish(key, new.domain, new.selector)]
            return [*lines, "", "Or --now: change without asking them"], report
    _switch(old, campaign, pending)
    day = _last_day(old, campaign, dns)
    report |= {"state": "changed", "old_record": old.wanted.name, "old_record_until": day}
    return [
        f"{campaign.file}: signs with {new.selector} of {new.domain} from the next run on",
        f"The record {old.wanted.name} may go after {day}, and its key with it;",
        "a run that is under way signs with it until it ends.",
    ], report


def _asked(new: PublicKey, dns: Dns) -> tuple[list[Authority], str]:
    import asyncio

    from campaign.preflight.key_records import ask_authorities
    from campaign.routing.answers import DnsError
    from campaign.routing.resolver import read_nameserver

    # Who asks a nameserver on a port of its own has the others there as well.
    port = read_nameserver(dns.nameservers[0]).port if dns.nameservers else 53
    try:
        found = asyncio.run(ask_authorities(new, dns, SystemClock(), port=port))
    except DnsError as error:
        return [], f"not known: {error.what}"
    return found, "" if found else "no nameserver has an address"


def _switch(old: DkimEntry, campaign: Campaign, pending: Pending) -> None:
    """Write the new selector and file into campaign.toml.  Raises ConfigError where it cannot."""
    from campaign.config.editing import exchanged
    from campaign.config.loader import load
    from campaign.errors import ConfigError

    entry, file = old.settings, old.settings.key.file
    assert file is not None
    text = campaign.file.read_text(encoding="utf-8")
    # As it stands there: the settings have it in small letters.
    written = _written_selector(text, old.at) or entry.selector
    try:
        changed = exchanged(
            text,
            {
                ("dkim", old.at, "selector"): (written, pending.selector),
                ("dkim", old.at, "key", "file"): (
                    file,
                    Path(file).with_name(pending.file.name).as_posix(),
                ),
            },
        )
    except ConfigError as error:
        error.file = str(campaign.file)
        raise
    new = campaign.file.with_name(f"{campaign.file.name}.new")
    new.write_text(changed, encoding="utf-8")
    new.chmod(campaign.file.stat().st_mode & 0o777)
    os.replace(new, campaign.file)
    load(campaign.file)


def _written_selector(text: str, index: int) -> str:
    import tomllib

    tables = tomllib.loads(text).get("dkim", [])
    table = tables if isinstance(tables, dict) else tables[index]
    return str(table.get("selector", ""))


def _last_day(old: DkimEntry, campaign: Campaign, dns: Dns) -> str:
    """The day (UTC) after which nobody asks for the old record any more: the last letter signed
    with it is as old as letters get, and caches have forgotten the record."""
    import asyncio

    from campaign.routing.answers import DnsError
    from campaign.routing.resolver import Resolver

    clock = SystemClock()

    async def ttl_s() -> float:
        resolver = Resolver(dns.nameservers, clock=clock, timeout_s=dns.timeout)
        return (await resolver.texts(old.wanted.name)).ttl_s

    try:
        left_s = asyncio.run(ttl_s())
    except DnsError:
        left_s = _DAY_S
    until_s = clock.now_s() + campaign.settings.delivery.expire_after + left_s
    return time.strftime("%Y-%m-%d", time.gmtime(until_s))


def _report(state: str, new: PublicKey, pending: Pending) -> dict[str, Any]:
    """For --json."""
    return {
        "state": state,
        "domain": new.domain,
        "selector": new.selector,
        "file": str(pending.file),
        "name": new.name,
        "value": new.text,
    }
