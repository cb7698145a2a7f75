"""How many shards a worker takes, and which ones it gives back.

In: what is free, who lives, what is held.  Out: numbers.  Touches: nothing.

Slices of a list are taken bit by bit, fewer as fewer are left, so that workers of different speed
end at the same time (guided self-scheduling: Polychronopoulos and Kuck, 1987).  Domains are shared
out at once, as each of them is slow; who has more than a fair share when somebody joins gives the
rest back.
"""

from __future__ import annotations

from campaign.journal.sharing.leases import LeaseStanding

_PARTS = 4  # of what is free, by each worker
_FEW = 2  # slices that are not read yet; below it more are taken


def wanted(standing: LeaseStanding, unread: int) -> int:
    """How many more shards to claim now; `unread`: of those held, not read to their end."""
    if not standing.free:
        return 0
    if standing.are_slices:
        few = unread < _FEW
        return max(1, standing.free // (_PARTS * _workers(standing))) if few else 0
    return max(0, _fair_share(standing) - len(standing.held))


def surplus(standing: LeaseStanding) -> list[int]:
    """Domains' shards beyond a fair share, to be given back once nothing of them is in flight."""
    if standing.are_slices:
        return []
    return [shard.number for shard in standing.held[_fair_share(standing) :]]


def _fair_share(standing: LeaseStanding) -> int:
    return -(-standing.shards // _workers(standing))


def _workers(standing: LeaseStanding) -> int:
    return max(1, len(standing.members))
