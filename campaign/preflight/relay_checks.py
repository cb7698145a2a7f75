"""The relay: does it answer, encrypt, let us in, and take what is planned?

In: [relay], the size of the largest planned message.  Out: findings.  Touches: the relay, one
connection to each, no letter.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from campaign.config.settings import Relay
from campaign.errors import ConfigError, LoginError, RelayError
from campaign.pool.endpoints import endpoint_of
from campaign.preflight.probe import PATIENCE, Visitor
from campaign.preflight.rules import CheckFinding, Level
from campaign.routing.answers import is_unanswered
from campaign.smtp.inspect import tls_facts
from campaign.smtp.opening.connect import connect
from campaign.units import show_duration, show_size

_LONG_S = 7 * 86400.0


async def relay_findings(
    relays: tuple[Relay, ...], folder: Path, largest_bytes: int
) -> list[CheckFinding]:
    """What the relays say of themselves."""
    if not relays:
        why = "there is no [relay]: letters go straight to the mail servers of each domain"
        ids = ("relay-connect", "relay-tls", "relay-size")
        return [CheckFinding(id, "not-checked", why) for id in ids]
    return [one for relay in relays for one in await _visit(relay, folder, largest_bytes)]


async def _visit(relay: Relay, folder: Path, largest_bytes: int) -> list[CheckFinding]:
    endpoint = endpoint_of(relay, folder)
    visitor = Visitor()
    try:
        timeouts = replace(PATIENCE, auth=30)
        connection = await connect(endpoint, visitor, limit=1, timeouts=timeouts)
    except LoginError as error:
        remedy = error.remedy or "check username and password in [relay]"
        return _without_session(CheckFinding("relay-connect", "fail", error.what, remedy))
    except (RelayError, ConfigError) as error:
        remedy = error.remedy or f"`campaign probe {relay.host}:{relay.port}` shows what it says"
        # A nameserver that said nothing of the host does not make it missing.
        level: Level = "not-checked" if is_unanswered(error.__cause__) else "fail"
        return _without_session(CheckFinding("relay-connect", level, error.what, remedy))
    offered, tls = connection.extensions, tls_facts(connection)
    connection.finish()
    with suppress(TimeoutError):
        async with asyncio.timeout(timeouts.quit * 2):
            await visitor.has_left.wait()
    as_whom = f", login as {relay.username}" if relay.username else ", without a login"
    found = [CheckFinding("relay-connect", "ok", f"{endpoint.name} answers{as_whom}")]
    if tls:
        evidence = f"{endpoint.name}: {tls.version}, {tls.cipher}"
        found.append(CheckFinding("relay-tls", "ok", evidence))
    elif relay.host in ("localhost", "127.0.0.1", "::1"):
        evidence = f"{endpoint.name} is this host: nobody listens between"
        found.append(CheckFinding("relay-tls", "info", evidence))
    else:
        remedy = 'security = "starttls" in [relay]'
        evidence = f"{endpoint.name}: the session is in clear text"
        found.append(CheckFinding("relay-tls", "warn", evidence, remedy))
    most = offered.max_size_bytes
    if most and largest_bytes > most:
        evidence = (
            f"{endpoint.name} takes {show_size(most)}, and the largest message has"
            f" {show_size(largest_bytes)}"
        )
        remedy = "make the attachments smaller, or link to them"
        found.append(CheckFinding("relay-size", "fail", evidence, remedy))
    else:
        takes = f"takes {show_size(most)}" if most else "names no limit"
        evidence = f"{endpoint.name} {takes}; the largest message has {show_size(largest_bytes)}"
        found.append(CheckFinding("relay-size", "ok" if most else "info", evidence))
    return found


def _without_session(why: CheckFinding) -> list[CheckFinding]:
    unseen = "there was no session to look at"
    return [why, *(CheckFinding(id, "not-checked", unseen) for id in ("relay-tls", "relay-size"))]


def limit_finding(forecast_s: float | None, planned: int) -> CheckFinding:
    """Whether the rates that are set carry the plan before its end."""
    if forecast_s is None:
        return CheckFinding("relay-limits", "info", f"{planned:,} messages, and no rate is set")
    evidence = f"{planned:,} messages take about {show_duration(max(1.0, forecast_s))}"
    if forecast_s > _LONG_S:
        remedy = "raise rates in [relay] and [limits], or send to fewer"
        return CheckFinding("relay-limits", "warn", evidence, remedy)
    return CheckFinding("relay-limits", "ok", evidence)
