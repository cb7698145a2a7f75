"""`campaign check`: everything that can be known before sending.

In: a campaign, planned if it is not yet.  Out: findings, in a table or as JSON.
Touches: render workers, the journal, where the result is kept; unless `--offline` the DNS and the
relay; with `--live` the one-click page, and one letter goes out.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption, PathArgument, RenderFleetOption, WorkersOption
from campaign.cli.services.spreading import refuse_without_cluster, spread_of
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.tables import WIDTH, counted, escape, pad
from campaign.errors import EXIT_DONE, EXIT_SOME_FAILED, JournalBusy, UsageError
from campaign.units import read_duration

if TYPE_CHECKING:
    from campaign.cli.commands.dkim.entries import DkimEntry
    from campaign.config.loader import Campaign
    from campaign.planning.summary import PlanSummary
    from campaign.preflight.check import CheckReport
    from campaign.preflight.key_records import PublicKey
    from campaign.preflight.rules import CheckFinding

EXAMPLES = (
    "campaign check spring",
    "campaign check spring --offline",
    "campaign check spring --row 7",
    "campaign check --rules",
)
_WORDS = {"ok": "ok", "info": "info", "warn": "warn", "fail": "FAIL", "not-checked": "?"}
_LEVEL_WIDTH, _ID_WIDTH = 4, 16
_INDENT = " " * (2 + _LEVEL_WIDTH + 2 + _ID_WIDTH + 2)


def command(
    path: PathArgument = HERE,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only what needs no network; the rest is named.")
    ] = False,
    live: Annotated[
        bool,
        typer.Option("--live", help="Also try the one-click page, and send one test letter."),
    ] = False,
    to: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Your own address, for the test letter; left out: the sandbox."
        ),
    ] = "",
    wait: Annotated[
        str,
        typer.Option(
            metavar="DURATION", help="How long the test letter may take to where bounces are read."
        ),
    ] = "1m",
    row: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Judge the message of this row alone, offline."),
    ] = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="Print the rules with their sources, and check nothing.")
    ] = False,
    workers: WorkersOption = None,
    fleet: RenderFleetOption = None,
    as_json: JsonOption = False,
) -> int:
    """Tell whether the large providers will take this.

    Looks at the sender's domain, the hosts, the relay, every planned letter and the list. The exit
    code is 1 where anything fails. What cannot be known is said, and is neither a fail nor a pass.
    """
    if rules:
        print("\n".join(_rules_as_json() if as_json else rule_lines(Paint.on(sys.stdout))))
        return EXIT_DONE
    from campaign.cli.live_letter import live_findings
    from campaign.cli.services.planning import ensure_planned
    from campaign.cli.terminal.progress import PlanProgress
    from campaign.clock import SystemClock
    from campaign.config.loader import load
    from campaign.planning.summary import read_summary
    from campaign.preflight.check import run_check

    if (offline and live) or (to and not live):
        raise UsageError(
            "--offline and --live exclude each other" if offline else "--to is for --live",
            remedy="leave one out" if offline else "say --live too",
        )
    try:
        wait_s = read_duration(wait)
    except ValueError as error:
        raise UsageError(f"--wait: {error}", remedy="write 30s, 5m") from None
    campaign = load(path, need_letters=True)
    if fleet is not None:
        refuse_without_cluster(campaign)
    ensure_planned(campaign, workers, fleet)
    if row is not None:
        return _one_row(campaign, row, as_json=as_json)
    summary, clock = read_summary(campaign), SystemClock()

    def tried() -> list[CheckFinding]:
        return live_findings(campaign, to, lambda: _keys(campaign), wait_s) if live else []

    with (
        PlanProgress(sys.stderr, clock) as progress,
        spread_of(campaign, fleet, workers, progress.say) as spread,
    ):
        report = run_check(
            campaign,
            summary,
            keys=lambda: _keys(campaign),
            clock=clock,
            offline=offline,
            workers=workers or 0,
            spread=spread,
            live=tried,
            on_progress=progress,
        )
    _keep(campaign, summary, report, offline=offline)
    if as_json:
        print(json.dumps(as_objects(report.findings), ensure_ascii=False))
    else:
        print("\n".join(lines(report, Paint.on(sys.stdout))))
    return EXIT_SOME_FAILED if report.levels["fail"] else EXIT_DONE


def _one_row(campaign: Campaign, row: int, *, as_json: bool) -> int:
    """What speaks against one message; nothing of it is kept."""
    from campaign.cli.terminal.streams import complain
    from campaign.planning.sample import render_one
    from campaign.preflight.letters.census import bulk_of
    from campaign.preflight.letters.lint import remarks_on
    from campaign.preflight.rules import CheckFinding

    letter = render_one(campaign, row, None, complain).letter
    found = [
        CheckFinding(*remark) for remark in dict.fromkeys(remarks_on(letter, bulk_of(campaign)))
    ]
    if as_json:
        print(json.dumps(as_objects(found), ensure_ascii=False))
    else:
        paint = Paint.on(sys.stdout)
        name, count = paint.bold(escape(campaign.settings.name)), counted(len(found), "remark")
        print(f"{name}: row {row:,}, {count}")
        for one in found:
            print("\n".join(_lines_of(one, paint)))
    return EXIT_SOME_FAILED if any(one.level == "fail" for one in found) else EXIT_DONE


def _keys(campaign: Campaign) -> list[PublicKey]:
    """Raises ConfigError for a key that cannot be had."""
    from campaign.cli.commands.dkim.entries import entries_of

    entries: list[DkimEntry] = entries_of(campaign) if campaign.settings.dkim else []
    return [entry.wanted for entry in entries]


def _keep(campaign: Campaign, summary: PlanSummary, report: CheckReport, *, offline: bool) -> None:
    """For `run`, which shows it; while a run goes on, the check before stays."""
    from campaign.clock import SystemClock
    from campaign.journal.checking import LastCheck, keep_check, plan_digest

    check = LastCheck(
        report.at_s,
        plan_digest(summary.plan_id, summary.hashes),
        offline,
        dict(report.levels),
        as_objects(report.findings),
    )
    try:
        keep_check(campaign.settings.journal.url, campaign.folder, check, SystemClock())
    except JournalBusy:
        print("a run goes on: this check is shown, and not kept", file=sys.stderr)


def as_objects(findings: Sequence[CheckFinding]) -> list[dict[str, str]]:
    """As `--json` prints them."""
    from campaign.preflight.rules import BY_ID, TITLES, told

    return [
        {
            "id": one.id,
            "group": TITLES[BY_ID[one.id].group],
            "level": one.level,
            "evidence": one.evidence,
            "rule": told(BY_ID[one.id]),
            "remedy": one.remedy,
        }
        for one in findings
    ]


def lines(report: CheckReport, paint: Paint) -> list[str]:
    """For a terminal of 80 columns: groups, one finding below the other, remedies below those."""
    from campaign.preflight.rules import BY_ID, TITLES

    levels = report.levels
    said = [
        paint.red(counted(levels["fail"], "fail")) if levels["fail"] else "no fail",
        counted(levels["warn"], "warning"),
        f"{levels['not-checked']:,} not checked",
    ]
    name, letters = paint.bold(escape(report.campaign)), counted(report.letters, "message")
    shown = [f"{name}: {letters}, {', '.join(said)}"]
    for group, title in TITLES.items():
        mine = [one for one in report.findings if BY_ID[one.id].group == group]
        if mine:
            shown += ["", paint.bold(title), *_group(mine, paint)]
    return shown


def _group(findings: list[CheckFinding], paint: Paint) -> Iterator[str]:
    """Rules that were not checked for one and the same reason share a line."""
    told: set[str] = set()
    for one in findings:
        same = [other.id for other in findings if _is_unchecked_as(other, one)]
        if len(same) > 1:
            if one.evidence not in told:
                told.add(one.evidence)
                yield from _lines_of(
                    one._replace(id="", evidence=f"{', '.join(same)}: {one.evidence}"), paint
                )
            continue
        yield from _lines_of(one, paint)


def _is_unchecked_as(other: CheckFinding, one: CheckFinding) -> bool:
    return one.level == other.level == "not-checked" and one.evidence == other.evidence


def _lines_of(one: CheckFinding, paint: Paint) -> Iterator[str]:
    colours = {"ok": paint.green, "warn": paint.yellow, "fail": paint.red, "info": paint.cyan}
    colour = colours.get(one.level, paint.dim)
    indent = _INDENT if one.id else " " * (2 + _LEVEL_WIDTH + 2)
    wrapped = textwrap.wrap(escape(one.evidence), WIDTH - len(indent), break_on_hyphens=False)
    first, *others = wrapped or [""]
    head = f"  {colour(pad(_WORDS[one.level], _LEVEL_WIDTH))}  "
    yield head + (f"{pad(one.id, _ID_WIDTH)}  " if one.id else "") + first
    yield from (f"{indent}{line}" for line in others)
    if one.remedy and one.level in ("warn", "fail", "info"):
        # A record is there to be copied: it is broken at blanks only, however long it is.
        told = textwrap.wrap(
            escape(one.remedy), WIDTH - len(indent) - 2, break_on_hyphens=False,
            break_long_words=False,
        )  # fmt: skip
        yield from (
            f"{indent}{'→ ' if number == 0 else '  '}{paint.bold(line)}"
            for number, line in enumerate(told)
        )


def rule_lines(paint: Paint) -> list[str]:
    """All rules, for `--rules`."""
    from campaign.preflight.rules import RULES, TITLES

    shown: list[str] = []
    for group, title in TITLES.items():
        shown += ["", paint.bold(title)] if shown else [paint.bold(title)]
        for rule in (rule for rule in RULES if rule.group == group):
            needs = "" if rule.needs == "files" else f" [{rule.needs}]"
            text = textwrap.wrap(f"{rule.says}{needs}", WIDTH - _ID_WIDTH - 4)
            shown.append(f"  {pad(rule.id, _ID_WIDTH)}  {text[0]}")
            blank = " " * (_ID_WIDTH + 4)
            shown += [blank + line for line in text[1:]]
            source = textwrap.wrap(f"{rule.source}, {rule.date}", WIDTH - len(blank))
            shown += [blank + paint.dim(line) for line in source]
    return shown


def _rules_as_json() -> list[str]:
    from campaign.preflight.rules import RULES

    return [json.dumps([rule._asdict() for rule in RULES], ensure_ascii=False)]
