"""`campaign cancel`: people who were to get a letter get none.

In: which of them, and why.  Out: how many.  Touches: the journal, which no run may hold.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption, PathArgument, RehearsalOption, YesOption
from campaign.cli.sending import can_ask, type_number
from campaign.cli.terminal.tables import counted
from campaign.errors import EXIT_DONE, JournalBusy, UsageError
from campaign.records import Change, State

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.journal.reading.reader import Candidate, Reader
    from campaign.journal.store import Journal

EXAMPLES = (
    "campaign cancel spring --where \"company == 'Acme'\" --because ended --yes",
    'campaign cancel spring --because "sent by post" --yes',
)
_OURS = ("row", "file", "line", "address", "domain", "state")  # where the list has no such column
_PART = 5_000  # changes in one transaction


def command(
    path: PathArgument = HERE,
    because: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; it stands in the results.")
    ] = "",
    where: Annotated[
        str | None,
        typer.Option(
            metavar="EXPR",
            help="Only rows of which this holds, written as in a template: company == 'Acme'.",
        ),
    ] = None,
    yes: YesOption = False,
    sandbox: RehearsalOption = False,
    as_json: JsonOption = False,
) -> int:
    """Cancel recipients who were not sent to yet.

    Those are the planned, deferred and held ones: all of them, or those of which --where holds.
    EXPR may use the columns of the list, and row, file, line, address, domain and state.
    `campaign retry --cancelled` takes it back.
    """
    from campaign.cli.journals import campaign_to_look_at
    from campaign.clock import SystemClock
    from campaign.journal.reading.reader import Reader
    from campaign.journal.store import Journal

    if not because.strip():
        raise UsageError("nobody would know why", remedy='say --because "contract ended"')
    campaign = campaign_to_look_at(path, sandbox)
    url, clock = campaign.settings.journal.url, SystemClock()
    try:
        journal = Journal.open(url, campaign.folder, clock=clock, create=False)
    except JournalBusy as error:
        raise JournalBusy(
            error.what, file=error.file, remedy="`campaign pause` ends the run; then cancel"
        ) from None
    with closing(journal), closing(Reader.open(url, campaign.folder)) as reader:
        chosen = list(_chosen(reader, where))
        count = len(chosen)
        if count and not yes and can_ask():
            type_number(f"Cancel {counted(count, 'recipient')}?", count, "nobody was cancelled")
        now_s, reason = clock.now_s(), f"cancelled: {because.strip()}"
        _cancel(journal, (_change(each, now_s, reason) for each in chosen))
        _show(campaign, count, sandbox, as_json)
    return EXIT_DONE


def _chosen(reader: Reader, where: str | None) -> Iterator[Candidate]:
    """Those who may be cancelled, and are meant.  Raises UsageError for the expression."""
    if where is None:
        yield from reader.candidates()
        return
    from campaign.rendering.conditions import RowCondition

    sources = reader.sources()
    names = dict.fromkeys(name for source in sources for name in source.columns)
    condition = RowCondition(where, [*names, *_OURS])
    empty = dict.fromkeys(names, "")
    for each in reader.candidates():
        source = sources[each.source]
        ours = {"row": each.row, "file": source.name, "line": each.line,
                "address": each.address, "domain": each.domain, "state": each.state}  # fmt: skip
        cells = [cell for cell in json.loads(each.data) if isinstance(cell, str)]
        own = dict(zip(source.columns, cells, strict=False))
        if condition.holds({**ours, **empty, **own, "columns": {**empty, **own}}):
            yield each


def _change(each: Candidate, now_s: float, reason: str) -> Change:
    return Change(
        each.row, State.CANCELLED, now_s, each.attempts, each.sendings, each.resends,
        reason=reason, before=State(each.state),
    )  # fmt: skip


def _cancel(journal: Journal, changes: Iterator[Change]) -> None:
    while part := list(islice(changes, _PART)):
        journal.apply(part)


def _show(campaign: Campaign, count: int, sandbox: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"campaign": campaign.settings.name, "cancelled": count,
                          "sandbox": sandbox}))  # fmt: skip
    else:
        print(f"{counted(count, 'recipient')} cancelled", file=sys.stdout)
