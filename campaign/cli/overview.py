"""How many recipients are in which state, now or as it changes: the answer of `campaign status`.

In: the journal.  Out: counts.  Touches: nothing; a run may go on meanwhile.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from campaign.cli.templates import (
    NO_TEMPLATES,
    TemplateFigures,
    template_figures,
    template_lines,
    template_objects,
)
from campaign.cli.terminal.course import course_lines
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.tables import counted, legible, percent, table
from campaign.clock import iso
from campaign.journal.states import SHOWN
from campaign.outcomes import NO_WAIT, Awaited
from campaign.records import State, unsettled_of
from campaign.units import show_duration

if TYPE_CHECKING:
    from campaign.clock import Clock
    from campaign.config.reading import Whereabouts
    from campaign.journal.holding.pausing import Pause, PauseMark
    from campaign.journal.reading.questions import Glance
    from campaign.journal.sharing.holders import Holder
    from campaign.planning.timing.prospect import Prospect
    from campaign.webhooks.standing import EndpointStanding

_WATCH_EVERY_S = 1.0
Waiting = Callable[[float, float], Awaited]  # for what, at an instant, at a rate
Foreseeing = Callable[[float], "Prospect | None"]


@dataclass(frozen=True)
class Overview:
    """Where everybody stands at one moment."""

    campaign: str
    counts: dict[State, int]
    next_due_s: float | None  # seconds until the first deferred recipient may go
    at_s: float
    rate_s: float = 0.0  # recipients settled each second of the last minute, by a run that lives
    is_running: bool | None = False  # None: by another machine, so nobody here can say
    pause: Pause | None = None
    sandbox: bool = False
    events: Mapping[str, int] = field(default_factory=dict)  # what came back, by kind
    awaited: Awaited = NO_WAIT  # what planned recipients wait for
    webhooks: Sequence[EndpointStanding] = ()  # how those stand who are told what happens
    workers: Sequence[Holder] = ()  # of a fleet
    letters: TemplateFigures = NO_TEMPLATES  # of an open campaign
    prospect: Prospect | None = None  # the plan, what happened, and what is foreseen

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def is_finished(self) -> bool:
        return not unsettled_of(self.counts) and not self.letters.accepted

    @property
    def left_s(self) -> float | None:
        """Seconds until everybody is settled, at this rate; not before what is waited for."""
        left = unsettled_of(self.counts)
        if not left or not self.rate_s:
            return None
        return max(left / self.rate_s, (self.awaited.until_s or 0.0) - self.at_s)


def show(path: Path, *, watch: bool, sandbox: bool, as_json: bool) -> None:
    """Answer on stdout; when watching, until everybody is settled."""
    from campaign.cli.journals import glance_at, journal_to_look_at
    from campaign.clock import SystemClock
    from campaign.journal.holding.pausing import PauseMark
    from campaign.journal.reading.returned.events import count_events

    clock = SystemClock()
    place = journal_to_look_at(path, sandbox)
    mark = PauseMark(*place)
    wait, foresee = _times_of(path, sandbox, clock)
    beside = SideQuestions(
        wait,
        partial(count_events, *place),
        _webhooks_of(path, sandbox),
        foresee,
        _letters_of(path, place),
    )
    with glance_at(place) as journal:
        if watch:
            _watch(looks(journal, clock, time.sleep, mark, sandbox, beside), as_json)
        elif as_json:
            print(as_line(look(journal, clock, mark, sandbox, beside)))
        else:
            print("\n".join(lines(look(journal, clock, mark, sandbox, beside), _paint())))


def _letters_of(path: Path, where: Whereabouts) -> Callable[[float], TemplateFigures]:
    """Of an open campaign how its templates stand; others pay nothing."""
    from campaign.config.reading import read_config

    if read_config(path).tables.get("kind") != "open":
        return lambda now_s: NO_TEMPLATES
    return partial(template_figures, where)


def _webhooks_of(path: Path, sandbox: bool) -> Callable[[], Sequence[EndpointStanding]]:
    """How webhooks stand; a campaign without any pays nothing."""
    from campaign.config.reading import read_config

    config = read_config(path)
    tables = config.tables.get("webhook", [])
    urls = [each.get("url") for each in (tables if isinstance(tables, list) else [tables])]
    if sandbox or not urls or not all(isinstance(url, str) for url in urls):
        return tuple
    from campaign.webhooks.standing import standings

    return partial(standings, *config.journal, urls)


def _times_of(path: Path, sandbox: bool, clock: Clock) -> tuple[Waiting, Foreseeing]:
    """What is waited for at an instant, and what is foreseen; a campaign without times and rates
    pays nothing."""
    from campaign.config.reading import read_config

    if sandbox or not _names_times(read_config(path).tables):
        return _nothing, _unforeseen
    from campaign.config.loader import load
    from campaign.errors import ConfigError, ConfigErrors
    from campaign.journal.reading.tallies import Tallies
    from campaign.planning.timing.awaited import Waits
    from campaign.planning.timing.prospect import Prospects

    try:
        campaign = load(path)
    except (ConfigError, ConfigErrors):
        return _nothing, _unforeseen  # a list or a template is gone: the counts are told anyway
    waits, prospects = Waits(campaign, clock), Prospects(campaign, clock)

    def ask(now_s: float, per_s: float) -> Awaited:
        with closing(Tallies.open(*campaign.journal)) as reader:
            return waits.ask(reader, now_s, per_s)

    def foresee(now_s: float) -> Prospect:
        with closing(Tallies.open(*campaign.journal)) as reader:
            return prospects.ask(reader, now_s)

    return ask, foresee


def _names_times(tables: Mapping[str, Any]) -> bool:
    """Does a campaign have a [schedule], a [ramp], or rates of any kind?"""
    relays, limits = tables.get("relay", []), tables.get("limits", {})
    ways = [*(relays if isinstance(relays, list) else [relays]), tables.get("direct", {})]
    has_rates = any("rates" in each for each in [*ways, *limits.values()])
    return "schedule" in tables or "ramp" in tables or has_rates


def _nothing(now_s: float, per_s: float) -> Awaited:
    return NO_WAIT


def _unforeseen(now_s: float) -> Prospect | None:
    return None


class SideQuestions(NamedTuple):
    """Questions about what stands beside the states."""

    wait: Waiting = _nothing
    events: Callable[[], Mapping[str, int]] = dict
    webhooks: Callable[[], Sequence[EndpointStanding]] = tuple
    foresee: Foreseeing = _unforeseen
    letters: Callable[[float], TemplateFigures] = lambda now_s: NO_TEMPLATES


NOTHING_BESIDE = SideQuestions()


def look(
    journal: Glance,
    clock: Clock,
    mark: PauseMark,
    sandbox: bool,
    beside: SideQuestions = NOTHING_BESIDE,
) -> Overview:
    """Ask the journal."""
    due_s = journal.next_due()
    now_s = clock.now_s()
    is_running, workers = journal.is_running(), journal.workers()
    counts = journal.counts()
    rate_s = journal.rate_s(now_s) if is_running is not False else 0.0
    return Overview(
        journal.campaign(),
        counts,
        None if due_s is None else max(0.0, due_s - now_s),
        now_s,
        rate_s,
        is_running,
        mark.read(),
        sandbox,
        beside.events(),
        beside.wait(now_s, rate_s) if unsettled_of(counts) else NO_WAIT,
        beside.webhooks(),
        workers,
        beside.letters(now_s),
        beside.foresee(now_s),
    )


def looks(
    journal: Glance,
    clock: Clock,
    sleep: Callable[[float], None],
    mark: PauseMark,
    sandbox: bool,
    beside: SideQuestions = NOTHING_BESIDE,
) -> Iterator[Overview]:
    """One look a second, the last when it is finished."""
    while True:
        now = look(journal, clock, mark, sandbox, beside)
        yield now
        if now.is_finished:
            return
        sleep(_WATCH_EVERY_S)


def _watch(overviews: Iterator[Overview], as_json: bool) -> None:
    """Redrawn in place on a terminal, one block or object after the other elsewhere."""
    drawn = 0
    try:
        for now in overviews:
            if as_json:
                print(as_line(now), flush=True)
                continue
            if drawn and sys.stdout.isatty():
                print(f"\x1b[{drawn}A\x1b[J", end="")
            shown = lines(now, _paint())
            print("\n".join(shown), flush=True)
            drawn = len(shown)
    except KeyboardInterrupt:  # the usual end of watching
        return


def _paint() -> Paint:
    return Paint.on(sys.stdout)


def lines(now: Overview, paint: Paint) -> list[str]:
    """Where everybody stands, for a terminal."""
    shown = [f"{paint.bold(now.campaign)}: {counted(now.total, 'row')}, {_what(now)}"]
    if now.rate_s:
        shown[0] += f", {now.rate_s:,.1f}/s"
    if now.left_s:
        shown[0] += f", {show_duration(max(1.0, now.left_s))} left"
    shown += state_table(now.counts, now.total, paint)
    shown += template_lines(now.letters)
    if now.events:
        back = ", ".join(f"{count:,} {kind}" for kind, count in sorted(now.events.items()))
        shown.append(f"  came back: {back}")
    for webhook in now.webhooks:
        if webhook.needs_a_person or webhook.state == "failing":
            shown.append(f"  webhook {legible(webhook.sentence())}")
    shown += [f"  {legible(_holding(worker))}" for worker in now.workers]
    if now.pause:
        shown.append(f"  {legible(str(now.pause))}; `campaign resume` goes on")
    if now.awaited.words:
        shown.append(f"  {legible(now.awaited.words)}")
    if now.next_due_s is not None and now.next_due_s >= 1:
        shown.append(f"  the next deferred one may go in {show_duration(now.next_due_s)}")
    elif now.next_due_s is not None:
        shown.append("  a deferred one may go now")
    if now.prospect is not None:
        shown += map(legible, course_lines(now.prospect, now.at_s))
    return shown


def _holding(worker: Holder) -> str:
    """What one worker of a fleet has in hand."""
    shards = counted(worker.shards, "shard")
    leaving = ", asked to leave" if worker.is_drained else ""
    return f"worker {worker.worker} on {worker.host}: {shards}, epoch {worker.epoch}{leaving}"


def worker_object(worker: Holder) -> dict[str, Any]:
    """As `--json` prints it."""
    return {
        "worker": worker.worker,
        "host": worker.host,
        "pid": worker.pid,
        "epoch": worker.epoch,
        "since": iso(worker.since_s),
        "shards": worker.shards,
        "connections": worker.connections,
        "leaving": worker.is_drained,
    }


def _what(now: Overview) -> str:
    if now.is_finished:
        return "finished"
    if now.is_running is None:
        return "not finished, last run on another machine"
    return "running" if now.is_running else "not finished, and no run is under way"


def as_line(now: Overview) -> str:
    """The fields of the contract as one JSON object."""
    fields: dict[str, Any] = {
        "campaign": now.campaign,
        "sandbox": now.sandbox,
        "finished": now.is_finished,
        "total": now.total,
        "counts": {state: now.counts.get(state, 0) for state in SHOWN},
        "events": dict(now.events),
        "webhooks": [webhook.as_object() for webhook in now.webhooks],
        "running": now.is_running,
        "paused": now.pause is not None,
        "rate": round(now.rate_s, 2),
        "left_s": None if now.left_s is None else round(now.left_s, 1),
        "waiting_for": now.awaited.words,
        "waiting_until": None if now.awaited.until_s is None else iso(now.awaited.until_s),
        "workers": [worker_object(worker) for worker in now.workers],
        "next_due_s": None if now.next_due_s is None else round(now.next_due_s, 1),
        "forecast": _foreseen(now.prospect),
        **template_objects(now.letters),
    }
    return json.dumps(fields)


def _foreseen(prospect: Prospect | None) -> dict[str, object] | None:
    """As `plan --json` has it, with when the plan was to be done."""
    if prospect is None or prospect.forecast is None:
        return None
    planned = prospect.planned[-1].at_s if prospect.planned else None
    return {
        "planned_at": None if planned is None else iso(planned),
        **prospect.forecast.as_object(),
    }


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
