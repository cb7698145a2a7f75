"""Keeps a journal as a run does and says aloud what became durable; runs under strace.

In: a folder with a planned journal, how many rows.  Out: a line "row state" for each
acknowledged change.  Touches: the journal.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import closing
from pathlib import Path

from campaign.clock import SystemClock
from campaign.journal.store import Journal
from campaign.records import Change, State

URL = "sqlite:///state/journal.sqlite"


async def keep(journal: Journal, rows: int) -> None:
    """Two changes for each row, a few rows at a time as connections would."""

    def stop(error: Exception) -> None:
        raise error

    def say(row: int, state: State) -> None:
        os.write(1, f"{row} {state}\n".encode())

    writer = journal.start(asyncio.get_running_loop(), stop)
    for first in range(1, rows + 1, 3):
        for state, code in ((State.SENDING, 0), (State.SENT, 250)):
            for row in range(first, min(first + 3, rows + 1)):
                change = Change(row, state, 1e9 + row, 1, 1, 0, code=code, reply="Ok" * code)
                writer.write(change, lambda row=row, state=state: say(row, state))
            await writer.drain()


def main() -> None:
    folder, rows = Path(sys.argv[1]), int(sys.argv[2])
    with closing(Journal.open(URL, folder, clock=SystemClock(), create=False)) as journal:
        asyncio.run(keep(journal, rows))


if __name__ == "__main__":
    main()
