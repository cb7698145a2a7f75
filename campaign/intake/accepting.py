"""The one way in: a request is judged, its letter is made once, and then it is kept for good.

In: `LetterRequest`s of the API, of queues, of SMTP.
Out: `AcceptedRequest`, once the letter is durable.
Touches: render workers; the arrivals beside the journal; the suppression store, for reading.

    async with Intake(campaign, clock=clock) as intake:
        accepted = await intake.accept(LetterRequest(to=..., template="receipt", data=...))

Whoever has an `AcceptedRequest` may tell the application that it is done: the letter survives the
death of this process, of the run and of the machine.  Nothing of a letter that is refused is kept.

Requests that come while others are being kept wait for the next commit and share it, so a hundred
at once cost one flush of the disk.  Of memory a bounded number of requests takes part; the others
are refused with a time at which to come again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from campaign.addresses.marks import LetterMarker
from campaign.clock import Clock
from campaign.config.loader import Campaign
from campaign.errors import BacklogFullError, BadLetterError, CampaignError, KeyConflictError
from campaign.intake.keeping import ArrivalKeeper
from campaign.intake.making import RenewedPool
from campaign.intake.reading import ReadRequest, RequestReader
from campaign.intake.requests import AcceptedRequest, LetterRequest
from campaign.journal.arrivals import Arrival
from campaign.planning.inputs import lists_of
from campaign.planning.opening import ensure_open_plan, sources_of
from campaign.records import Job, Message
from campaign.workers.start import worker_count

WAITING_MAX = 2_000  # letters that are being accepted at the same time
_BATCH = 50  # letters that go to a render worker together
_RETRY_S = 1.0
# "render: letters/code.txt:3: 'code' is undefined"
_PLACED = re.compile(r"render: (?:(?P<file>[^:\n]+):(?P<line>\d+): )?(?P<what>.*)", re.DOTALL)
_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")
SUPPRESSED, ACCEPTED = "suppressed", "accepted"


class _Group:
    """Letters that are kept together or not at all."""

    def __init__(self, read: list[ReadRequest], done: asyncio.Future[list[Arrival]]) -> None:
        self.read = read
        self.done = done

    def settle(self, outcome: list[Arrival] | CampaignError) -> None:
        if self.done.done():  # whoever asked went away
            return
        if isinstance(outcome, CampaignError):
            self.done.set_exception(outcome)
        else:
            self.done.set_result(outcome)


class Intake:
    """See the module.  Entering raises what `ensure_open_plan` raises, and TemplateError or
    ConfigError for templates that do not compile."""

    def __init__(self, campaign: Campaign, *, clock: Clock, workers: int = 0) -> None:
        record = ensure_open_plan(campaign, clock)
        sources = sources_of(campaign)
        self._clock = clock
        self._source_of = {source.name: at for at, source in enumerate(sources)}
        self._reader = RequestReader(campaign.settings, lists_of(campaign))
        self._marker = LetterMarker(record.key, record.campaign, record.message_id_domain)
        self._maker = RenewedPool(campaign, record, sources, clock, workers=worker_count(workers))
        self._keeper = ArrivalKeeper(campaign, clock)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._to_make: list[_Group] = []
        self._to_keep: list[_Group] = []
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_making = self._is_keeping = False

    async def __aenter__(self) -> Self:
        try:
            await self._in_thread(self._keeper.open)
            await self._maker.open()
        except BaseException:
            await self._in_thread(self._keeper.close)
            self._thread.shutdown()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._maker.close()
        await self._in_thread(self._keeper.close)
        self._thread.shutdown()

    @property
    def worker_pids(self) -> list[int]:
        """The render workers that run now."""
        return self._maker.pids

    # -- accepting -----------------------------------------------------------------------------

    async def accept(self, request: LetterRequest) -> AcceptedRequest:
        """Keep one letter; durable when it returns.

        Raises BadLetterError for one that cannot be made, with the place in the template;
        KeyConflictError where its key was used for another; BacklogFullError where it is to come
        again later; JournalError, SuppressionError where it cannot be kept.
        """
        return (await self.accept_together([request]))[0]

    async def accept_each(
        self, requests: Sequence[LetterRequest]
    ) -> list[AcceptedRequest | CampaignError]:
        """Each for itself, as `accept`; of one that is refused, its error."""
        outcomes = await asyncio.gather(*map(self.accept, requests), return_exceptions=True)
        found: list[AcceptedRequest | CampaignError] = []
        for outcome in outcomes:
            if isinstance(outcome, AcceptedRequest | CampaignError):
                found.append(outcome)
            else:
                raise outcome
        return found

    async def accept_together(self, requests: Sequence[LetterRequest]) -> list[AcceptedRequest]:
        """All of them, or none: a message to several recipients.  Raises as `accept`."""
        if self._waiting + len(requests) > WAITING_MAX:
            raise BacklogFullError("too many letters come at once", retry_after_s=_RETRY_S)
        self._waiting += len(requests)
        try:
            try:
                if self._keeper.is_full:
                    await self._in_thread(self._keeper.recount)
                    self._keeper.refuse_backlog()
                now_s = self._clock.now_s()
                read = [self._reader.read(request, now_s) for request in requests]
                arrivals = await self._kept(read)
            except CampaignError as error:
                if (answers := await self._answered_before(requests)) is not None:
                    return answers
                raise error
            for request, one, arrival in zip(requests, read, arrivals, strict=True):
                kept = arrival.letter.digest
                if kept != one.arrival.digest and not request.is_told_by(kept):
                    raise _conflict(request)
            return [
                self._answer(arrival, replayed=arrival.letter.id != one.arrival.id)
                for arrival, one in zip(arrivals, read, strict=True)
            ]
        finally:
            self._waiting -= len(requests)

    async def preview(self, request: LetterRequest) -> Message:
        """The letter as it would be sent, and nothing is kept.  Raises BadLetterError."""
        read = self._reader.read(request, self._clock.now_s())
        (message,) = await self._maker.render([self._job(read)])
        if message.problem:
            raise _bad_letter(message.problem)
        return message

    # -- inside --------------------------------------------------------------------------------

    async def _answered_before(
        self, requests: Sequence[LetterRequest]
    ) -> list[AcceptedRequest] | None:
        """A request that was accepted once has that answer for as long as its key is known,
        whatever has become of the template since.  KeyConflictError for another request."""
        pairs = [(request.scope, request.key) for request in requests if request.key]
        if len(pairs) < len(requests):
            return None
        known = await self._in_thread(self._keeper.known, pairs)
        if any(pair not in known for pair in pairs):
            return None
        for request, pair in zip(requests, pairs, strict=True):
            if not request.is_told_by(known[pair].letter.digest):
                raise _conflict(request)
        return [self._answer(known[pair], replayed=True) for pair in pairs]

    def _answer(self, arrival: Arrival, *, replayed: bool) -> AcceptedRequest:
        letter = arrival.letter
        return AcceptedRequest(
            letter.id,
            letter.message_id or self._marker.marks(arrival.letter_key).message_id,
            SUPPRESSED if letter.reason else ACCEPTED,
            replayed,
            letter.reason,
            arrival.number,
        )

    async def _kept(self, read: list[ReadRequest]) -> list[Arrival]:
        done: asyncio.Future[list[Arrival]] = asyncio.get_running_loop().create_future()
        self._to_make.append(_Group(read, done))
        if not self._is_making:
            self._is_making = True
            self._spawn(self._make())
        return await done

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make(self) -> None:
        """Hand what waits to the render workers, a batch at a time."""
        await asyncio.sleep(0)  # all that came in this turn of the loop
        while self._to_make:
            groups, self._to_make = self._to_make[:_BATCH], self._to_make[_BATCH:]
            self._spawn(self._check(groups))
        self._is_making = False

    async def _check(self, groups: list[_Group]) -> None:
        """Make each letter once, to see that it can be made."""
        jobs = [self._job(read) for group in groups for read in group.read]
        try:
            messages = iter(await self._maker.check(jobs))
        except CampaignError as error:
            for group in groups:
                group.settle(error)
            return
        for group in groups:
            problems = [problem for _ in group.read if (problem := next(messages).problem)]
            if problems:
                group.settle(_bad_letter(problems[0]))
            else:
                self._to_keep.append(group)
        if self._to_keep and not self._is_keeping:
            self._is_keeping = True
            self._spawn(self._keep())

    async def _keep(self) -> None:
        """One commit after another; what comes meanwhile is in the next."""
        while self._to_keep:
            groups, self._to_keep = self._to_keep, []
            try:
                kept = await self._in_thread(
                    self._keeper.keep,
                    [[read.arrival for read in group.read] for group in groups],
                    [[read.list for read in group.read] for group in groups],
                )
            except CampaignError as error:
                for group in groups:
                    group.settle(error)
                continue
            for group, arrivals in zip(groups, kept, strict=True):
                group.settle(arrivals)
        self._is_keeping = False

    def _job(self, read: ReadRequest) -> Job:
        return read.job(self._source_of[read.source])

    async def _in_thread(
        self, function: Callable[_Given, _Got], *given: _Given.args, **also: _Given.kwargs
    ) -> _Got:
        call = partial(function, *given, **also)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _bad_letter(problem: str) -> BadLetterError:
    found = _PLACED.fullmatch(problem)
    if found is None:
        return BadLetterError(problem)
    return BadLetterError(found["what"], file=found["file"] or "", line=int(found["line"] or 0))


def _conflict(request: LetterRequest) -> KeyConflictError:
    return KeyConflictError(
        f"the key '{request.key}' was used before, for another letter",
        remedy="take a new key for each letter, and the same one to repeat a request",
    )
