"""Keeps one worker at each place of a cluster until the campaign is finished.

In: a cluster, how many stand where.  Out: what happens, as sentences; the counts.
Touches: the cluster, the journal for reading.

A worker whose process died is started again where its place is still there; one that was refused,
or asked to leave, is not.  Where the scheduler dies, the workers send on without it: what is left
to be settled is in the journal.  The same holds while the journal cannot be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from campaign.errors import (
    EXIT_DONE,
    EXIT_FAULT,
    EXIT_JOURNAL,
    EXIT_SOME_FAILED,
    CampaignError,
    JournalGone,
)
from campaign.fleet.cluster import Ended
from campaign.records import State, unsettled_of

_MOST_STARTS = 20  # at one place, without anybody settled in between
_ENDED_WELL = (EXIT_DONE, EXIT_SOME_FAILED)
_OUTAGE_S = 1800.0  # for which a journal is waited for, or a scheduler while nobody is settled
_EMPTY_S = 60.0  # that a cluster may be without workers while nobody is settled
# Those start again: killed by a signal, or stopped by what may be over.
_START_AGAIN = (-1, EXIT_JOURNAL, EXIT_FAULT)


class PlacesToWork(Protocol):
    """A cluster, as `cluster.Cluster` is one."""

    def is_there(self) -> bool: ...
    def places(self) -> list[str]: ...
    def start(self, place: str) -> None: ...
    @property
    def busy(self) -> Collection[str]: ...
    def ended(self) -> Mapping[str, Ended]: ...


class Launcher:
    """Of one run."""

    def __init__(
        self,
        cluster: PlacesToWork,
        counts: Callable[[], dict[State, int]],
        say: Callable[[str], None],
        most: int | None = None,
        *,
        passed_s: Callable[[], float],
    ) -> None:
        """`counts` may raise JournalGone, and is asked again.  `most`: workers at the same time;
        None: one at each place."""
        self._cluster = cluster
        self._counts = counts
        self._say = say
        self._most = most
        self._starts: dict[str, int] = {}
        self._given_up: set[str] = set()
        self._passed_s = passed_s
        self._found: dict[State, int] = {}
        self._unsettled = -1
        self._moved_s = passed_s()  # when somebody was settled
        self._scheduler_gone_s: float | None = None  # since when
        self._journal_gone_s: float | None = None
        self.refusal = ""  # why the last worker that gave up did

    def look(self) -> dict[State, int]:
        """One look, and what has to be done; how many stand where, as far as that is known.

        Raises JournalGone where the journal was gone for half an hour.
        """
        left = unsettled_of(self._count())
        if left != self._unsettled:
            self._unsettled, self._moved_s = left, self._passed_s()
            self._starts.clear()
        if self._has_scheduler():
            for place, ended in self._cluster.ended().items():
                self._heed(place, ended, is_over=not left)
            if left:
                self._start_where_nobody_is()
        return self._found

    @property
    def is_over(self) -> bool:
        """Everybody is settled, or no place is left where anybody works; after `look`."""
        if self._scheduler_gone_s is not None:
            since_s = max(self._moved_s, self._scheduler_gone_s)
            return not self._unsettled or self._passed_s() - since_s > _OUTAGE_S
        if self._cluster.busy:
            return False
        if self._unsettled and not self._cluster.places():
            return self._passed_s() - self._moved_s > _EMPTY_S
        return not self._unsettled or not self._open_places()

    def refuse_unfinished(self) -> None:
        """Raises CampaignError where workers gave up before everybody was settled."""
        if self._unsettled and self.refusal:
            raise CampaignError(f"every worker of the fleet gave up; the last: {self.refusal}")

    def _count(self) -> dict[State, int]:
        """Those of before, where the journal cannot be asked."""
        try:
            self._found = self._counts()
        except JournalGone as gone:
            now_s = self._passed_s()
            if self._journal_gone_s is None:
                self._journal_gone_s = now_s
                self._say(f"{gone.what}; the workers wait for it")
            if not self._found or now_s - self._journal_gone_s > _OUTAGE_S:
                raise
        else:
            self._journal_gone_s = None
        return self._found

    def _has_scheduler(self) -> bool:
        is_there, was_there = self._cluster.is_there(), self._scheduler_gone_s is None
        if was_there and not is_there:
            self._scheduler_gone_s = self._passed_s()
            self.refusal = "the scheduler of Dask is gone"
            self._say(f"{self.refusal}; the workers send on, and it is tried again")
        elif is_there and not was_there:
            self._scheduler_gone_s = None
            self._moved_s = self._passed_s()  # its workers need a moment
            self._say("the scheduler of Dask is back")
        return is_there

    def _open_places(self) -> list[str]:
        there = [place for place in self._cluster.places() if place not in self._given_up]
        return there if self._most is None else there[: self._most]

    def _start_where_nobody_is(self) -> None:
        busy = self._cluster.busy
        for place in self._open_places():
            if place in busy:
                continue
            self._starts[place] = self._starts.get(place, 0) + 1
            if self._starts[place] > _MOST_STARTS:
                self._given_up.add(place)
                continue
            self._cluster.start(place)

    def _heed(self, place: str, ended: Ended, *, is_over: bool) -> None:
        if ended.code in _ENDED_WELL or is_over:
            return
        said = ended.said.splitlines()[-1] if ended.said else f"exit code {ended.code}"
        self._say(f"the worker at {place} ended: {said}")
        self.refusal = said
        if ended.code not in _START_AGAIN and ended.code >= 0:
            self._given_up.add(place)
