"""Journals of open campaigns to rotate: letters that arrive, are settled, and go into archives.

In: a folder, the url of a journal.  Out: an open journal; everything there is of each letter, in
the journal and in its archives.  Touches: the folder, the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

from campaign.clock import Clock
from campaign.database.places import locate
from campaign.journal.archiving.archive import Archive
from campaign.journal.archiving.archivist import Archivist
from campaign.journal.archiving.files import archives_of
from campaign.journal.archiving.letters import WholeLetter, whole_letters
from campaign.journal.reading.reader import Reader
from campaign.journal.store import Journal
from campaign.journal.taken import Taken
from campaign.journal.writing.arriving import ArrivedRow, Arriving
from campaign.journal.writing.writer import Writer
from campaign.records import Change, Source, State
from fakes.clock import FakeClock
from fakes.prepared.journals import RECORD, URL, open_journal

DAY_S = 86_400.0
BEGIN_S = 1_800_000_000.0  # 15 January 2027
EVERYBODY = 2**60  # as `seen_by_all` where nobody follows the journal


def open_plan(folder: Path, *, url: str = URL) -> Journal:
    """The journal of an open campaign without letters."""
    journal = open_journal(folder, url=url, create=True)
    planning = journal.plan(RECORD)
    for name in ("code", "receipt"):
        planning.add_source(Source(name, ("data",), "utf-8", None, ""))
    planning.mark("allow")
    planning.finish()
    return journal


def arrived(row: int, *, at_s: float = BEGIN_S, reason: str = "") -> ArrivedRow:
    """A letter to somebody; every tenth person has two."""
    name = f"p{row - row // 10}@example.com"
    own = f"<own-{row}@example.com>" if row % 7 == 0 else ""
    return ArrivedRow(
        row, row % 2, name, name, "example.com", f'["Ä{row}"]', reason, at_s, 0.0, at_s + 600, own
    )


def outcomes(row: int, state: State, at_s: float) -> list[Change]:
    """From planned, by a dot where there was one."""
    if state in (State.EXPIRED, State.CANCELLED):
        return [Change(row, state, at_s, 0, 0, 0, reason="its time was over")]
    begun = Change(row, State.SENDING, at_s, 0, 1, 0, relay="relay", date_s=at_s)
    if state is State.SENDING:
        return [begun]
    code = {State.SENT: 250, State.FAILED: 550}.get(state, 0)
    class_ = {State.SENT: "accepted", State.FAILED: "recipient-gone"}.get(state, "in-doubt")
    return [
        begun,
        Change(row, state, at_s, 1, 1, 0, class_=class_, code=code, reply=f"{code} {row}"),
    ]


def write(journal: Journal, work: Callable[[Writer], object]) -> None:
    """A run: `work` is a coroutine function of its writer."""

    def stop(error: Exception) -> None:
        raise error

    async def run() -> None:
        done = work(journal.start(asyncio.get_running_loop(), stop))
        await done  # type: ignore[misc]

    asyncio.run(run())


def settle(journal: Journal, states: Sequence[State], *, first: int = 1, at_s: float) -> None:
    """Letters arrive from row `first` on, and come to these states; then the run ends."""

    async def work(writer: Writer) -> None:
        rows = range(first, first + len(states))
        taken = Taken.read(str(rows[-1]))
        await writer.take(Arriving([arrived(row, at_s=at_s) for row in rows], taken))
        for row, state in zip(rows, states, strict=True):
            for change in outcomes(row, state, at_s) if state is not State.PLANNED else ():
                writer.write(change)
        await writer.drain()

    write(journal, work)


def rotate(
    folder: Path,
    *,
    before_s: float,
    url: str = URL,
    seen: int = EVERYBODY,
    clock: Clock | None = None,
) -> int:
    """All that may go goes; how many went."""
    gone = 0

    async def work(writer: Writer) -> None:
        nonlocal gone
        with closing(Archivist.open(url, folder)) as archivist:
            archivist.begin()
            while departure := archivist.next(before_s, seen):
                await writer.let_go(departure)
                archivist.done()
                gone += len(departure.rows)

    with closing(open_journal(folder, url=url, clock=clock or FakeClock())) as journal:
        journal.make_ready_to_rotate()
        write(journal, work)
    return gone


def in_journal(folder: Path, url: str = URL) -> dict[int, WholeLetter]:
    """By row."""
    with closing(Reader.open(url, folder)) as reader:
        rows = [int(row) for (row,) in reader.ask("SELECT row FROM recipients")]
        return {letter.row: letter for letter in whole_letters(reader.ask, rows)}


def in_archives(folder: Path, url: str = URL) -> dict[str, dict[int, WholeLetter]]:
    """By file, those of which the journal has let go or may have."""
    with closing(Reader.open(url, folder)) as reader:
        plan, sources = reader.plan_record(), reader.sources()
    found = {}
    for place in archives_of(locate(url, folder)):
        with closing(Archive(place, plan, sources)) as archive:
            found[place.path.name] = {each.row: each for each in archive.letters(range(1, 2_000))}  # type: ignore[union-attr]
    return found


def everything(folder: Path, url: str = URL) -> dict[int, WholeLetter]:
    """Each letter as it stands: by the journal, or where it is not there by an archive."""
    here = in_journal(folder, url)
    for letters in in_archives(folder, url).values():
        for row, letter in letters.items():
            if row not in here:
                here[row] = letter
    return here


def standing_of(letters: Iterable[WholeLetter]) -> dict[str, int]:
    """How many are in each state."""
    counts: dict[str, int] = {}
    for letter in letters:
        counts[letter.state] = counts.get(letter.state, 0) + 1
    return counts
