"""How a shared journal grows: what 100 million recipients would take.

In: the url of an empty PostgreSQL database, how many rows.  Out: a table in Markdown on stdout.
Touches: that database.

The rows are made by the journal's own planning.  What grows with them is measured and multiplied;
what does not is measured only: a claim and a resume read by indexes, however many rows there are
(of half a million and fewer a resume counts the states anew, which takes it longer than the rest).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from campaign.clock import SystemClock
from campaign.database.engines import open_for_reading
from campaign.database.places import locate
from campaign.database.sql import text
from campaign.journal.sharing.leases import Joining, doubts_of
from campaign.journal.sharing.reader import SharedReader
from campaign.journal.sharing.shared import SharedJournal
from campaign.journal.store import Journal
from campaign.records import Entry, PlanRecord, Source

_WHOLE = 100_000_000
_PART = 20_000
_TABLES = ("recipients", "standings", "history")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--url", required=True, help="of an empty database")
    asked.add_argument("--rows", type=int, default=1_000_000)
    options = asked.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        times = [_line("make the plan", _time(lambda: _plan(options.url, folder, options.rows)),
                       options.rows)]  # fmt: skip
        times += _fleet(options.url, folder, options.rows)
        print("| | measured | of 100 million |", "|---|---:|---:|", sep="\n")
        print("\n".join([*times, *_sizes(options.url, folder, options.rows)]))


def _plan(url: str, folder: Path, rows: int) -> None:
    journal = Journal.open(url, folder, clock=SystemClock(), create=True)
    record = PlanRecord("size", "plan-1", b"k" * 32, 1.0, {}, 1.0, "example.com")
    planning = journal.plan(record)
    planning.add_source(Source("list.csv", ("email", "name"), "utf-8", None, ",", "abc"))
    for first in range(0, rows, _PART):
        planning.add_entries(list(_entries(first, min(_PART, rows - first))))
    planning.add_suppressed([])
    planning.mark("first")
    planning.finish()
    journal.close()


def _entries(first: int, count: int) -> Iterator[Entry]:
    for number in range(first, first + count):
        address = f"person{number}@d{number % 5000}.example"
        domain = address.partition("@")[2]
        yield Entry(0, number + 2, address, address, domain, f'["{address}","Ada {number}"]', "")


def _fleet(url: str, folder: Path, rows: int) -> list[str]:
    shared = SharedJournal.open(url, folder, clock=SystemClock(), campaign="size")
    assert shared is not None, "the database is in use"
    joining = Joining("one", "bench", 1, time.time(), 600.0, 1)
    lines = [_line("begin a fleet", _time(lambda: shared.join(joining, {}, None)), rows)]
    held = shared.claim(4)
    with closing(SharedReader.open(url, folder)) as reader:
        reader.hold(held)
        lines.append(_line("claim 1,000 rows", _time(lambda: reader.claim_planned(0, 1000))))
        lines.append(_line("see whether all is settled", _time(reader.is_finished)))
        lines.append(_line("find the next that is due", _time(reader.next_due)))
    lines.append(_line("beat", _time(shared.beat)))
    place = locate(url, folder)
    with open_for_reading(place).connect() as connection:
        lines.append(_line("find who is in doubt", _time(lambda: list(doubts_of(connection, 1)))))
    shared.close()
    lines.append(_line("resume", _time(lambda: _resume(url, folder, joining))))
    return lines


def _resume(url: str, folder: Path, joining: Joining) -> None:
    """All that comes before the first letter of a worker that is the first to come back."""
    shared = SharedJournal.open(url, folder, clock=SystemClock(), campaign="size")
    assert shared is not None, "the database is in use"
    assert shared.first is not None
    shared.first.bring_forward(shared.clock.now_s(), classes=("paced", "dns"))
    shared.first.recover_in_doubt("resend", shared.clock.now_s())
    shared.join(joining, {}, None)
    with closing(SharedReader.open(url, folder)) as reader:
        reader.hold(shared.claim(4))
        assert reader.claim_planned(0, 1000)
    shared.close()


def _sizes(url: str, folder: Path, rows: int) -> list[str]:
    found = []
    with open_for_reading(locate(url, folder)).connect() as connection:
        for table in _TABLES:
            asked = text("SELECT pg_total_relation_size(CAST(:name AS regclass))")
            size = int(connection.execute(asked, {"name": table}).scalar_one())
            each = size / rows
            found.append(f"| {table} | {each:.0f} B a row | {each * _WHOLE / 1e9:.0f} GB |")
    return found


def _time(call: Callable[[], object]) -> float:
    began_s = time.monotonic()
    call()
    return time.monotonic() - began_s


def _line(what: str, seconds: float, rows: int = 0) -> str:
    whole = f"{seconds * _WHOLE / rows:,.0f} s" if rows else f"{seconds * 1000:,.1f} ms"
    return f"| {what} | {seconds:.3f} s | {whole} |"


if __name__ == "__main__":
    main()
