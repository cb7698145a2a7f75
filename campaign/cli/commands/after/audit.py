"""`campaign audit`: proves from the journal that nobody is lost and nothing impossible happened.

In: the journal, also of a run that goes on.  Out: every claim, and what speaks against it.
Touches: nothing.
"""

from __future__ import annotations

import json
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from campaign.cli.arguments import HERE, JsonOption, PathArgument, RehearsalOption
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.tables import WIDTH, counted, escape
from campaign.clock import iso
from campaign.errors import EXIT_DONE, EXIT_JOURNAL
from campaign.records import State

if TYPE_CHECKING:
    from campaign.journal.reading.auditing.audit import Audit, Check
    from campaign.journal.reading.auditing.checks import Finding
    from campaign.journal.sharing.holders import Holder

EXAMPLES = ("campaign audit spring",)


def command(
    path: PathArgument = HERE, sandbox: RehearsalOption = False, as_json: JsonOption = False
) -> int:
    """Prove that nobody is lost.

    The states add up to the list, every change in the history is legal, and nobody got a copy too
    many. Works beside a run. The exit code is 74 where anything speaks against it.
    """
    from campaign.cli.journals import campaign_to_look_at
    from campaign.journal.reading.auditing.audit import audit

    campaign = campaign_to_look_at(path, sandbox)
    result = audit(campaign.settings.journal.url, campaign.folder)
    if as_json:
        print(json.dumps(as_object(campaign.settings.name, result, sandbox), ensure_ascii=False))
    else:
        print("\n".join(lines(campaign.settings.name, result, Paint.on(sys.stdout))))
    return EXIT_DONE if result.is_clean else EXIT_JOURNAL


def lines(name: str, result: Audit, paint: Paint) -> list[str]:
    """The audit for a terminal."""
    counts = [f"{result.counts[state]:,} {state}" for state in State if result.counts.get(state)]
    shown = [paint.bold(name), f"  {counted(result.total, 'row')} = {' + '.join(counts)}"]
    if result.events:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in result.events.items())
        shown.append(f"  {counted(sum(result.events.values()), 'event')} beside them: {kinds}")
    shown.append("")
    for check in result.checks:
        shown += _check(check, paint)
    if result.members:
        shown += ["", paint.bold("Workers, by their epochs")]
        for member in result.members:
            shown += _wrapped(_member(member), "  ")
    if result.unknown:
        shown += ["", paint.bold("What no journal can know")]
        for sentence in result.unknown:
            shown += _wrapped(sentence, "  ")
    verdict = (
        paint.green("clean: everybody is accounted for")
        if result.is_clean
        else paint.red("not clean: do not trust this journal before the findings are understood")
    )
    return [*shown, "", verdict]


def _check(check: Check, paint: Paint) -> list[str]:
    if not check.findings:
        return [f"  {paint.green('holds')}   {check.claim}"]
    shown = [f"  {paint.red('BROKEN')}  {check.claim}"]
    for finding in check.findings:
        shown += _wrapped(_sentence(finding), " " * 10)
    return [*shown, *([" " * 10 + "and more"] if check.is_more else [])]


def _sentence(finding: Finding) -> str:
    return f"row {finding.row:,}: {finding.what}" if finding.row else finding.what


def _member(member: Holder) -> str:
    name = f"{member.epoch}: {member.worker} on {member.host} since {iso(member.since_s)}"
    if not member.ended_s:
        return f"{name}, holds {counted(member.shards, 'shard')}"
    doubt = f", {member.in_doubt} in doubt" if member.in_doubt else ""
    by = f", taken over by {member.ended_by}" if member.ended_by else ""
    return f"{name}, {member.how} {iso(member.ended_s)}{by}{doubt}"


def _wrapped(sentence: str, indent: str) -> list[str]:
    return textwrap.wrap(
        escape(sentence), WIDTH, initial_indent=indent, subsequent_indent=indent + "  "
    )


def as_object(name: str, result: Audit, sandbox: bool) -> dict[str, Any]:
    """The audit as `--json` prints it."""
    return {
        "campaign": name,
        "sandbox": sandbox,
        "clean": result.is_clean,
        "total": result.total,
        "counts": {state: result.counts.get(state, 0) for state in State},
        "checks": [
            {
                "claim": check.claim,
                "holds": not check.findings,
                "findings": [finding._asdict() for finding in check.findings],
                "more": check.is_more,
            }
            for check in result.checks
        ],
        "workers": [
            {
                "epoch": member.epoch,
                "worker": member.worker,
                "host": member.host,
                "since": iso(member.since_s),
                "ended": iso(member.ended_s),
                "how": member.how,
                "taken_over_by": member.ended_by,
                "in_doubt": member.in_doubt,
            }
            for member in result.members
        ],
        "unknown": result.unknown,
        "events": result.events,
    }
