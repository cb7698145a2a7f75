"""How far a run came with the letters that an open campaign was asked for.

In: notes of a journal, or of the arrivals beside it.  Out: `Taken`.
Touches: nothing.

Letters that go first are taken before others that were accepted earlier, so the highest row alone
does not say what was taken.  The journal notes it in the transaction that makes the recipients, so
the note is as true as they are, whoever is killed at whatever instant.
"""

from __future__ import annotations

from typing import NamedTuple, Self

TAKEN_NOTE = "taken"


class Taken(NamedTuple):
    """Numbers of letters; each lane is taken in the order in which its letters were accepted.

    first: the last one taken of those that go before others
    bulk: the last one of the others
    whole: none up to this one is left out, of either lane
    letters: how many were taken in all
    """

    first: int = 0
    bulk: int = 0
    whole: int = 0
    letters: int = 0

    @classmethod
    def read(cls, note: str) -> Self:
        """As `written`; one number alone is of the days when all were taken in order."""
        numbers = [int(number) for number in note.split()]
        return cls(*(numbers * 4 if len(numbers) == 1 else numbers))

    def written(self) -> str:
        return " ".join(map(str, self))

    @property
    def bulk_until(self) -> int:
        """Whoever goes behind others and has a number up to this one was taken."""
        return max(self.bulk, self.whole)

    @property
    def last(self) -> int:
        """The highest number that was taken."""
        return max(self.first, self.bulk)
