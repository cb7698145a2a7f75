"""A store that an earlier version made is carried forward, step by step.

In: the format found, the format wanted, the steps between.  Out: nothing, or a JournalError.
Touches: the database, in the caller's transaction: all the steps happen, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from campaign.database.sql import Connection
from campaign.errors import JournalError

Step = Callable[[Connection], None]


def carry_forward(
    connection: Connection,
    found: str,
    wanted: str,
    steps: Mapping[str, tuple[str, Step]],
    *,
    shown: str,
) -> bool:
    """Take the steps from one format to another; False where there was nothing to do.

    `steps`: from a format to the next one and what has to be done for it.  `shown`: where the
    store is, for messages.  Raises JournalError where no steps lead there: the store is from a
    later version, or from one before the first release.
    """
    at = found
    while at != wanted:
        if at not in steps:
            raise JournalError(
                f"the journal {shown} has format {found}, and this program knows format {wanted}",
                remedy="use the version of campaign that made it, or a later one",
            )
        at, step = steps[at]
        step(connection)
    return found != wanted
