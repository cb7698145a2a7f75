"""Who is at a shared journal, and who was: what `status` and `audit` show of a fleet.

In: a question of the journal.  Out: members, with what they hold.  Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Holder(NamedTuple):
    """One member, living or not."""

    epoch: int
    worker: str
    host: str
    pid: int
    since_s: float
    shards: int  # that it holds
    connections: int
    is_drained: bool  # asked to leave
    ended_s: float  # 0.0: it is a member
    how: str  # left, lost or refused; "" of one that has not ended
    ended_by: str  # the worker that took its shards over
    in_doubt: int  # letters of it that were in doubt when it ended


def holders(ask: Callable[[str], Sequence[Any]], *, living: bool = False) -> list[Holder]:
    """All members in the order of their epochs; `living`: only those that have not ended.

    `ask` gives the rows of a query to a server's journal.
    """
    if ask("SELECT to_regclass('fleet_members')")[0][0] is None:
        return []
    only = " WHERE ended_s = 0" if living else ""
    return [
        Holder(*row)
        for row in ask(
            "SELECT epoch, worker, host, pid, since_s,"
            " (SELECT count(*) FROM fleet_leases l WHERE l.epoch = m.epoch), connections,"
            f" is_drained, ended_s, how, ended_by, in_doubt FROM fleet_members m{only}"
            " ORDER BY epoch"
        )
    ]
