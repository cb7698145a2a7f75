"""Render workers: batches of jobs in, messages out, whatever a template does to a worker.

In: a `RenderSpec`, perhaps a `SigningSpec`, lists of `Job`.  Out: lists of `Message` in the same
order, signed if that was asked for.  Touches: its own worker processes, and the signers.

A worker that dies, hangs or talks nonsense is replaced.  What it had finished is kept; the other
rows of the batch it was at are rendered one by one, and a row that ends a worker twice is given up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from campaign.errors import CampaignError, ConfigError, TemplateError
from campaign.records import Job, Message
from campaign.rendering.render import RUNAWAYS_MAX, RenderSpec
from campaign.signing.spec import SigningSpec
from campaign.workers.process import RenderBatch, RenderProcess
from campaign.workers.signing.signers import Signers, resized
from campaign.workers.start import WorkerProcess
from campaign.workers.worker import WorkerLimits

_DIED_TWICE = "render: the worker died twice (memory or time limit)"
_FAILED_STARTS_MAX = 3  # in a row; an overloaded machine may kill one that is starting
_GONE_S = 0.002
_BATCH_ROWS = 100  # that a worker gets at once: pickling is cheap, memory small


class RenderPool:
    """`async with RenderPool(spec, workers=2) as pool: messages = await pool.render(jobs)`.

    It takes workers that were started `ahead` before it starts others.  `has_read()` is called when
    a worker has read the templates, and may raise CampaignError where they are others now.
    `on_note(sentence)` is told what speaks against the keys; with `may_be_unsigned` also that they
    cannot be had, and letters stay without their signature.

    Entering raises TemplateError or ConfigError when the templates do not compile, or a key cannot
    sign.
    """

    def __init__(
        self,
        spec: RenderSpec,
        *,
        workers: int,
        limits: WorkerLimits | None = None,
        ahead: deque[WorkerProcess] | None = None,
        has_read: Callable[[], None] = lambda: None,
        signing: SigningSpec | None = None,
        may_be_unsigned: bool = False,
        on_note: Callable[[str], None] = lambda note: None,
    ) -> None:
        self._spec = spec
        self._signers = Signers(signing, count=workers) if signing else None
        self._may_be_unsigned = may_be_unsigned
        self._on_note = on_note
        self._signature_bytes = 0  # of one letter; 0 until one was signed
        self._has_read = has_read
        self._count = workers
        self._limits = limits or WorkerLimits()
        self._ahead = deque() if ahead is None else ahead
        self._processes: list[RenderProcess] = []
        self._ended: list[RenderProcess] = []
        self._waiting: deque[RenderBatch] = deque()
        self._shared: dict[bytes, bytes] = {}
        self._failure: BaseException | None = None
        self._failed_starts = 0
        self._dead = 0  # rows in a row that ended a worker twice

    async def __aenter__(self) -> Self:
        try:
            if self._signers:
                self._signers.start()  # hides our memory before a template runs
            for _ in range(self._count):
                self._start()
            await self._signers_ready()
            await self._all_started()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def batch_rows(self) -> int:
        """How many jobs a batch should have."""
        return _BATCH_ROWS

    @property
    def at_once(self) -> int:
        """How many batches keep all workers busy."""
        return 2 * self._count

    @property
    def pids(self) -> list[int]:
        """The worker processes that run now."""
        return [process.pid for process in self._processes]

    async def render(self, jobs: list[Job]) -> list[Message]:
        """The message of each job, in order; a row that cannot be rendered has a `problem`.

        Raises CampaignError when no worker can be started any more, a signer has ended, or the pool
        was closed.
        """
        return await self.signed(await self._messages(jobs, is_check=False))

    async def check(self, jobs: list[Job]) -> list[Message]:
        """As `render`, but only what is known of each message comes back: its `wire` is empty.

        Nothing is signed, but for one letter: the signatures of all take as many bytes.
        """
        return await self.as_signed(jobs, await self._messages(jobs, is_check=True))

    async def as_signed(self, jobs: list[Job], messages: list[Message]) -> list[Message]:
        """Unsigned messages of these jobs with the sizes that signed ones have."""
        if not self._signers:
            return messages
        if not self._signature_bytes:
            await self._measure(jobs, messages)
        return [
            each if each.problem else resized(each, each.wire, self._signature_bytes)
            for each in messages
        ]

    async def signed(self, messages: list[Message]) -> list[Message]:
        """Unsigned messages, signed if that was asked for."""
        return await self._signers.sign(messages) if self._signers else messages

    async def close(self) -> None:
        """End all workers and wait until they are gone; renders under way raise CampaignError."""
        if self._signers:
            self._signers.close()
        self._fail(CampaignError("the render workers were stopped"))
        for process in list(self._processes):
            process.end("the pool was closed")
        while not all(process.is_gone for process in self._ended):
            await asyncio.sleep(_GONE_S)

    async def _measure(self, jobs: list[Job], checked: list[Message]) -> None:
        """What a signature adds, by the first letter that can be rendered."""
        for job, message in zip(jobs, checked, strict=True):
            if not message.problem:
                (signed,) = await self.render([job])
                self._signature_bytes = max(0, signed.size_bytes - message.size_bytes)
                return

    async def _signers_ready(self) -> None:
        if not self._signers:
            return
        try:
            await self._signers.ready()
        except ConfigError as fault:
            if not self._may_be_unsigned:
                raise
            self._signers.close()
            self._signers = None
            self._on_note(f"letters are shown without their signature: {fault}")
            return
        for note in self._signers.notes:
            self._on_note(note)

    async def _messages(self, jobs: list[Job], *, is_check: bool) -> list[Message]:
        messages = list(await self._attempt(jobs, is_check)) if jobs else []
        # A worker ended with these rows in its hands; it was at work on the first of them.
        for number, job in enumerate(jobs[len(messages) :]):
            alone = await self._attempt([job], is_check)
            if not alone and number:
                alone = await self._attempt([job], is_check)
            if alone:
                self._dead = 0
                messages.append(alone[0])
            else:
                messages.append(Message(job.row, b"", 0, False, _DIED_TWICE))
                self._count_dead(job)
        return messages

    def _count_dead(self, job: Job) -> None:
        """Raises TemplateError when it is no longer this row's fault."""
        self._dead += 1
        if self._dead >= RUNAWAYS_MAX:
            self._fail(
                TemplateError(
                    f"{RUNAWAYS_MAX} recipients in a row, to row {job.row}, each ended a render"
                    " worker twice by its memory or time limit",
                    remedy=f"look at a letter: `campaign preview --row {job.row}`, and at what the"
                    " templates repeat",
                )
            )
            assert self._failure is not None
            raise self._failure

    async def _attempt(self, jobs: list[Job], is_check: bool) -> list[Message]:
        """Messages of the first rows: of all, unless the worker ended on the way."""
        if self._failure:
            raise self._failure
        batch = RenderBatch(jobs, asyncio.get_running_loop().create_future(), is_check)
        self._waiting.append(batch)
        self._hand_out()
        messages = await batch.done
        if self._failure and len(messages) < len(jobs):
            raise self._failure
        return messages

    def _hand_out(self) -> None:
        while self._waiting:
            idlest = min(
                (process for process in self._processes if process.has_room),
                key=lambda process: process.queued,
                default=None,
            )
            if idlest is None:
                return
            batch = self._waiting.popleft()
            if not batch.done.done():  # else nobody waits for it any more
                idlest.submit(batch)

    def _start(self) -> None:
        process = RenderProcess(
            self._worker(),
            self._spec,
            self._limits,
            self._keep,
            self._has_read,
            self._hand_out,
            self._on_end,
        )
        self._processes.append(process)

    async def _all_started(self) -> None:
        """Those too that take the place of some that died on the way."""
        while starting := [each.started for each in self._processes if not each.started.done()]:
            await asyncio.wait(starting)
            if self._failure:
                raise self._failure

    def _worker(self) -> WorkerProcess:
        """One that was started ahead, and lives: it may have waited for hours; else a new one."""
        while self._ahead:
            worker = self._ahead.popleft()
            if not worker.is_gone:
                return worker
            worker.kill()
        return WorkerProcess()

    def _keep(self, piece: bytes) -> bytes:
        """All workers have the same shared pieces; one of each stays in memory."""
        return self._shared.setdefault(piece, piece)

    def _on_end(self, process: RenderProcess, untouched: list[RenderBatch]) -> None:
        self._processes.remove(process)
        self._ended = [ended for ended in self._ended if not ended.is_gone] + [process]
        self._waiting.extendleft(reversed(untouched))
        self._failed_starts = self._failed_starts + 1 if process.failure else 0
        failure = self._failure
        failure = failure or process.fault
        if process.has_refused or self._failed_starts > _FAILED_STARTS_MAX:
            failure = failure or process.failure
        if not failure:
            try:
                self._start()
            except CampaignError as error:
                failure = error
        if failure:
            self._fail(failure)
        else:
            self._hand_out()

    def _fail(self, failure: BaseException) -> None:
        self._failure = self._failure or failure
        while self._waiting:
            batch = self._waiting.popleft()
            if not batch.done.done():
                batch.done.set_exception(failure)
