"""`campaign plan`: the list read, cleaned, rendered once and frozen; nothing is sent.

In: campaign.toml and the files it names.  Out: what a run would send, and what it would not.
Touches: the journal.
"""

from __future__ import annotations

import json
import shlex
import sys
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli.arguments import (
    HERE,
    JsonOption,
    NoRenderOption,
    PathArgument,
    RenderFleetOption,
    WorkersOption,
)
from campaign.cli.checked import next_with_run, run_refusals
from campaign.cli.files.writing import whole_file
from campaign.cli.services.planning import make_with_progress
from campaign.cli.services.spreading import refuse_without_cluster
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.streams import complain
from campaign.cli.terminal.tables import WIDTH, clip, counted, legible, percent, table
from campaign.cli.triggered import plan_open, refuse_of_lists
from campaign.errors import EXIT_DONE, EmptyPlanError
from campaign.units import show_duration, show_size

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.planning.skips import SkipKind
    from campaign.planning.summary import Amendment, PlanSummary

EXAMPLES = ("campaign plan spring",)
_INDENT = " " * 6


def command(
    path: PathArgument = HERE,
    amend: Annotated[
        bool,
        typer.Option(
            "--amend",
            help="Take in list and templates as they are now; whoever is settled stays so.",
        ),
    ] = False,
    no_render: NoRenderOption = False,
    rejects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the rows that cannot be used, with reasons, as CSV to mend and add.",
        ),
    ] = None,
    workers: WorkersOption = None,
    fleet: RenderFleetOption = None,
    as_json: JsonOption = False,
) -> int:
    """Freeze the list and show what a run would send.

    The list is read, cleaned and kept in the journal, and every letter is rendered once. Nothing
    is sent. A plan that was not run yet is made anew.
    """
    from campaign.config.loader import load

    campaign = load(path, need_letters=True)
    if fleet is not None:
        refuse_without_cluster(campaign)
    for warning in campaign.warnings():
        print(f"warning: {warning}", file=sys.stderr)
    if campaign.settings.is_open:
        given = {"--amend": amend, "--no-render": no_render, "--rejects": rejects, "--fleet": fleet}
        refuse_of_lists(campaign, given)
        return plan_open(campaign, path, as_json=as_json)
    try:
        summary = make_with_progress(
            campaign, amend=amend, render=not no_render, workers=workers, fleet=fleet
        )
    except EmptyPlanError as error:  # just then the reasons are wanted
        if rejects:
            _write_rejects(campaign, rejects)
        return _show_empty(campaign, error, as_json)
    if rejects:
        _write_rejects(campaign, rejects)
    is_resumed = summary.left < summary.planned
    refusals = run_refusals(campaign, None if is_resumed else summary)
    if as_json:
        shown = as_object(summary) | {"run_refusals": refusals}
        print(json.dumps(shown, ensure_ascii=False))
        return EXIT_DONE
    paint = Paint.on(sys.stdout)
    print("\n".join([*lines(summary, paint), *_missing(summary, paint)]))
    print("\n".join(next_steps(summary, path, refusals)))
    return EXIT_DONE


def _missing(summary: PlanSummary, paint: Paint) -> list[str]:
    """What letters to a list should have, and these have not."""
    if not summary.missing:
        return []
    return [
        "",
        paint.bold("Not there yet, for bulk mail"),
        *(f"  {what}" for what in summary.missing),
    ]


def next_steps(summary: PlanSummary, path: Path, refusals: Sequence[str]) -> list[str]:
    """What to do with the plan; `refusals` of a run."""
    where = f" {shlex.quote(str(path))}" if path != Path() else ""
    first = f"campaign preview{where} shows the letters"
    if summary.left == summary.planned:
        return next_with_run(first, f"campaign run{where}", refusals)
    if refusals:
        return next_with_run(first, f"campaign resume{where}", refusals)
    return ["", f"Next: campaign resume{where} sends what is left"]


def _show_empty(campaign: Campaign, error: EmptyPlanError, as_json: bool) -> int:
    from campaign.planning.summary import read_summary

    summary = read_summary(campaign)
    if as_json:
        failed = {"error": error.what, "exit_code": error.exit_code}
        print(json.dumps(as_object(summary) | failed, ensure_ascii=False))
    else:
        print("\n".join(lines(summary, Paint.on(sys.stdout))))
    complain(f"\n{error}" if not as_json else str(error))
    return error.exit_code


def _write_rejects(campaign: Campaign, path: Path) -> None:
    from campaign.journal.reading.reader import Reader
    from campaign.planning.skips import rejected_rows
    from campaign.recipients.rejects import write_rejects

    with (
        closing(Reader.open(campaign.settings.journal.url, campaign.folder)) as reader,
        whole_file(path) as file,
    ):
        columns = [source.columns for source in reader.sources()]
        count = write_rejects(file, columns, rejected_rows(reader))
    print(
        f"{path}: {counted(count, 'row')} to mend; name the file in files of [recipients], then"
        " `campaign plan --amend`",
        file=sys.stderr,
    )


