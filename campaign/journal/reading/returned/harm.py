"""How much of what was accepted came back, for a run that may have to stop.

In: the url of [journal], a moment.  Out: `Harm`.
Touches: the journal and its events, read-only; a run goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from campaign.journal.reading.reader import Reader
from campaign.journal.reading.returned.events import harm_since
from campaign.journal.reading.tallies import Tallies

_PART = 5_000  # rows in one question


class Harm(NamedTuple):
    """Of the letters that were accepted since a moment."""

    accepted: int
    bounced: int  # for good
    complained: int


def read_harm(
    url: str, folder: Path, since_s: float, *, least_bounced: int, least_complained: int
) -> Harm | None:
    """None where there is less of both, and nothing has to be counted."""
    bounced, complained = harm_since(url, folder, since_s)
    if len(bounced) < least_bounced and len(complained) < least_complained:
        return None
    with closing(Reader.open(url, folder)) as reader:
        accepted = reader.ask(
            "SELECT count(*) FROM history WHERE state = 'sent' AND at >= :since", since=since_s
        )[0][0]
        return Harm(
            int(accepted),
            _accepted(reader, bounced, since_s),
            _accepted(reader, complained, since_s),
        )


def _accepted(reader: Reader, rows: Collection[int], since_s: float) -> int:
    """How many of these rows were accepted since then: yesterday's letters bounce today too."""
    ordered = sorted(rows)
    count = 0
    for at in range(0, len(ordered), _PART):
        part = ", ".join(map(str, ordered[at : at + _PART]))
        found = reader.ask(
            f'SELECT count(*) FROM letters WHERE "row" IN ({part}) AND sent_at >= :since',
            since=since_s,
        )
        count += int(found[0][0])
    return count


def last_stop_s(url: str, folder: Path, how: str) -> float:
    """When the last run that ended like this did; 0.0 where none has."""
    with closing(Tallies.open(url, folder)) as reader:
        return max((run.ended_s for run in reader.runs() if run.how == how), default=0.0)
