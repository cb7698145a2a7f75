"""Keeps accepted letters for good, in a thread of its own.

In: groups of letters.  Out: the same with their numbers, once they are durable.
Touches: the arrivals beside the journal; the suppression store and the journal, for reading.
Fails with JournalError, SuppressionError, BacklogFullError.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import closing

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.errors import BacklogFullError
from campaign.journal.arrivals import Arrival, Arrivals, NewArrival
from campaign.journal.reading.glance import glance
from campaign.planning.suppressed import has_store, open_store, reason_of
from campaign.records import unsettled_of
from campaign.suppression.entries import EVERYWHERE
from campaign.suppression.store import SuppressionStore

_COUNT_EVERY_S = 0.5
_RETRY_LEAST_S, _RETRY_MOST_S = 1.0, 300.0


class ArrivalKeeper:
    """One thread calls its methods, but those about a full backlog, which any may call."""

    def __init__(self, campaign: Campaign, clock: Clock) -> None:
        self._campaign = campaign
        self._clock = clock
        self._most = campaign.settings.intake.backlog
        self._arrivals: Arrivals | None = None
        self._store: SuppressionStore | None = None
        self._count_at_s = 0.0
        self._backlog = 0  # when it was last counted, and what was kept since
        self._rate_s = 0.0  # letters settled each second then

    def open(self) -> None:
        self._arrivals = Arrivals.open(*self._campaign.journal)
        self._count()

    def close(self) -> None:
        if self._arrivals:
            self._arrivals.close()
        if self._store:
            self._store.close()

    @property
    def is_full(self) -> bool:
        """Whether it was, when it was last counted."""
        return self._backlog >= self._most

    def refuse_backlog(self) -> None:
        """Raises BacklogFullError, with the time in which a hundredth of it will be settled."""
        if not self.is_full:
            return
        wait_s = self._most / 100 / self._rate_s if self._rate_s else _RETRY_MOST_S
        raise BacklogFullError(
            f"{self._backlog:,} letters are accepted and not settled, and no more are taken",
            retry_after_s=min(_RETRY_MOST_S, max(_RETRY_LEAST_S, wait_s)),
        )

    def recount(self) -> None:
        """How many wait, if that was not counted just now."""
        if self._clock.tick_s() >= self._count_at_s:
            self._count()

    def known(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Arrival]:
        """Letters accepted before, by scope and key; looks at the backlog on the way."""
        self.recount()
        return self._open().known(keys)

    def keep(
        self, groups: Sequence[Sequence[NewArrival]], lists: Sequence[Sequence[str]]
    ) -> list[list[Arrival]]:
        """In one transaction, all groups whole; `lists` that each letter may be left by."""
        self.recount()
        reasons = self._suppressed(groups, lists)
        if reasons:
            groups = [
                [each._replace(reason=reasons.get(each.id, "")) for each in group]
                for group in groups
            ]
        kept = self._open().add(groups)
        self._backlog += sum(map(len, groups))
        return kept

    def _open(self) -> Arrivals:
        assert self._arrivals is not None, "it is opened first"
        return self._arrivals

    def _count(self) -> None:
        self._count_at_s = self._clock.tick_s() + _COUNT_EVERY_S
        arrivals = self._open()
        with closing(glance(*self._campaign.journal)) as seen:  # opened anew: it may have rotated
            waiting = unsettled_of(seen.counts())
            self._rate_s = seen.rate_s(self._clock.now_s())
        self._backlog = waiting + max(0, arrivals.last - arrivals.taken.letters)

    def _suppressed(
        self, groups: Sequence[Sequence[NewArrival]], lists: Sequence[Sequence[str]]
    ) -> dict[str, str]:
        """Why some must not be written to, by id: everywhere, or on the list they name."""
        if self._store is None and has_store(self._campaign):
            self._store = open_store(self._campaign, self._clock)
        if self._store is None:
            return {}
        by_list: dict[str, list[NewArrival]] = defaultdict(list)
        for group, names in zip(groups, lists, strict=True):
            for each, name in zip(group, names, strict=True):
                by_list[name].append(each)
        reasons: dict[str, str] = {}
        for name, letters in by_list.items():
            scopes = (EVERYWHERE, name) if name else (EVERYWHERE,)
            found = self._store.lookup([each.person for each in letters], scopes)
            reasons |= {
                each.id: reason_of(found[each.person]) for each in letters if each.person in found
            }
        return reasons
