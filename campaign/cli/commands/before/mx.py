"""`campaign mx`: where mail for a domain goes.

In: a domain.  Out: its mail servers with addresses, provider and TLS policies.
Touches: the DNS; web servers of MTA-STS policies.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli.arguments import JsonOption
from campaign.cli.terminal.tables import counted, escape, table
from campaign.errors import EXIT_DONE, EXIT_SOME_FAILED, EXIT_UNAVAILABLE, UsageError
from campaign.units import show_duration

if TYPE_CHECKING:
    from campaign.preflight.mx_lookup import MxHost, MxReport

EXAMPLES = (
    "campaign mx gmail.com",
    "campaign mx example.com --nameserver 9.9.9.9 --json",
)


def command(
    domain: Annotated[str, typer.Argument(metavar="DOMAIN", help="What stands after the @.")],
    nameserver: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS", help="Ask this server: 9.9.9.9 or 127.0.0.1:5353; repeatable."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Print where mail for a domain goes.

    Its mail servers in order, with addresses, provider, MTA-STS and TLSA.
    """
    import asyncio  # 50 ms

    from campaign.clock import SystemClock
    from campaign.config.settings import Dns
    from campaign.preflight.mx_lookup import look_up_mx

    dns = Dns(nameservers=tuple(nameserver or ()))
    report = asyncio.run(look_up_mx(_host_of(domain), dns, SystemClock()))
    if as_json:
        print(json.dumps(as_object(report), ensure_ascii=False))
    else:
        print("\n".join(as_lines(report)))
    if report.problem is None:
        return EXIT_DONE
    return EXIT_SOME_FAILED if report.problem.is_permanent else EXIT_UNAVAILABLE


def _host_of(domain: str) -> str:
    """The A-label form of a domain, or of what follows the @ of an address."""
    from campaign.addresses.syntax import AddressError, parse_address

    try:
        return parse_address(f"postmaster@{domain.rpartition('@')[2]}").domain
    except AddressError as error:
        raise UsageError(
            f"'{domain}' is not a domain: {error}", remedy="write example.com"
        ) from error


def as_lines(report: MxReport) -> list[str]:
    """For a person, at most 80 columns."""
    title = report.provider.title if report.provider else "its own servers"
    lines = [f"{report.domain}: {title}" if report.hosts else f"{report.domain}:"]
    if report.is_implicit:
        lines.append("  There is no MX; mail goes to the address of the domain itself.")
    rows = [row for host in report.hosts for row in _rows(host)]
    lines += table(rows, heading=("pref", "host", "address"), numbers=[0]) if rows else []
    if report.unasked:
        lines.append(f"  and {counted(report.unasked, 'more host')}")
    lines += [f"  {escape(name)} is not a public host and is left out" for name in report.refused]
    for host in report.hosts:
        lines += [f"  TLSA of {host.name}: {record}" for record in host.dane.tlsa]
    lines.append(f"  MTA-STS: {_policy(report)}")
    if report.provider and (pace := _pace(report)):
        lines.append(f"  To begin with: {pace}")
    if report.problem:
        lines.append(f"  Nothing can be sent: {escape(str(report.problem))}")
    return lines


def _rows(host: MxHost) -> list[tuple[object, ...]]:
    notes = [*host.addresses, *(f"{address} (private, refused)" for address in host.refused)]
    if not notes:
        notes = [host.trouble]
    first, *others = notes
    return [(str(host.preference), host.name, first), *(("", "", other) for other in others)]


def _policy(report: MxReport) -> str:
    policy = report.policy
    if policy is None:
        return (
            f"cannot be had: {escape(report.policy_trouble)}" if report.policy_trouble else "none"
        )
    hosts = ", ".join(policy.mx[:5]) + (" ..." if len(policy.mx) > 5 else "")
    return f"{policy.mode} for {show_duration(policy.max_age_s)}: {escape(hosts)}"


def _pace(report: MxReport) -> str:
    assert report.provider is not None
    parts = []
    if report.provider.connections:
        parts.append(counted(report.provider.connections, "connection"))
    if report.provider.messages_per_connection:
        parts.append(f"{counted(report.provider.messages_per_connection, 'message')} on each")
    if report.provider.needs_tls:
        parts.append("TLS required")
    return ", ".join(parts)


def as_object(report: MxReport) -> dict[str, Any]:
    """For --json."""
    policy, problem = report.policy, report.problem
    return {
        "domain": report.domain,
        "provider": report.provider.name if report.provider else None,
        "implicit": report.is_implicit,
        "hosts": [
            {
                "preference": host.preference,
                "host": host.name,
                "addresses": host.addresses,
                "refused": host.refused,
                "tlsa": [str(record) for record in host.dane.tlsa],
                "trouble": host.trouble,
            }
            for host in report.hosts
        ],
        "refused": report.refused,
        "mta_sts": policy
        and {"mode": policy.mode, "mx": policy.mx, "max_age": int(policy.max_age_s)},
        "mta_sts_trouble": report.policy_trouble,
        "problem": problem
        and {"code": problem.code, "enhanced": problem.enhanced, "text": problem.text},
    }
