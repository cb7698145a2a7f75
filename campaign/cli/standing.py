"""Where everybody stands, now or as it changes: the answer of a plain `campaign status`.

In: the journal.  Out: counts.  Touches: nothing; a run may go on meanwhile.

It is asked beside a run that needs both cores, every second by some.  So the plain question is
understood here: to read eight options, typer and pydantic work three times as long as the answer
takes.  Whatever is not plain goes their way.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from campaign.cli.paint import Paint
from campaign.cli.tables import counted, percent, table
from campaign.records import State, settled_of, unsettled_of
from campaign.units import show_duration

if TYPE_CHECKING:
    from campaign.clock import Clock
    from campaign.journal.reading.glance import Glance

_FLAGS = ("--watch", "--sandbox", "--json")  # as in Question
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
        return not unsettled_of(self.counts)


class Question(NamedTuple):
    """What is asked."""

    path: Path = Path()
    watch: bool = False
    sandbox: bool = False
    as_json: bool = False


def read_question(arguments: Sequence[str]) -> Question | None:
    """`status`, nothing but flags and a path; None for every other command line."""
    if arguments[:1] != ["status"]:
        return None
    words = arguments[1:]
    paths = [word for word in words if word not in _FLAGS]
    if len(paths) > 1 or any(path.startswith("-") for path in paths):
        return None
    return Question(Path(*paths), *(flag in words for flag in _FLAGS))


def show(question: Question) -> None:
    """Answer on stdout; when watching, until everybody is settled."""
    from campaign.cli.lookup import glance_at, journal_to_look_at
    from campaign.clock import SystemClock

    clock = SystemClock()
    with glance_at(journal_to_look_at(question.path, question.sandbox)) as journal:
        if question.watch:
            _watch(looks(journal, clock, time.sleep), question.as_json)
        elif question.as_json:
            print(as_line(look(journal, clock)))
        else:
            print("\n".join(lines(look(journal, clock), 0.0, _paint())))


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
    settled = settled_of(now.counts) - settled_of(before.counts)
    return settled / (now.at_s - before.at_s)


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


def state_table(counts: dict[State, int], total: int, paint: Paint) -> list[str]:
    """One line for each state that somebody is in."""
    colours = {
        State.SENT: paint.green,
        State.FAILED: paint.red,
        State.HELD: paint.red,
        State.EXPIRED: paint.red,
        State.DEFERRED: paint.yellow,
        State.SENDING: paint.yellow,
    }
    present = [state for state in State if counts.get(state, 0)]
    drawn = table(
        [(counts[state], percent(counts[state], total), state) for state in present],
        numbers=[0, 1],
    )
    return [colours.get(state, str)(line) for state, line in zip(present, drawn, strict=True)]
