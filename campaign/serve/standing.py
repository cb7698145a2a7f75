"""What a person has left, and what of it may be taken back.

In: the store's entries of one key.  Out: `LinkStanding`, `Choice`s.
Touches: the store it is given.

Only what the person asked for counts here: for a dead mailbox the page still offers to leave.  A
person may take back an own entry alone: an unsubscribe of the last 30 days by a link of the same
letter.  A letter that was passed on thus lets nobody undo what was asked for with another one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from campaign.addresses.tokens import EVERYTHING, Unsubscription
from campaign.clock import Clock
from campaign.suppression.entries import OWN_WISH, Reason, Suppressed
from campaign.suppression.store import SuppressionStore

SOURCE = "serve"


class Choice(NamedTuple):
    """One list on the page of all lists."""

    name: str
    is_kept: bool
    is_fixed: bool  # it was left, and this link cannot take that back


class LinkStanding:
    """Of the person whose link it is."""

    def __init__(self, entries: Sequence[Suppressed], whose: Unsubscription, now_s: float) -> None:
        self._whose = whose
        self._now_s = now_s
        self._left = {
            entry.scope: entry
            for entry in entries
            if entry.reason in OWN_WISH and entry.is_in_force(now_s)
        }

    def has_left(self, name: str) -> bool:
        """This list, or all."""
        return EVERYTHING in self._left or name in self._left

    def can_undo(self, name: str) -> bool:
        """Whether one undo brings its letters back."""
        if EVERYTHING in self._left and name != EVERYTHING:
            return False
        entry = self._left.get(name)
        return entry is not None and entry.can_be_undone(self._now_s, self._whose.campaign)

    def choices(self, names: Sequence[str]) -> list[Choice]:
        """In the order of the names; the list of the letter is among them in any case."""
        own = [self._whose.list] if self._whose.list not in (*names, EVERYTHING) else []
        return [
            Choice(name, not self.has_left(name), self.has_left(name) and not self.can_undo(name))
            for name in (*names, *own)
        ]


def look_up(store: SuppressionStore, whose: Unsubscription, clock: Clock) -> LinkStanding:
    """Reads only."""
    return LinkStanding(store.why(whose.key).entries, whose, clock.now_s())


def wish(whose: Unsubscription, name: str, now_s: float, how: str) -> Suppressed:
    """The entry of somebody who leaves a list; `how` is kept as evidence."""
    return Suppressed(
        whose.key, name, Reason.UNSUBSCRIBE, SOURCE, whose.campaign, now_s, evidence=how
    )


def undo(
    store: SuppressionStore, whose: Unsubscription, name: str, clock: Clock
) -> tuple[bool, LinkStanding]:
    """Whether there was something to take back, and how it is now."""
    is_undone = store.undo(whose.key, name, whose.campaign)
    return is_undone, look_up(store, whose, clock)


def choose(
    store: SuppressionStore,
    whose: Unsubscription,
    names: Sequence[str],
    kept: Collection[str],
    clock: Clock,
) -> LinkStanding:
    """Leave the lists that are not kept, take back what is kept again; then how it is."""
    before = look_up(store, whose, clock)
    if before.has_left(EVERYTHING):
        return before  # its page has no boxes: a form of an older page must not add to it
    choices = before.choices(names)
    store.add(
        wish(whose, choice.name, clock.now_s(), "preference page")
        for choice in choices
        if choice.is_kept and choice.name not in kept
    )
    for choice in choices:
        if choice.name in kept and not choice.is_kept and not choice.is_fixed:
            store.undo(whose.key, choice.name, whose.campaign)
    return look_up(store, whose, clock)
