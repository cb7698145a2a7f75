"""Room for SQLite's log, made before a run needs it.

In: the place of a journal, how many letters are to be sent.  Out: a log as long as they need.
Touches: the log, behind what is in it.

A commit that makes a file longer has to write down its length, too: it waits for the disk twice.
After each checkpoint SQLite begins at the start of its log again, so that only the first round is
concerned, which is a second of a run with a fifth fewer letters (measured).
"""

from __future__ import annotations

import os
from contextlib import suppress

from campaign.database.places import Place
from campaign.database.sqlite_files import CHECKPOINT_PAGES, PAGE_BYTES

_HEADER_BYTES, _FRAME_BYTES = 32, 24 + PAGE_BYTES  # of the log, of each page in it
_MOST_BYTES = _HEADER_BYTES + CHECKPOINT_PAGES * _FRAME_BYTES
LETTER_BYTES = 1000  # a letter's share of the commits it is in
_STEP = 1 << 20


def make_room(place: Place, letters: int) -> None:
    """Write zeros behind the end of the log, or nothing where there is no room for them.

    What is not a frame is not read: each has a salt and a sum over all frames before it
    (https://sqlite.org/fileformat2.html#walformat).
    """
    if place.path is None:
        return
    with suppress(OSError), open(place.beside("-wal"), "ab", buffering=0) as log:
        end = size = log.tell()
        wanted = min(_MOST_BYTES, size + letters * LETTER_BYTES)
        try:
            while size < wanted:
                size += log.write(bytes(min(_STEP, wanted - size)))
        except OSError:  # the disk is full, or nearly: who needs the room will say so
            with suppress(OSError):
                os.ftruncate(log.fileno(), end)