def lines(summary: PlanSummary, paint: Paint, *, causes: bool = True) -> list[str]:
    """The plan for a terminal, with or without the causes of what is skipped."""
    from campaign.planning.skips import SKIP_WORDS

    shown = [
        f"{paint.bold(summary.campaign)}: {counted(summary.total, 'row')},"
        f" {paint.green(f'{summary.planned:,} to send')}, {summary.skipped:,} skipped"
    ]
    if summary.left < summary.planned:
        settled = summary.planned - summary.left
        shown += [f"  {settled:,} of them are settled already, {summary.left:,} are left"]
    if summary.amendment:
        shown += ["", paint.bold("Taken in"), *_amendment(summary.amendment)]
    shown += ["", *_sources(summary)]
    if summary.domains:
        shown += ["", paint.bold("To"), *_domains(summary)]
    if summary.skipped:
        shown += ["", paint.bold("Skipped")]
        shown += table(
            [(count, kind, SKIP_WORDS.get(kind, "")) for kind, count in summary.reasons],
            numbers=[0],
        )
    if summary.typos:
        shown += ["", paint.bold("Slips of the finger?"), *_typos(summary.typos)]
    if causes and summary.causes:
        shown += ["", paint.bold("To look at"), *_causes(summary.causes)]
    if summary.order:
        shown += ["", legible(_order(summary))]
    return [*shown, "", _forecast(summary), *map(legible, _outlook(summary))]


def _order(summary: PlanSummary) -> str:
    """By what the list goes."""
    said = f"in the order of {summary.order}, the highest first"
    if summary.unranked:
        said += f"; last {counted(summary.unranked, 'row')} without a number there"
    return said


def _amendment(amendment: Amendment) -> list[str]:
    """What an amended plan took in, what it changes, and what it leaves alone."""
    changes = [
        ("+", amendment.added, "new to send to"),
        ("~", amendment.restored, "could not be made before, and can be now"),
        ("~", amendment.corrected, "not sent yet, and other cells in the list"),
        ("~", amendment.changing, "not sent yet, and made with what changed"),
        ("-", amendment.removed, "not sent yet, and no longer on the list"),
        ("-", amendment.dropped, "not sent yet, and skipped now"),
        ("=", amendment.settled, "settled already, and left alone"),
    ]
    shown = table([change for change in changes if change[1]], numbers=[1])
    shown += [clip(f"  changed: {legible(name)}", WIDTH) for name in amendment.changed]
    return shown or ["  nothing: all is as it was planned"]


def _sources(summary: PlanSummary) -> list[str]:
    return table(
        [
            (
                source.name,
                source.encoding + _certainty(source.confidence),
                f"columns: {', '.join(source.columns)}",
            )
            for source in summary.sources
        ]
    )


def _certainty(confidence: float | None) -> str:
    is_certain = confidence is None or confidence > 0.995
    return "" if is_certain else f" ({confidence:.0%} sure)"


def _domains(summary: PlanSummary) -> list[str]:
    listed = list(summary.domains)
    others = summary.planned - sum(count for _, count in listed)
    if others > 0:
        listed.append(("all others", others))
    return table(
        [(count, percent(count, summary.planned), domain) for domain, count in listed],
        numbers=[0, 1],
    )


def _typos(typos: Iterable[tuple[str, int, str]]) -> list[str]:
    return [
        clip(legible(f"  {domain}: {counted(count, 'recipient')}; {meant}?"), WIDTH)
        for domain, count, meant in typos
    ]


def _causes(causes: Iterable[SkipKind]) -> list[str]:
    """How many rows each cause has, and the place of the first, with its reason below."""
    shown = []
    for cause in causes:
        place = f"{cause.file}:{cause.line}  {cause.address or '(empty)'}"
        start = f"  {cause.rows:,} x  " if cause.rows > 1 else "  "
        why = f"{start}{legible(cause.reason)}"
        shown += textwrap.wrap(why, WIDTH, subsequent_indent=_INDENT)
        first = "the first: " if cause.rows > 1 else ""
        shown.append(clip(f"{_INDENT}{first}{legible(place)}", WIDTH))
    return shown


def _forecast(summary: PlanSummary) -> str:
    text = counted(summary.left, "message")
    if summary.size_bytes:
        total = show_size(summary.size_bytes * summary.left)
        text += f" of {show_size(summary.size_bytes)} on average, {total} in all"
    if summary.forecast_s is not None:
        text += f"; about {show_duration(max(1.0, summary.forecast_s))} on the way"
    return text


def _outlook(summary: PlanSummary) -> list[str]:
    """What holds it up, when each provider is done, and whose time will be over first."""
    from campaign.clock import SystemClock, moment

    seen = summary.outlook
    if seen is None:
        return []
    shown = [f"held up by {seen.held_up_by}"] if seen.binds else []
    now_s = SystemClock().now_s()
    if last := ", ".join(f"{name} {moment(at_s, now_s)}" for name, at_s in seen.slowest):
        shown.append(f"the last of each goes: {last}")
    if seen.expired:
        shown.append(
            f"{counted(seen.expired, 'message')} will not go in time and will expire (expire_at)"
        )
    return shown


def as_object(summary: PlanSummary) -> dict[str, Any]:
    """The plan as `--json` prints it."""
    return {
        "campaign": summary.campaign,
        "total": summary.total,
        "planned": summary.planned,
        "skipped": summary.skipped,
        "left": summary.left,
        "reasons": dict(summary.reasons),
        "causes": [cause._asdict() for cause in summary.causes],
        "amendment": asdict(summary.amendment) if summary.amendment else None,
        "domains": dict(summary.domains),
        "typos": [
            dict(zip(("domain", "count", "meant"), typo, strict=True)) for typo in summary.typos
        ],
        "sources": [source._asdict() for source in summary.sources],
        "forecast_s": summary.forecast_s,
        "forecast": summary.outlook.as_object() if summary.outlook else None,
        "order": {"column": summary.order, "without": summary.unranked} if summary.order else None,
        "size_bytes": summary.size_bytes,
        "missing_for_bulk": summary.missing,
    }
