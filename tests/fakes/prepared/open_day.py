"""A day of an open campaign, without a run: letters by the hour, most sent and some not.

In: a written open campaign, an end of the day.  Out: its journal.  Touches: the journal.
"""

from __future__ import annotations

import math
from contextlib import closing

from campaign.clock import SystemClock
from campaign.config.loader import Campaign
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from campaign.journal.taken import Taken
from campaign.journal.writing.arriving import ArrivalWriter, ArrivedRow, Arriving
from campaign.planning.opening import ensure_open_plan
from campaign.records import Change, State

_OFTEN = {"code": 60, "receipt": 34, "news": 12}  # letters of the busiest hour


def live_a_day(campaign: Campaign, until_s: float, hours: int = 24) -> None:
    """Letters of each template, settled in the hours before `until_s`."""
    ensure_open_plan(campaign, SystemClock())
    with closing(Reader.open(*campaign.journal)) as reader:
        source_of = {source.name: at for at, source in enumerate(reader.sources())}
    rows: list[ArrivedRow] = []
    changes: list[Change] = []
    for hour in range(hours):
        at_s = until_s - (hours - hour) * 3600.0 + 60.0
        busy = 0.55 - 0.45 * math.cos(2 * math.pi * (hour - 2) / 24)
        for name, most in _OFTEN.items():
            for nth in range(round(most * busy)):
                row = len(rows) + 1
                to = f"p{row}@example.com"
                rows.append(
                    ArrivedRow(
                        row, source_of[name], to, to, "example.com", "[]", "",
                        at_s, 0.0, at_s + 86_400.0, "",
                    )
                )  # fmt: skip
                changes += _course(row, at_s + nth, is_lost=(row * 7 + hour) % 23 == 0)
    journal = Journal.open(*campaign.journal, clock=SystemClock(), create=False)
    connection = journal._connection
    cursor = connection.connection.cursor()
    taken = Taken.read(str(len(rows)))
    ArrivalWriter(journal._changes).write(cursor, Arriving(rows, taken))
    connection.commit()
    journal.apply(changes)
    journal.close()


def _course(row: int, at_s: float, *, is_lost: bool) -> list[Change]:
    if is_lost:
        return [
            Change(row, State.FAILED, at_s, 1, 0, 0, 0.0, "recipient-gone: 550 5.1.1 No such user",
                   "recipient-gone", 550, "5.1.1", "No such user", "relay.example.com:25"),
        ]  # fmt: skip
    return [
        Change(row, State.SENDING, at_s, 0, 1, 0, relay="relay.example.com:25"),
        Change(row, State.SENT, at_s + 0.2, 1, 1, 0, 0.0, "", "accepted", 250, "2.0.0", "Ok",
               "relay.example.com:25"),
    ]  # fmt: skip
