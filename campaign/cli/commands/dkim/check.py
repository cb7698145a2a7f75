"""`campaign dkim check`: whether the DNS shows the keys that sign.

In: a campaign with [[dkim]].  Out: findings.  Touches: the keys, the DNS.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from campaign.cli.arguments import HERE, JsonOption, PathArgument
from campaign.cli.commands.dkim.entries import NameserverOption, dns_of, entries_of
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.tables import escape
from campaign.errors import EXIT_DONE, EXIT_SOME_FAILED

if TYPE_CHECKING:
    from campaign.cli.commands.dkim.entries import DkimEntry
    from campaign.config.loader import Campaign
    from campaign.preflight.key_records import KeyFinding

EXAMPLES = (
    "campaign dkim check spring",
    "campaign dkim check spring --nameserver 9.9.9.9 --json",
)
_BAD = frozenset({"fail", "not-checked"})

Findings = list[tuple["DkimEntry", "KeyFinding"]]


def command(
    path: PathArgument = HERE, nameserver: NameserverOption = None, as_json: JsonOption = False
) -> int:
    """Compare the record of each key in the DNS with the key itself.

    The exit code is 1 where a record is missing or wrong, or the DNS does not say.
    """
    import asyncio  # 50 ms

    from campaign.clock import SystemClock
    from campaign.config.loader import load
    from campaign.preflight.key_records import key_length, look_up_key

    campaign = load(path)
    dns = dns_of(campaign, nameserver)

    entries, clock = entries_of(campaign), SystemClock()

    async def look() -> Findings:
        found = await asyncio.gather(*(look_up_key(each.wanted, dns, clock) for each in entries))
        told: Findings = []
        for entry, one in zip(entries, found, strict=True):
            length = key_length(entry.wanted)
            told += [(entry, one), *([(entry, length)] if length.level != "ok" else [])]
        return told

    findings = [*asyncio.run(look()), *_alignment(entries, campaign)]
    if as_json:
        print(json.dumps([as_object(*finding) for finding in findings], ensure_ascii=False))
    else:
        print("\n".join(line for finding in findings for line in lines(*finding)))
    return EXIT_SOME_FAILED if any(one.level in _BAD for _, one in findings) else EXIT_DONE


def _alignment(entries: list[DkimEntry], campaign: Campaign) -> Findings:
    """DMARC counts a signature only for the domain of From or one around it."""
    from campaign.planning.inputs import sender_of
    from campaign.preflight.key_records import KeyFinding

    author = sender_of(campaign).address.domain
    domains = [entry.wanted.domain for entry in entries]
    if any(f".{author}".endswith(f".{one}") or one.endswith(f".{author}") for one in domains):
        return []
    evidence = f"From is of {author}, and no [[dkim]] domain is: {', '.join(domains)}"
    remedy = f"sign as {author} too, or DMARC passes by SPF alone"
    return [(entries[0], KeyFinding("dkim-aligned", "warn", evidence, "RFC 9989, 5", remedy))]


def lines(entry: DkimEntry, finding: KeyFinding) -> list[str]:
    """A finding for a person."""
    paint = Paint.on(sys.stdout)
    colour = paint.green if finding.level == "ok" else paint.bold
    title = f"{entry.wanted.selector} of {entry.wanted.domain}"
    shown = [f"{colour(finding.level)}  {title}: {escape(finding.evidence)}"]
    if finding.remedy:
        shown.append(f"      {escape(finding.remedy)}")
    return shown


def as_object(entry: DkimEntry, finding: KeyFinding) -> dict[str, str]:
    """For --json."""
    return {
        "id": finding.id,
        "level": finding.level,
        "domain": entry.wanted.domain,
        "selector": entry.wanted.selector,
        "evidence": finding.evidence,
        "rule": finding.rule,
        "remedy": finding.remedy,
    }
