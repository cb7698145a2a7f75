"""When a commit is made, of how much, and who makes it: the whole policy.

In: how many changes wait, how many letters are on the wire, how long commits took.
Out: decisions; `writer`, `transactions` and `commits` carry them out.  Touches: nothing.

1. Everything that comes while a commit is under way goes into the next one.  A commit costs one
   flush of the disk, however much is in it.
2. A commit waits for more, but not for long.  Most letters in flight stand before their dot, and
   their `sending` waits here; the few that a server may answer at any moment are on the wire.  When
   four changes wait for each of those, hardly more will come by waiting, and the commit is made.
   When fewer wait, it is made after 10 ms: the longest that anybody waits for company.  Whoever
   waits for everything to be durable (`drain`) does not wait for company at all.
3. The event loop runs the statements of a commit itself, where it can begin at once.  They touch
   memory only, and need the interpreter for almost every step: a thread that ran them would have to
   win it back from a busy loop each time (runs took 5 to 8 % longer; with ten connections a third).
   Where another program holds the file, or the database is on a server, the thread runs them.
4. While the disk is quick the event loop also makes the commit.  To wake a thread, to win the
   interpreter for it and to be told takes as long as half a commit, and most letters wait for it
   (6 % more letters with 50 connections, an eighth less CPU).  A disk that takes 2 ms and more, on
   the mean of the last eight commits, has the thread, which lets the loop go on with what it can.
5. After the first failure nothing more is committed; what can be kept goes to the emergency file.

The figures were measured by turns with `make bench ROW=headline` (docs/performance.md).
"""

from __future__ import annotations

GATHER_S = 0.010  # the longest that a commit waits for more changes
ENOUGH = 4  # changes that wait for each letter that is still on the wire
QUICK_S = 0.002  # commits that take longer, on the mean, are the thread's
RECENT = 8  # commits by which it is judged


def is_enough(changes: int, on_the_wire: int) -> bool:
    """Whether a commit is made now; otherwise it waits, at most GATHER_S."""
    return changes >= ENOUGH * on_the_wire


class CommitTime:
    """How long commits take, and who makes the next one by that."""

    def __init__(self) -> None:
        self._mean_s = 0.0

    def took(self, seconds: float) -> None:
        """A commit was made."""
        self._mean_s += (seconds - self._mean_s) / RECENT

    @property
    def is_quick(self) -> bool:
        """The event loop may make it."""
        return self._mean_s < QUICK_S
