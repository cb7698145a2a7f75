"""`campaign cancel`: people who were to get a letter get none.

In: which of them, and why.  Out: how many.  Touches: the journal, which no run may hold.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption, PathArgument, RehearsalOption, YesOption
from campaign.cli.sending import can_ask, type_number
from campaign.cli.terminal.streams import tell
from campaign.cli.terminal.tables import counted, in_archives
from campaign.errors import EXIT_DONE, JournalBusy, UsageError
from campaign.records import Change, State

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.journal.reading.candidates import Candidate
    from campaign.journal.reading.reader import Reader
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
    `campaign retry --cancelled` takes it back. Where it holds of nobody who is left, letters in
    archives of which it holds are named.
    """
    from campaign.cli.journals import campaign_to_look_at
    from campaign.clock import SystemClock
    from campaign.journal.reading.candidates import archived, candidates
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
        means = _condition(reader, where)
        chosen = [each for each in candidates(reader) if means(each)]
        count = len(chosen)
        over = archived(reader, means) if where is not None and not count else {}
        if count and not yes and can_ask():
            type_number(f"Cancel {counted(count, 'recipient')}?", count, "nobody was cancelled")
        now_s, reason = clock.now_s(), f"cancelled: {because.strip()}"
        _cancel(journal, (_change(each, now_s, reason) for each in chosen))
        _show(campaign, count, over, sandbox, as_json)
    return EXIT_DONE


def _condition(reader: Reader, where: str | None) -> Callable[[Candidate], bool]:
    """Whether somebody is meant.  Raises UsageError for the expression."""
    if where is None:
        return lambda each: True
    from campaign.rendering.conditions import RowCondition

    sources = reader.sources()
    names = dict.fromkeys(name for source in sources for name in source.columns)
    condition = RowCondition(where, [*names, *_OURS])
    empty = dict.fromkeys(names, "")

    def holds(each: Candidate) -> bool:
        source = sources[each.source]
        ours = {"row": each.row, "file": source.name, "line": each.line,
                "address": each.address, "domain": each.domain, "state": each.state}  # fmt: skip
        cells = [cell for cell in json.loads(each.data) if isinstance(cell, str)]
        own = dict(zip(source.columns, cells, strict=False))
        return condition.holds({**ours, **empty, **own, "columns": {**empty, **own}})

    return holds


def _change(each: Candidate, now_s: float, reason: str) -> Change:
    return Change(
        each.row, State.CANCELLED, now_s, each.attempts, each.sendings, each.resends,
        reason=reason, before=State(each.state),
    )  # fmt: skip


def _cancel(journal: Journal, changes: Iterator[Change]) -> None:
    while part := list(islice(changes, _PART)):
        journal.apply(part)


def _show(
    campaign: Campaign, count: int, over: Mapping[str, int], sandbox: bool, as_json: bool
) -> None:
    if as_json:
        print(json.dumps({"campaign": campaign.settings.name, "cancelled": count,
                          "archived": over, "sandbox": sandbox}))  # fmt: skip
        return
    print(f"{counted(count, 'recipient')} cancelled")
    if over:
        tell(f"{in_archives(over)}, settled for good: nothing is left to cancel", sys.stderr)
