"""Whether the time of a recipient has come, as [schedule] says it.

In: a timetable, claimed rows, the time.  Out: answers, and words for what is waited for.
Touches: nothing.

Asked for each row that is claimed, with what it may take until its dot, and again before the dot.
The answer of a zone is kept for as long as it holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from campaign.config.checking.hours import timetable_of
from campaign.config.loader import Campaign
from campaign.config.settings import Schedule
from campaign.journal.reading.reader import Reader
from campaign.planning.timing.times import ZoneColumn, zones_of
from campaign.records import Claim, PlanRecord, State
from campaign.schedule.timetable import Timetable, Turn, TurnAnswer
from campaign.schedule.zones import zone_named

MARGIN_S = 30.0  # from claim to dot, where a connection is free: longer waits are called back
_REMEMBERED = 10_000  # zones of rows: more than are in memory at once
_LATE = TurnAnswer(Turn.NEVER, math.inf, "its first window passed while nothing ran (late)")
_FREE = TurnAnswer(Turn.NOW, math.inf)

Span = tuple[float, float]


def _nobody(zone: str) -> bool:
    return False


class Turns:
    """The timetable of a run, asked for single recipients."""

    def __init__(
        self,
        timetable: Timetable,
        zones: ZoneColumn,
        is_late: Callable[[str], bool] = _nobody,
    ) -> None:
        """`is_late`: whether the first window of a zone passed, and nothing ran."""
        self._timetable = timetable
        self._zones = zones
        self._is_late = is_late
        self._kept: dict[str, tuple[float, float, TurnAnswer]] = {}
        self._at_dots: dict[str, tuple[float, float, TurnAnswer]] = {}
        self._of_rows: dict[int, str] = {}  # asked at the claim, and again at the dot
        self._late: dict[str, bool] = {}
        self.is_empty = timetable.is_empty
        # Whether all recipients have the same times, so that one answer is that of all.
        self.are_common = not zones.is_named

    def ask(self, claim: Claim, now_s: float) -> TurnAnswer:
        """Whether a row may be claimed: NOW holds until its dot, if nothing holds it up."""
        if self.is_empty:
            return _FREE
        zone = self._of_rows.get(claim.row) or self.zone_of(claim)
        if self._is_late is not _nobody and self._is_too_late(claim, zone):
            return _LATE
        kept = self._kept.get(zone)  # Why fast: each row is asked, and most answers are known
        return kept[2] if kept and kept[0] <= now_s < kept[1] else self.of_zone(zone, now_s)

    def at_dot(self, claim: Claim, now_s: float) -> TurnAnswer:
        """The same without a margin: whether its dot may be written at this moment."""
        if self.is_empty:
            return _FREE
        return self.of_zone(self.zone_of(claim), now_s, is_at_dot=True)

    def may_go(self, claim: Claim, now_s: float) -> bool:
        """Whether its dot may be written at this moment."""
        if self.is_empty:
            return True
        zone = self._of_rows.get(claim.row)
        kept = self._at_dots.get(zone) if zone is not None else None
        if kept and kept[0] <= now_s < kept[1]:
            return kept[2].turn is Turn.NOW
        return self.at_dot(claim, now_s).turn is Turn.NOW

    def zone_of(self, claim: Claim) -> str:
        if self.are_common:
            return self._zones.default
        zone = self._of_rows.get(claim.row)
        if zone is None:
            if len(self._of_rows) >= _REMEMBERED:
                self._of_rows.clear()
            zone = self._of_rows[claim.row] = self._zones.zone_of(claim.source, claim.data)
        return zone

    @property
    def default_zone(self) -> str:
        return self._zones.default

    def of_zone(self, zone: str, now_s: float, *, is_at_dot: bool = False) -> TurnAnswer:
        """The answer for all recipients of a zone."""
        answers = self._at_dots if is_at_dot else self._kept
        kept = answers.get(zone)
        if kept is not None and kept[0] <= now_s < kept[1]:
            return kept[2]
        margin_s = 0.0 if is_at_dot else MARGIN_S
        try:
            answer = self._timetable.ask(now_s, zone_named(zone), margin_s)
        except ValueError as trouble:  # the column was named after the plan was made
            answer = TurnAnswer(Turn.NEVER, math.inf, f"timezone: {trouble}")
        holds_s = answer.until_s - (margin_s if answer.turn is Turn.NOW else 0.0)
        answers[zone] = (now_s, holds_s, answer)
        return answer

    def wait_s(self, now_s: float) -> float:
        """Seconds until the first window opens for anybody; 0.0 where some may go, or where
        nobody knows without asking for each."""
        if self.is_empty or not self.are_common:
            return 0.0
        answer = self.of_zone(self._zones.default, now_s)
        return answer.until_s - now_s if answer.turn is Turn.LATER else 0.0

    def is_over(self, now_s: float) -> bool:
        """Whether the time of everybody is over: then also of those who wait for a retry."""
        return now_s >= self._timetable.end_s

    def closed_s(self, claim: Claim, from_s: float, to_s: float) -> float:
        """For how much of a stretch its windows are closed: that uses up nobody's time."""
        if self.is_empty or not from_s:
            return 0.0
        return self._timetable.closed_s(zone_named(self.zone_of(claim)), from_s, to_s)

    def waiting_for(self, zones: Sequence[str], now_s: float) -> str:
        """What rows of these zones wait for, the one that opens first; "" if none waits."""
        asked = [self._zones.default] if self.are_common else zones
        waits = [(self.of_zone(zone, now_s), zone) for zone in asked]
        later = [(answer, zone) for answer, zone in waits if answer.turn is Turn.LATER]
        if not later:
            return ""
        answer, zone = min(later, key=lambda each: each[0].until_s)
        return self.words(answer, zone, now_s)

    def words(self, answer: TurnAnswer, zone: str, now_s: float) -> str:
        """What an answer of LATER waits for."""
        return self._timetable.waiting(answer, zone, now_s)

    def _is_too_late(self, claim: Claim, zone: str) -> bool:
        if claim.first_at or claim.state is not State.PLANNED:
            return False
        late = self._late.get(zone)
        if late is None:
            late = self._late[zone] = self._is_late(zone)
        return late


def missed(
    timetable: Timetable, planned_s: float, started_s: float, runs: Sequence[Span]
) -> Callable[[str], bool]:
    """Whether the first window of a zone after the plan came and went without a run.

    `runs`: from when to when each ran before the one that started at `started_s`.
    """

    def is_late(zone: str) -> bool:
        from_s = max(planned_s, timetable.start_s)
        span = timetable.calendar.span_at(zone_named(zone), from_s)
        if span is None or span[1] > started_s:
            return False
        opens_s = max(span[0], from_s)
        return not any(start < span[1] and end >= opens_s for start, end in runs)

    return is_late


def turns_of(campaign: Campaign, record: PlanRecord, reader: Reader, now_s: float) -> Turns:
    """The times of a run that starts now.  ConfigError for a list without the column of zones."""
    schedule = campaign.settings.schedule
    timetable = timetable_of(schedule)
    zones = zones_of(campaign, reader.sources())
    if schedule is None or schedule.late == "send":
        return Turns(timetable, zones)
    return Turns(timetable, zones, missed(timetable, record.created_s, now_s, reader.run_spans()))


def closed_hours(schedule: Schedule | None) -> Callable[[float, float], float]:
    """For how many seconds of a stretch nobody of the default zone could be written to."""
    timetable = timetable_of(schedule)
    if schedule is None or timetable.is_empty:
        return lambda from_s, to_s: 0.0
    return partial(timetable.closed_s, zone_named(ZoneColumn(schedule).default))
