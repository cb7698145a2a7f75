"""`campaign verify`: which addresses of a list can be written to.

In: a list file.  Out: its rows with a verdict each, totals.
Touches: the DNS, with --probe mail servers; the file named by -o, which appears whole or not at
all, and a notebook beside it while the verify is not done.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli.arguments import HERE, JsonOption
from campaign.cli.asking import Means, ask_servers, probing_means
from campaign.cli.terminal.tables import counted, legible, percent, table
from campaign.errors import EXIT_DONE, EXIT_SOME_FAILED, DataError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from campaign.addresses.disposable import Disposables
    from campaign.cli.terminal.paint import Paint
    from campaign.preflight.verify.findings import VerifiedRow, VerifyTotals
    from campaign.preflight.verify.verification import Verification
    from campaign.units import Rate

EXAMPLES = (
    "campaign verify recipients.csv -o checked.csv --probe --campaign spring",
    "campaign verify recipients.csv -o checked.csv",
    "campaign verify recipients.xlsx --column Mail --json",
)
_MOST_CAUSES = 12
_MOST_TYPOS = 10


def command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .csv, .tsv, .xlsx or .parquet list.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write the rows with a verdict each: .csv, .jsonl, .parquet or .xlsx.",
        ),
    ] = None,
    column: Annotated[
        str, typer.Option(metavar="NAME", help="The column that holds the addresses.")
    ] = "email",
    apply: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the bad addresses, for `suppress import`."),
    ] = None,
    allow: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Domains, one a line, that are never disposable."),
    ] = None,
    nameserver: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS", help="Ask this server: 9.9.9.9 or 127.0.0.1:5353; repeatable."
        ),
    ] = None,
    dns_rate: Annotated[
        str, typer.Option(metavar="RATE", help="Questions to one nameserver, at most.")
    ] = "20/s",
    probe: Annotated[
        bool, typer.Option("--probe", help="Ask the mail servers, who must know us by our PTR.")
    ] = False,
    ask_all: Annotated[
        bool, typer.Option("--all", help="Ask about more than 25 names of a domain.")
    ] = False,
    sender: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help="MAIL FROM of the questions.")
    ] = "",
    campaign: Annotated[
        Path,
        typer.Option(
            metavar="PATH",
            help="Whose [direct] asks: a campaign.toml or its folder; left out: the current one.",
            show_default=False,
        ),
    ] = HERE,
    as_json: JsonOption = False,
) -> int:
    """Say which addresses of a list can be written to.

    good, bad (no such domain, or it takes no mail), doubtful (a slip of the finger, a disposable
    domain) or unknown. Exit code 1 where some are bad. A verify that was killed goes on where it
    was when the same command is given again.

    --probe asks mail servers whether they would take each address, and sends nothing: one a
    second at each, never the large providers, who do not tell.
    """
    from campaign.cli.files.formats import format_of
    from campaign.cli.terminal.progress import PlanProgress
    from campaign.clock import SystemClock
    from campaign.preflight.verify.findings import Standing
    from campaign.preflight.verify.notebook import open_notebook
    from campaign.preflight.verify.verification import Verification
    from campaign.routing.pace import QuestionPace

    if output:
        format_of(output)  # its name is judged before an hour of look-ups
    clock = SystemClock()
    means = probing_means(campaign, sender, ask_all) if probe else Means()
    if nameserver:
        means = means._replace(nameservers=tuple(nameserver))
    pace = QuestionPace(_rate(dns_rate), clock)
    disposables, note = _disposables(allow)
    with open_notebook(output, clock) as notebook, PlanProgress(sys.stderr, clock) as progress:
        verification = Verification(file, column, notebook, clock, progress)
        domains = _counted(verification, column)
        ask_servers(verification, means, disposables, notebook, clock, progress, pace)
        rows = verification.rows(disposables, means.prober)
        left_out = _write(rows, verification.columns, output, apply)
    totals = verification.totals
    if as_json:
        print(json.dumps(as_object(totals, domains, disposables), ensure_ascii=False))
    else:
        _print(file, totals, domains)
        for line in (note, left_out):
            if line:
                print(line)
    if output:
        print(f"{output}: {counted(totals.rows, 'row')}", file=sys.stderr)
    return EXIT_SOME_FAILED if totals.standings[Standing.BAD] else EXIT_DONE


def _rate(text: str) -> Rate:
    from campaign.units import read_rate

    try:
        return read_rate(text)
    except ValueError as error:
        raise UsageError(str(error), remedy="--dns-rate 20/s") from None


def _disposables(allow: Path | None) -> tuple[Disposables, str]:
    """The list of disposable domains, and a sentence where there is none."""
    from campaign.addresses.disposable import installed, none_installed

    try:
        allowed = allow.read_text(encoding="utf-8").split() if allow else []
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {allow}: {getattr(error, 'strerror', None) or error}",
            remedy="name a text file with a domain a line",
        ) from error
    try:
        return installed(allowed), ""
    except MissingExtraError as error:
        return none_installed(), f"Disposable domains were not looked for: {error}"


def _counted(verification: Verification, column: str) -> int:
    """The number of domains.  Raises DataError in the words of this command."""
    try:
        return verification.count_domains()
    except DataError as error:
        if "[recipients]" not in error.remedy:
            raise
        wrong = error.what == f"there is no column '{column}'"
        remedy = (
            error.remedy.replace("set address = ", "--column ")
            .replace("set address in [recipients] to one of", "name it by --column:")
            .replace(" in [recipients]", "")
        )
        raise DataError(
            error.what,
            file=error.file,
            line=error.line,
            remedy=remedy if wrong else error.remedy.replace(" in [recipients]", ""),
        ) from error


def _write(
    rows: Iterator[VerifiedRow],
    columns: Sequence[str],
    output: Path | None,
    apply: Path | None,
) -> str:
    """Judge every row and write what was asked for; a sentence about the bad ones."""
    from contextlib import ExitStack

    from campaign.cli.files.exports import WRITERS
    from campaign.cli.files.formats import format_of
    from campaign.cli.files.verified import BadOnes, VerifiedSheet, shown_to
    from campaign.cli.files.writing import whole_file

    with ExitStack() as stack:
        bad = BadOnes(stack.enter_context(whole_file(apply))) if apply else None
        if bad:
            rows = shown_to(rows, bad.take)
        if output:
            file = stack.enter_context(whole_file(output))
            WRITERS[format_of(output)](file, VerifiedSheet(rows, columns))
        else:
            for _ in rows:
                pass
    if apply is None or bad is None:
        return ""
    left = bad.without_address
    beside = f"; {counted(left, 'row')} without an address left out" if left else ""
    return f"{apply}: {counted(bad.count, 'bad address', 'bad addresses')}{beside}"


def _print(file: Path, totals: VerifyTotals, domains: int) -> None:
    from campaign.cli.terminal.paint import Paint

    paint = Paint.on(sys.stdout)
    title = f"{file.name}: {counted(totals.rows, 'row')}, {counted(domains, 'domain')}"
    print("\n".join(_lines(legible(title), totals, paint)))


def _lines(title: str, totals: VerifyTotals, paint: Paint) -> list[str]:
    """For a person, at most 80 columns."""
    from campaign.preflight.verify.findings import Standing

    painted = {
        Standing.GOOD: paint.green, Standing.DOUBTFUL: paint.yellow,
        Standing.BAD: paint.red, Standing.UNKNOWN: paint.cyan,
    }  # fmt: skip
    lines = [paint.bold(title)]
    rows = [
        (str(standing), count, percent(count, totals.rows))
        for standing, count in ((each, totals.standings[each]) for each in Standing)
    ]
    shown = table(rows, numbers=[1, 2])
    lines += [painted[each](line) for each, line in zip(Standing, shown, strict=True)]
    if totals.causes:
        lines += ["", paint.bold("Why")]
        most = totals.causes.most_common(_MOST_CAUSES)
        lines += table([(each, cause, count) for (each, cause), count in most], numbers=[2])
    if totals.typos:
        lines += ["", paint.bold("Slips of the finger?")]
        slips = totals.typos.most_common(_MOST_TYPOS)
        lines += table(
            [(typed, f"-> {meant}", count) for (typed, meant), count in slips], numbers=[2]
        )
        if (more := len(totals.typos) - _MOST_TYPOS) > 0:
            lines.append(f"  and {counted(more, 'more domain')}")
    return lines


def as_object(totals: VerifyTotals, domains: int, disposables: Disposables) -> dict[str, Any]:
    """For --json."""
    from campaign.preflight.verify.findings import Standing

    return {
        "rows": totals.rows,
        "domains": domains,
        "verdicts": {str(standing): totals.standings[standing] for standing in Standing},
        "reasons": [
            {"verdict": str(standing), "reason": cause, "rows": count}
            for (standing, cause), count in totals.causes.most_common()
        ],
        "suggestions": [
            {"domain": typed, "meant": meant, "rows": count}
            for (typed, meant), count in totals.typos.most_common()
        ],
        "disposable_list": disposables.title,
    }
