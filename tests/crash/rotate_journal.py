"""Moves letters into archives as a run does, in one thread; runs under strace, which kills it.

In: a folder with the journal of an open campaign, the url of the journal, a Unix time.
Touches: the journal, its archives.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from campaign.clock import SystemClock
from campaign.database.places import locate
from campaign.journal.archiving import archivist as archiving
from campaign.journal.archiving.archivist import Archivist
from campaign.journal.store import Journal
from campaign.journal.writing.transactions import Transactions

BATCH = 3


def main() -> None:
    folder, url, before_s = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    archiving.BATCH = BATCH
    with closing(Journal.open(url, folder, clock=SystemClock(), create=False)) as journal:
        journal.make_ready_to_rotate()
        driver = journal._connection.connection.dbapi_connection
        assert driver is not None
        transactions = Transactions(driver, locate(url, folder), journal._changes)
        with closing(Archivist.open(url, folder)) as archivist:
            archivist.begin()
            while departure := archivist.next(before_s, sys.maxsize):
                transactions.write([], [], [], [departure])
                transactions.commit()
                archivist.done()
        transactions.end()


if __name__ == "__main__":
    main()
