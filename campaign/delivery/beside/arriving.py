"""Takes what applications were promised into the journal of a run, while it runs.

In: the arrivals beside the journal.  Out: recipients; those that go before others first, each lane
in the order in which it was accepted.
Touches: the arrivals; the journal's queue.  Fails with JournalError.

What is taken is told by the journal alone, which notes it with the rows.  Whoever is killed between
the commit of the journal and the note in the arrivals has lost only the latter.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.database.places import locate
from campaign.delivery.ledger import JournalLedger
from campaign.errors import CampaignError, DriftError, JournalError
from campaign.journal.arrivals import BULK, FIRST, SUFFIX, Arrival, Arrivals
from campaign.journal.reading.glance import glance
from campaign.journal.reading.reader import Reader
from campaign.journal.taken import Taken
from campaign.journal.writing.arriving import ArrivedRow, Arriving
from campaign.journal.writing.writer import Writer
from campaign.planning.opening import ARRIVALS_NOTE
from campaign.rendering.spec import FINISHED

_LOOK_S = 0.01  # between two looks at the file: half of it on the way of each letter
_ASK_S = 0.05  # between two questions to a server
_SETTLES_S = 0.1  # a file's time of change is no finer than the kernel's tick
_MOST = 500  # letters in one transaction
_MOST_FIRST = 450  # of them those that go first: a tenth is left to the others
_NOTE_S = 1.0  # between two notes of what was taken
_FORGET_S = 60.0  # between two looks for letters that may be forgotten


class ArrivalTaker:
    """Of one run; `wake` is called with what became recipients."""

    def __init__(
        self,
        campaign: Campaign,
        reader: Reader,
        writer: Writer,
        ledger: JournalLedger,
        clock: Clock,
        *,
        wake: Callable[[Arriving], None],
        must_stop: Callable[[CampaignError], None],
    ) -> None:
        place = locate(*campaign.journal)
        self._file: Path | None = place.beside(SUFFIX) if place.path else None
        self._arrivals = Arrivals.open(*campaign.journal)
        self._keep_s = campaign.settings.intake.keep
        self._journal = campaign.journal
        self._writer = writer
        self._ledger = ledger
        self._clock = clock
        self._wake = wake
        self._must_stop = must_stop
        self._source_of = {source.name: at for at, source in enumerate(reader.sources())}
        self._seen: tuple[int, int] | None = None  # of the file, when it was last asked
        self._asked_s = 0.0
        self.taken = self._begin(reader)
        self._noted = self._arrivals.taken

    def _begin(self, reader: Reader) -> Taken:
        """From where to go on.  Raises JournalError where the arrivals are not those that
        this journal took letters from, or one of the two is an older copy."""
        taken = reader.taken()
        last, identity = self._arrivals.last, reader.note(ARRIVALS_NOTE)
        if (identity and identity != self._arrivals.identity) or last < taken.last:
            raise JournalError(
                f"the letters accepted beside the journal ({SUFFIX}) are not those it took until"
                " now, or an older copy of them",
                remedy="put the file back that belongs to this journal",
            )
        noted = self._arrivals.taken
        if noted.letters > taken.letters:  # it was noted after it was durable
            raise JournalError(
                f"this journal has {taken.letters} letters, and had {noted.letters}: it is an older"
                " copy, and the letters that it lacks may have been sent",
                remedy="put the journal back that was used last",
            )
        return taken

    def look(self) -> bool:
        """Whether letters were accepted that the journal does not have."""
        return self._arrivals.last > self.taken.letters

    async def keep_taking(self) -> None:
        """Until cancelled, or the journal fails."""
        note_at_s = forget_at_s = self._clock.tick_s() + _NOTE_S
        try:
            while True:
                if self._is_worth_asking():
                    while await self.take():
                        pass
                now_s = self._clock.tick_s()
                if now_s >= note_at_s:
                    note_at_s = now_s + _NOTE_S
                    await self._note()
                if now_s >= forget_at_s:
                    forget_at_s = now_s + _FORGET_S
                    await asyncio.to_thread(self._forget)
                await asyncio.sleep(_LOOK_S if self._file else _ASK_S)
        except CampaignError as error:
            self._must_stop(error)

    async def take(self) -> bool:
        """Take some; whether there were any."""
        found, taken = await asyncio.to_thread(self._next)
        if not found:
            return False
        arriving = Arriving([self._row(arrival) for arrival in found], taken)
        await self._writer.take(arriving)
        self.taken = taken
        self._ledger.arrived(Counter(row.state for row in arriving.rows))
        self._wake(arriving)
        return True

    async def finish(self) -> None:
        """The last note of what was taken."""
        await self._note()
        self._arrivals.close()

    # -- inside --------------------------------------------------------------------------------

    def _is_worth_asking(self) -> bool:
        """Whether anything can have been accepted since the last look: of a file it shows in its
        time of change, which costs a hundredth of a question."""
        if self._file is None:
            return True
        try:
            status = self._file.stat()
        except OSError as error:
            raise JournalError(
                f"the letters accepted beside the journal are gone: {error.strerror}",
                file=str(self._file),
                remedy="put the file back, then `campaign resume`",
            ) from error
        seen = (status.st_mtime_ns, status.st_size)
        now_s = self._clock.tick_s()
        if seen != self._seen:
            self._seen, self._asked_s = seen, now_s
            return True
        return now_s - self._asked_s < _SETTLES_S

    def _next(self) -> tuple[list[Arrival], Taken]:
        """What is taken next, and how far it goes."""
        before, last = self.taken, self._arrivals.last
        first = self._arrivals.between(before.first, last, FIRST, _MOST_FIRST)
        most_bulk = _MOST - len(first)
        bulk = self._arrivals.between(before.bulk, last, BULK, most_bulk)
        last_first = first[-1].number if first else before.first
        last_bulk = bulk[-1].number if bulk else before.bulk
        whole = last
        if len(first) == _MOST_FIRST:
            whole = min(whole, last_first)
        if len(bulk) == most_bulk:
            whole = min(whole, last_bulk)
        letters = before.letters + len(first) + len(bulk)
        return [*first, *bulk], Taken(last_first, last_bulk, max(before.whole, whole), letters)

    def _row(self, arrival: Arrival) -> ArrivedRow:
        letter = arrival.letter
        name = letter.template or FINISHED
        if name not in self._source_of:
            raise DriftError(
                f"a letter of [template.{name}] was accepted, and this run began without it",
                remedy="start the run again: it reads the templates as they are now",
            )
        return ArrivedRow(
            arrival.number,
            self._source_of[name],
            letter.address,
            letter.person,
            letter.domain,
            letter.data,
            letter.reason,
            letter.accepted_s,
            letter.due_s,
            letter.expires_s,
            letter.message_id,
        )

    async def _note(self) -> None:
        if self._noted != self.taken:
            taken = self.taken
            await asyncio.to_thread(self._arrivals.note_taken, taken)
            self._noted = taken

    def _forget(self) -> None:
        """Keys are known for their time, and at least until their letter is settled."""
        before_s = self._clock.now_s() - self._keep_s
        after, until = 0, self._noted.whole
        with closing(glance(*self._journal)) as seen:  # the run's own reader is the loop's
            while numbers := self._arrivals.accepted_before(before_s, after, until, _MOST):
                left = seen.unsettled_between(numbers[0], numbers[-1])
                if settled := [number for number in numbers if number not in left]:
                    self._arrivals.forget(settled)
                after = numbers[-1]
