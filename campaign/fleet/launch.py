"""Keeps one worker at each place of a cluster until the campaign is finished.

In: a cluster, how many stand where.  Out: what happens, as sentences; the counts.
Touches: the cluster, the journal for reading.

A worker whose process died is started again where its place is still there; one that was refused,
or asked to leave, is not.
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
)
from campaign.fleet.cluster import Ended
from campaign.records import State, unsettled_of

_MOST_STARTS = 20  # at one place, without anybody settled in between
_ENDED_WELL = (EXIT_DONE, EXIT_SOME_FAILED)
# Those start again: killed by a signal, or stopped by what may be over.
_START_AGAIN = (-1, EXIT_JOURNAL, EXIT_FAULT)


class Places(Protocol):
    """A cluster, as `cluster.Cluster` is one."""

    def places(self) -> list[str]: ...
    def start(self, place: str) -> None: ...
    @property
    def busy(self) -> Collection[str]: ...
    def ended(self) -> Mapping[str, Ended]: ...


class Launcher:
    """Of one run."""

    def __init__(
        self,
        cluster: Places,
        counts: Callable[[], dict[State, int]],
        say: Callable[[str], None],
        most: int | None = None,
    ) -> None:
        """`most`: workers at the same time; None: one at each place."""
        self._cluster = cluster
        self._counts = counts
        self._say = say
        self._most = most
        self._starts: dict[str, int] = {}
        self._given_up: set[str] = set()
        self._unsettled = -1
        self.refusal = ""  # why the last worker that gave up did

    def look(self) -> dict[State, int]:
        """One look, and what has to be done; how many stand where."""
        counts = self._counts()
        left = unsettled_of(counts)
        if left != self._unsettled:
            self._unsettled = left
            self._starts.clear()
        for place, ended in self._cluster.ended().items():
            self._heed(place, ended, is_over=not left)
        if left:
            self._start_where_nobody_is()
        return counts

    @property
    def is_over(self) -> bool:
        """Everybody is settled, or no place is left where anybody works; after `look`."""
        if not self._unsettled and not self._cluster.busy:
            return True
        return not self._cluster.busy and not self._open_places()

    def refuse_unfinished(self) -> None:
        """Raises CampaignError where workers gave up before everybody was settled."""
        if self._unsettled and self.refusal:
            raise CampaignError(f"every worker of the fleet gave up; the last: {self.refusal}")

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
