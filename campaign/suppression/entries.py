"""What the store says of an address.

In: nothing.  Out: records.  Touches: nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

EVERYWHERE = "*"
EVIDENCE_MAX = 1000  # characters kept
UNDO_WITHIN_S = 30 * 86400.0


class Reason(StrEnum):
    """Why somebody is not written to; the later in this list, the graver.

    There is one entry for an address in a scope: a graver reason takes the place of a lighter one.
    """

    SOFT = "soft"  # full or refusing, again and again
    IMPORT = "import"  # another system's list, which did not say why
    MANUAL = "manual"
    HARD = "hard"  # there is no such mailbox
    UNSUBSCRIBE = "unsubscribe"
    COMPLAINT = "complaint"
    ERASURE = "erasure"  # wants to be forgotten: its key is an HMAC

    @property
    def rank(self) -> int:
        return _RANKS[self]

    @property
    def sentence(self) -> str:
        """As a skipped recipient's reason has it."""
        return _SENTENCES[self]


_RANKS = {reason: rank for rank, reason in enumerate(Reason)}
_SENTENCES = {
    Reason.SOFT: "soft bounces",
    Reason.IMPORT: "imported",
    Reason.MANUAL: "by hand",
    Reason.HARD: "hard bounce",
    Reason.UNSUBSCRIBE: "unsubscribed",
    Reason.COMPLAINT: "complaint",
    Reason.ERASURE: "erased",
}
OWN_WISH = frozenset({Reason.UNSUBSCRIBE, Reason.COMPLAINT, Reason.ERASURE})
"""What the person asked for; an operator takes it back only with a reason."""


class Suppressed(NamedTuple):
    """One entry.

    key: `Address.key`, or `key_digest` of a long one
    scope: "*" or the name of a list
    source: who said so: "run", "serve", "bounces", the name of a file, a person
    campaign: whose letter it was about; "" if none
    at: Unix time of what happened, not of the writing
    until: Unix time from which it is no longer so; None is for good
    evidence: the server's reply, the line of the import, the remark of a person
    """

    key: str
    scope: str
    reason: Reason
    source: str
    campaign: str
    at: float
    until: float | None = None
    evidence: str = ""

    def is_in_force(self, now_s: float) -> bool:
        return self.until is None or self.until > now_s

    def can_be_undone(self, now_s: float, campaign: str | None = None) -> bool:
        """Whether the person may take it back: an unsubscribe of the last 30 days.

        campaign: whose letter it must have been about; None: any
        """
        return (
            self.reason is Reason.UNSUBSCRIBE
            and self.is_in_force(now_s)
            and self.at > now_s - UNDO_WITHIN_S
            and campaign in (None, self.campaign)
        )


class SoftBounce(NamedTuple):
    """A mailbox that is there, and took nothing; fields as of `Suppressed`."""

    key: str
    campaign: str
    at: float
    evidence: str = ""


class Added(NamedTuple):
    """What became of entries that were handed to the store."""

    new: int = 0
    graver: int = 0  # took the place of a lighter entry, or of one that had ended
    known: int = 0
    erased: int = 0  # of people who were erased: blocked already, and not written down again

    def __add__(self, other: object) -> Added:
        assert isinstance(other, Added)
        return Added(*(one + two for one, two in zip(self, other, strict=True)))


class Knowledge(NamedTuple):
    """All that the store knows of one address."""

    entries: list[Suppressed]  # in force or not, the gravest first
    softs: list[SoftBounce]  # since the last accepted letter, oldest first
