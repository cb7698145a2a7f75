"""`campaign status`: where everybody stands, now or as it changes.

In: the journal.  Out: counts, or the history of one recipient.
Touches: nothing; a run may go on meanwhile.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli.arguments import HERE, JsonOption, PathArgument, RehearsalOption
from campaign.cli.paint import Paint
from campaign.cli.sending import state_table
from campaign.cli.serving import WATCH_PORT, NoBrowserOption, PortOption, serve_watch
from campaign.cli.tables import counted
from campaign.errors import EXIT_DONE
from campaign.records import SETTLED, State
from campaign.units import show_duration

if TYPE_CHECKING:
    from campaign.clock import Clock
    from campaign.journal.glance import Glance

EXAMPLES = (
    "campaign status spring",
    "campaign status spring --recipient grace@example.com",
)
_WATCH_EVERY_S = 1.0
_ORDER = ("planned", "sending", "sent", "failed", "deferred", "held", "skipped", "expired",
          "cancelled")  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """Where everybody stands at one moment."""

    campaign: str
    counts: dict[State, int]
    next_due_s: float | None  # seconds until the first deferred recipient may go
    at_s: float

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def is_finished(self) -> bool:
        return all(state in SETTLED for state, count in self.counts.items() if count)


def command(
    path: PathArgument = HERE,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every second until it is finished.")
    ] = False,
    recipient: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Show everything that befell ADDRESS.")
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show it on a live page in the browser.")
    ] = False,
    sandbox: RehearsalOption = False,
    as_json: JsonOption = False,
    port: PortOption = WATCH_PORT,
    no_browser: NoBrowserOption = False,
) -> int:
    """Show where everybody stands; a run may go on meanwhile."""
    from campaign.cli.lookup import campaign_to_look_at, glance_at, look_up
    from campaign.clock import SystemClock

    if serve:
        serve_watch(campaign_to_look_at(path, sandbox), port, open_browser=not no_browser)
        return EXIT_DONE
    if recipient is not None:
        from campaign.cli.befell import show_recipient

        with look_up(path, sandbox) as reader:
            show_recipient(reader, recipient, as_json)
        return EXIT_DONE
    clock = SystemClock()
    with glance_at(campaign_to_look_at(path, sandbox)) as journal:
        if watch:
            _watch(looks(journal, clock, time.sleep), as_json)
        else:
            standing = look(journal, clock)
            print(as_line(standing) if as_json else "\n".join(lines(standing, 0.0, _paint())))
    return EXIT_DONE


def look(journal: Glance, clock: Clock) -> Standing:
    """Ask the journal."""
    due_s = journal.next_due()
    now_s = clock.now_s()
    return Standing(
        journal.campaign(),
        journal.counts(),
        None if due_s is None else max(0.0, due_s - now_s),
        now_s,
    )


def looks(journal: Glance, clock: Clock, sleep: Callable[[float], None]) -> Iterator[Standing]:
    """One look a second, the last when it is finished."""
    while True:
        standing = look(journal, clock)
        yield standing
        if standing.is_finished:
            return
        sleep(_WATCH_EVERY_S)


def _watch(standings: Iterator[Standing], as_json: bool) -> None:
    """Redrawn in place on a terminal, one block or object after the other elsewhere."""
    before: Standing | None = None
    drawn = 0
    try:
        for standing in standings:
            if as_json:
                print(as_line(standing), flush=True)
                continue
            if drawn and sys.stdout.isatty():
                print(f"\x1b[{drawn}A\x1b[J", end="")
            shown = lines(standing, _rate(before, standing), _paint())
            print("\n".join(shown), flush=True)
            drawn, before = len(shown), standing
    except KeyboardInterrupt:  # the usual end of watching
        return


def _rate(before: Standing | None, now: Standing) -> float:
    """Settled recipients per second between two looks."""
    if before is None or now.at_s <= before.at_s:
        return 0.0
    settled = [sum(look.counts.get(state, 0) for state in SETTLED) for look in (before, now)]
    return (settled[1] - settled[0]) / (now.at_s - before.at_s)


def _paint() -> Paint:
    return Paint.on(sys.stdout)


def lines(standing: Standing, rate_s: float, paint: Paint) -> list[str]:
    """Where everybody stands, for a terminal."""
    what = "finished" if standing.is_finished else "not finished"
    shown = [f"{paint.bold(standing.campaign)}: {counted(standing.total, 'row')}, {what}"]
    if rate_s:
        shown[0] += f", {rate_s:,.1f}/s"
    shown += state_table(standing.counts, standing.total, paint)
    if standing.next_due_s is not None:
        shown.append(f"  the next deferred one may go in {show_duration(standing.next_due_s)}")
    return shown


def as_line(standing: Standing) -> str:
    """The fields of the contract as one JSON object."""
    fields: dict[str, Any] = {
        "campaign": standing.campaign,
        "finished": standing.is_finished,
        "total": standing.total,
        "counts": {state: standing.counts.get(State(state), 0) for state in _ORDER},
    }
    return json.dumps(fields)
