"""Asks the journal how the run stands, again and again, without getting in its way.

In: a journal.  Out: `RunSample`s.  Touches: the journal, read-only, in a thread of its own.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from campaign.clock import Clock
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.reading.tallies import Answer, Provider, RunRecord, Tallies, Trouble
from campaign.outcomes import NO_WAIT, Awaited
from campaign.pages.causes import Cause, cause_of
from campaign.pages.charts import Point
from campaign.pages.hourly import HourlyLetters
from campaign.planning.timing.prospect import NO_PROSPECT, Prospect
from campaign.records import State, settled_of, unsettled_of
from campaign.watch.returned import NOTHING_RETURNED, ReturnedSample

_PROVIDERS = 12
_ANSWERS = 12
_POINTS = 90  # of the curve
_RATE_OVER_S = 5.0


class Obstacle(NamedTuple):
    """Why people are not sent to, in plain words."""

    cause: Cause
    recipients: int
    states: str  # "deferred", "failed and held"
    is_final: bool
    example: str  # a real reply


@dataclass(frozen=True)
class RunSample:
    """The run at one moment."""

    at_s: float
    campaign: str
    counts: dict[State, int]
    per_s: float
    left_s: float | None
    phase: str  # "running", "waiting", "finished", "stopped", "not begun"
    next_due_s: float | None
    curve: list[Point]
    deferrals_s: list[float]  # stretches of the curve in which somebody was deferred
    providers: list[Provider]
    reasons: list[Obstacle]
    answers: list[Answer]
    started_s: float
    waiting_for: str = ""  # what planned recipients wait for
    prospect: Prospect = NO_PROSPECT
    returned: ReturnedSample = NOTHING_RETURNED
    hourly: HourlyLetters | None = None  # of an open campaign

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def recipients(self) -> int:
        """Everybody who is to be written to."""
        return self.total - self.counts[State.SKIPPED]

    @property
    def settled(self) -> int:
        return settled_of(self.counts) - self.counts[State.SKIPPED]


class Sampler:
    """Keeps what it saw, for the curve; one thread uses it."""

    def __init__(
        self,
        tallies: Tallies,
        clock: Clock,
        waits: Callable[[ClaimReader, float, float], Awaited],
        prospects: Callable[[Tallies, float], Prospect] = lambda tallies, now_s: NO_PROSPECT,
        returned: Callable[[Tallies], ReturnedSample] = lambda tallies: NOTHING_RETURNED,
        hourly: Callable[[Tallies, float], HourlyLetters | None] = lambda tallies, now_s: None,
    ) -> None:
        """`waits`: what planned recipients wait for at an instant, with so many sent a second.

        `prospects`: the plan, what happened and what is foreseen at an instant.
        `returned`: what has come back so far.
        `hourly`: by template and hour, of an open campaign.
        """
        self._returned = returned
        self._hourly = hourly
        self._waits = waits
        self._prospects = prospects
        self._tallies = tallies
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque(maxlen=120)

    def sample(self) -> RunSample:
        """Look at everything once."""
        tallies, now_s = self._tallies, self._clock.now_s()
        counts = tallies.counts()
        runs = tallies.runs()
        self._seen.append((now_s, counts[State.SENT]))
        per_s = self._rate(now_s)
        unsettled = unsettled_of(counts)
        next_due_s = tallies.next_due()
        curve = self._curve(now_s)
        awaited = self._waits(tallies, now_s, per_s) if unsettled else NO_WAIT
        return RunSample(
            at_s=now_s,
            campaign=tallies.plan_record().campaign,
            counts=counts,
            per_s=per_s,
            left_s=_left_s(counts[State.PLANNED], per_s, awaited, now_s),
            phase=_phase(runs, counts, unsettled, per_s, awaited.words),
            next_due_s=next_due_s,
            curve=curve,
            deferrals_s=self._deferrals(curve),
            providers=tallies.providers(_PROVIDERS),
            reasons=reasons(tallies, tallies.troubles()),
            answers=tallies.latest(_ANSWERS),
            started_s=runs[-1].started_s if runs else 0.0,
            waiting_for=awaited.words,
            prospect=self._prospects(tallies, now_s),
            returned=self._returned(tallies),
            hourly=self._hourly(tallies, now_s),
        )

    def _rate(self, now_s: float) -> float:
        before = [seen for seen in self._seen if now_s - seen[0] <= _RATE_OVER_S]
        (first_s, first), (last_s, last) = before[0], before[-1]
        return (last - first) / (last_s - first_s) if last_s - first_s > 0.5 else 0.0

    def _curve(self, now_s: float) -> list[Point]:
        """Messages per second from the first to now, in stretches as long as are readable."""
        first_s, last_s = self._tallies.sending_span()
        if not first_s:
            return []
        until_s = now_s if now_s - last_s < 30 else last_s
        bucket_s = max(1.0, (until_s - first_s) / _POINTS)
        sent = dict(self._tallies.times(State.SENT, bucket_s))
        start = int(first_s / bucket_s)
        last = int(until_s / bucket_s)
        last -= last - start > 3  # the stretch under way is not full yet
        return [
            Point(at * bucket_s, sent.get(at * bucket_s, 0) / bucket_s)
            for at in range(start, last + 1)
        ]

    def _deferrals(self, curve: list[Point]) -> list[float]:
        if len(curve) < 2:
            return []
        return [
            at_s for at_s, _ in self._tallies.times(State.DEFERRED, curve[1].at_s - curve[0].at_s)
        ]


def reasons(tallies: Tallies, troubles: list[Trouble]) -> list[Obstacle]:
    """Troubles of one class put together, those that are final first."""
    found: list[Obstacle] = []
    for class_ in dict.fromkeys(trouble.class_ for trouble in troubles):
        of_class = [trouble for trouble in troubles if trouble.class_ == class_]
        answers = tallies.answers(class_)
        example = next((f"{one.code} {one.text}" for one in answers if one.code), "")
        states = [trouble.state for trouble in of_class]
        found.append(
            Obstacle(
                cause_of(class_),
                sum(trouble.recipients for trouble in of_class),
                " and ".join(states),
                states != ["deferred"],
                example or (answers[0].reason if answers else ""),
            )
        )
    return sorted(found, key=lambda reason: (not reason.is_final, -reason.recipients))


def _left_s(planned: int, per_s: float, awaited: Awaited, now_s: float) -> float | None:
    """Seconds until they are sent to at this rate; not before what they wait for."""
    if not planned or per_s <= 0:
        return None
    return max(planned / per_s, (awaited.until_s or 0.0) - now_s)


def _phase(
    runs: list[RunRecord],
    counts: dict[State, int],
    unsettled: int,
    per_s: float,
    waiting_for: str,
) -> str:
    if not unsettled:
        return "finished"
    if not runs:
        return "not begun"
    if not _is_alive(runs[-1]):
        return "stopped"
    is_idle = bool(waiting_for) or not counts[State.PLANNED]
    is_waiting = is_idle and not counts[State.SENDING] and per_s == 0
    return "waiting" if is_waiting else "running"


def _is_alive(run: RunRecord) -> bool:
    if run.ended_s:
        return False
    if run.host != socket.gethostname():
        return True  # another machine's: nobody can tell from here
    try:
        os.kill(run.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
