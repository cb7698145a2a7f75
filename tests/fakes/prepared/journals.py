"""Journals to test with: planned lists, changes in one line, a run in one block.

In: a folder.  Out: open journals.  Touches: the folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from campaign.errors import JournalError
from campaign.journal.store import Journal
from campaign.records import Change, Entry, PlanRecord, Source, State
from fakes.clock import FakeClock

URL = "sqlite:///state/journal.sqlite"
SOURCE = Source("list.csv", ("email", "name"), "utf-8", None, ",", "abc")
RECORD = PlanRecord(
    campaign="spring",
    plan_id="plan-1",
    key=b"k" * 32,
    date_s=1_800_000_000.0,
    hashes={"list.csv": "abc"},
    created_s=1_800_000_000.0,
    message_id_domain="example.com",
)


def entry(name: str, line: int = 2, *, reason: str = "") -> Entry:
    """A row of the list; with a reason it is a reject."""
    address = f"{name}@example.com"
    if reason:
        return Entry(0, line, name, "", "", f'["{name}"]', reason)
    return Entry(0, line, address, address, "example.com", f'["{address}","{name}"]', "")


def people(count: int) -> list[Entry]:
    """person1@example.com in line 2, and so on."""
    return [entry(f"person{number}", number + 1) for number in range(1, count + 1)]


def plan_into(
    journal: Journal,
    entries: Iterable[Entry],
    *,
    duplicates: str = "first",
    suppressed: Iterable[str] = (),
    record: PlanRecord = RECORD,
) -> None:
    """A whole plan, or a whole amendment."""
    planning = journal.plan(record)
    planning.add_source(SOURCE)
    planning.add_entries(list(entries))
    planning.add_suppressed(suppressed)
    planning.mark(duplicates)
    planning.finish()


def open_journal(
    folder: Path, *, url: str = URL, create: bool = False, clock: FakeClock | None = None
) -> Journal:
    return Journal.open(url, folder, clock=clock or FakeClock(), create=create)


def planned(folder: Path, count: int, *, url: str = URL) -> Journal:
    """An open journal with that many people planned."""
    journal = open_journal(folder, url=url, create=True)
    plan_into(journal, people(count))
    return journal


def sending(
    row: int, nth: int = 1, *, at: float = 1.0, resends: int = 0, before: State | None = None
) -> Change:
    """The dot is permitted for the nth time."""
    return Change(row, State.SENDING, at, nth - 1, nth, resends, relay="relay", before=before)


def sent(
    row: int, nth: int = 1, *, at: float = 2.0, resends: int = 0, before: State | None = None
) -> Change:
    """The server took it."""
    return Change(
        row,
        State.SENT,
        at,
        nth,
        nth,
        resends,
        class_="accepted",
        code=250,
        enhanced="2.0.0",
        reply=f"Ok: queued as {row}",
        relay="relay",
        before=before,
    )


def deferred(row: int, nth: int = 1, *, at: float = 2.0, due: float = 60.0) -> Change:
    """The server said: not now."""
    return Change(
        row,
        State.DEFERRED,
        at,
        nth,
        nth,
        0,
        due,
        reason="recipient-transient: 451 4.7.1 Greylisted",
        class_="recipient-transient",
        code=451,
        enhanced="4.7.1",
        reply="Greylisted",
        relay="relay",
    )


def outcome(row: int, state: State, nth: int = 0, **fields: object) -> Change:
    """Any other change."""
    given: dict[str, Any] = {"at": 3.0, "attempts": 0, "sendings": nth, "resends": 0, **fields}
    return Change(row, state, **given)


def run(
    journal: Journal,
    changes: Iterable[Change],
    *,
    meanwhile: Callable[[], None] | None = None,
    then: Iterable[Change] = (),
) -> tuple[list[int], list[JournalError]]:
    """Start, write, drain, do something, write more, drain, close.

    Returns the rows that became durable, in order, and the failures that were told.
    """
    durable: list[int] = []
    failures: list[JournalError] = []

    async def main() -> None:
        writer = journal.start(asyncio.get_running_loop(), failures.append)
        for part in (changes, then):
            for change in part:
                writer.write(change, lambda row=change.row: durable.append(row))
            try:
                await writer.drain()
            except JournalError as error:
                assert error in failures  # told before drain ends  # noqa: PT017
            if meanwhile and part is changes:
                meanwhile()

    asyncio.run(main())
    journal.close()
    return durable, failures
