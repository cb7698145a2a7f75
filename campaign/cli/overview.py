"""How many recipients are in which state, now or as it changes: the answer of `campaign status`.

In: the journal.  Out: counts.  Touches: nothing; a run may go on meanwhile.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.tables import counted, percent, table
from campaign.journal.states import SHOWN
from campaign.records import State, settled_of, unsettled_of
from campaign.units import show_duration

if TYPE_CHECKING:
    from campaign.clock import Clock
    from campaign.journal.reading.glance import Glance

_WATCH_EVERY_S = 1.0


@dataclass(frozen=True)
class Overview:
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
        return not unsettled_of(self.counts)


def show(path: Path, *, watch: bool, sandbox: bool, as_json: bool) -> None:
    """Answer on stdout; when watching, until everybody is settled."""
    from campaign.cli.journals import glance_at, journal_to_look_at
    from campaign.clock import SystemClock

    clock = SystemClock()
    with glance_at(journal_to_look_at(path, sandbox)) as journal:
        if watch:
            _watch(looks(journal, clock, time.sleep), as_json, sandbox)
        elif as_json:
            print(as_line(look(journal, clock), sandbox))
        else:
            print("\n".join(lines(look(journal, clock), 0.0, _paint())))


def look(journal: Glance, clock: Clock) -> Overview:
    """Ask the journal."""
    due_s = journal.next_due()
    now_s = clock.now_s()
    return Overview(
        journal.campaign(),
        journal.counts(),
        None if due_s is None else max(0.0, due_s - now_s),
        now_s,
    )


def looks(journal: Glance, clock: Clock, sleep: Callable[[float], None]) -> Iterator[Overview]:
    """One look a second, the last when it is finished."""
    while True:
        now = look(journal, clock)
        yield now
        if now.is_finished:
            return
        sleep(_WATCH_EVERY_S)


def _watch(overviews: Iterator[Overview], as_json: bool, sandbox: bool) -> None:
    """Redrawn in place on a terminal, one block or object after the other elsewhere."""
    before: Overview | None = None
    drawn = 0
    try:
        for now in overviews:
            if as_json:
                print(as_line(now, sandbox), flush=True)
                continue
            if drawn and sys.stdout.isatty():
                print(f"\x1b[{drawn}A\x1b[J", end="")
            shown = lines(now, _rate(before, now), _paint())
            print("\n".join(shown), flush=True)
            drawn, before = len(shown), now
    except KeyboardInterrupt:  # the usual end of watching
        return


def _rate(before: Overview | None, now: Overview) -> float:
    """Settled recipients per second between two looks."""
    if before is None or now.at_s <= before.at_s:
        return 0.0
    settled = settled_of(now.counts) - settled_of(before.counts)
    return settled / (now.at_s - before.at_s)


def _paint() -> Paint:
    return Paint.on(sys.stdout)


def lines(now: Overview, rate_s: float, paint: Paint) -> list[str]:
    """Where everybody stands, for a terminal."""
    what = "finished" if now.is_finished else "not finished"
    shown = [f"{paint.bold(now.campaign)}: {counted(now.total, 'row')}, {what}"]
    if rate_s:
        shown[0] += f", {rate_s:,.1f}/s"
    shown += state_table(now.counts, now.total, paint)
    if now.next_due_s is not None:
        shown.append(f"  the next deferred one may go in {show_duration(now.next_due_s)}")
    return shown


def as_line(now: Overview, sandbox: bool) -> str:
    """The fields of the contract as one JSON object."""
    fields: dict[str, Any] = {
        "campaign": now.campaign,
        "sandbox": sandbox,
        "finished": now.is_finished,
        "total": now.total,
        "counts": {state: now.counts.get(state, 0) for state in SHOWN},
    }
    return json.dumps(fields)


def state_table(counts: dict[State, int], total: int, paint: Paint) -> list[str]:
    """One line for each state that somebody is in."""
    colours = {"good": paint.green, "bad": paint.red, "warn": paint.yellow}
    present = [state for state in State if counts.get(state, 0)]
    drawn = table(
        [(counts[state], percent(counts[state], total), state) for state in present],
        numbers=[0, 1],
    )
    return [
        colours.get(SHOWN[state].tone, str)(line)
        for state, line in zip(present, drawn, strict=True)
    ]
