"""One render worker as the pool sees it: its process, its pipes, its batches.

In: a worker that was started, batches.  Out: their messages, and one call when the worker has
come to its end.  Touches: the worker's pipes, the process.

The event loop reads and writes the pipes itself, without a thread for each worker.
"""

from __future__ import annotations

import asyncio
import os
import pickle
from collections import deque
from collections.abc import Callable

from campaign.errors import CampaignError
from campaign.records import Job, Message
from campaign.rendering.render import RenderSpec
from campaign.workers.confinement import limits_remedy
from campaign.workers.frames import FrameReader, Started, framed, pack_jobs, unpack
from campaign.workers.pipes import PIPE_BYTES
from campaign.workers.start import WorkerProcess
from campaign.workers.worker import WorkerLimits

QUEUED = 2  # batches a worker has at once, as its shelf has halves: one it works on, one waits
_REAP_S = 0.005
_MISSED = 0.01  # of its time without a processor, from which it has more; less is as on any machine


class RenderBatch:
    """Jobs on their way; `done` gets the messages, fewer than jobs if the worker ended."""

    __slots__ = ("done", "is_check", "jobs", "messages")

    def __init__(
        self, jobs: list[Job], done: asyncio.Future[list[Message]], is_check: bool
    ) -> None:
        self.jobs = jobs
        self.is_check = is_check  # the messages come back without their bytes
        self.messages: list[Message] = []
        self.done = done

    def settle(self) -> None:
        """Hand over what there is, unless nobody waits any more."""
        if not self.done.done():
            self.done.set_result(self.messages)


class RenderProcess:
    """Told what to do when it is made; lives in the running event loop.

    `keep` gives back one object for equal pieces.  `has_read()` is called when it has read the
    templates, and may raise CampaignError.  `on_room()` is called when it can take a batch,
    `on_end(process, untouched)` once, when it has ended; `untouched` are batches it had not begun.
    """

    def __init__(
        self,
        worker: WorkerProcess,
        spec: RenderSpec,
        limits: WorkerLimits,
        keep: Callable[[bytes], bytes],
        has_read: Callable[[], None],
        on_room: Callable[[], None],
        on_end: Callable[[RenderProcess, list[RenderBatch]], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._worker = worker
        self._limits = limits
        self._token_of = spec.token_for
        self._keep = keep
        self._has_read = has_read
        self._on_room = on_room
        self._on_end = on_end
        self._queue: deque[RenderBatch] = deque()
        self._unsent = bytearray()
        self._inbox = FrameReader(PIPE_BYTES, limits.memory_bytes, worker.shelf)
        self._shared: list[bytes] = []
        self._awaited = 0  # shared pieces still on their way
        self._deadline: asyncio.TimerHandle | None = None
        self._before = worker.processor  # when the deadline was set
        self.started: asyncio.Future[None] = self._loop.create_future()
        self.has_ended = False
        self.has_refused = False  # fault was found with the templates: any other would find it
        self.fault: CampaignError | None = None  # what it found, once it had started
        self._loop.add_reader(worker.output, self._on_readable)
        self._send(pickle.dumps((limits, spec), pickle.HIGHEST_PROTOCOL))
        self._rearm()

    @property
    def has_room(self) -> bool:
        """It runs and can take a batch now."""
        return not self.has_ended and len(self._queue) < QUEUED

    @property
    def queued(self) -> int:
        """Batches it has."""
        return len(self._queue)

    @property
    def failure(self) -> BaseException | None:
        """Why it could not start; None if it did."""
        return self.started.exception() if self.started.done() else None

    @property
    def pid(self) -> int:
        return self._worker.pid

    @property
    def is_gone(self) -> bool:
        """The process has ended and was reaped."""
        return self._worker.is_gone

    def submit(self, batch: RenderBatch) -> None:
        """Queue a batch; `has_room` must be true."""
        self._queue.append(batch)
        self._send(pack_jobs(batch.jobs, batch.is_check, self._token_of))
        if len(self._queue) == 1 and self.started.done():
            self._rearm()

    def end(self, why: str) -> None:
        """Kill it; what it had not finished goes back."""
        if self.has_ended:
            return
        self.has_ended = True
        self._cancel_deadline()
        self._loop.remove_reader(self._worker.output)
        self._loop.remove_writer(self._worker.input)
        self._worker.kill()
        self._reap()
        had_started = self.started.done() and not self.failure
        if not self.started.done():
            what = f"a render worker did not start: {why}"
            self.started.set_exception(CampaignError(what, remedy=limits_remedy()))
            self.started.exception()  # whoever waits gets it; if nobody does, nothing is logged
        begun = self._queue.popleft() if self._queue and had_started else None
        self._on_end(self, list(self._queue))
        if begun:
            begun.settle()

    def _send(self, payload: bytes) -> None:
        is_idle = not self._unsent
        self._unsent += framed(payload)
        if is_idle:
            self._on_writable()

    def _on_writable(self) -> None:
        try:
            del self._unsent[: os.write(self._worker.input, self._unsent)]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent.clear()  # its end shows on the other pipe
        if self._unsent:
            self._loop.add_writer(self._worker.input, self._on_writable)
        else:
            self._loop.remove_writer(self._worker.input)

    def _on_readable(self) -> None:
        try:
            count = os.readv(self._worker.output, [self._inbox.room()])
        except BlockingIOError:
            return
        if not count:
            self.end(self._worker.last_error())
            return
        try:
            for frame in self._inbox.frames(count):
                self._take(frame)
                if self.has_ended:
                    return
        except ValueError as error:
            self.end(str(error))

    def _take(self, frame: memoryview) -> None:
        if not self.started.done():
            self._take_start(frame)
            return
        if not self._queue:
            raise ValueError("messages that nobody asked for")
        if Started.is_fault(frame):
            self.fault = Started.read(frame).fault
            self.end("")
            return
        batch = self._queue[0]
        batch.messages += unpack(frame, batch.jobs[len(batch.messages) :], self._shared)
        if len(batch.messages) == len(batch.jobs):
            self._queue.popleft()
            self._worker.shelf.turn()
            batch.settle()
            self._rearm()
            self._on_room()

    def _take_start(self, frame: memoryview) -> None:
        """`ready` and so many shared pieces, or what is wrong with the templates."""
        if self._awaited:
            self._awaited -= 1
            self._shared.append(self._keep(bytes(frame)))
        else:
            said = Started.read(frame)
            try:
                if said.fault:
                    raise said.fault
                self._has_read()
            except CampaignError as fault:
                self.has_refused = True
                self.started.set_exception(fault)
                self.end("")
                return
            self._awaited = said.shared
        if not self._awaited:
            self.started.set_result(None)
            self._rearm()

    def _rearm(self) -> None:
        """The deadline of what it does now: to start, or one batch; none while it has no work."""
        self._cancel_deadline()
        is_starting = not self.started.done()
        if self._queue or is_starting:
            limit_s = self._limits.start_s if is_starting else self._limits.wall_s
            self._before = self._worker.processor
            self._deadline = self._loop.call_later(limit_s, self._overdue, limit_s)

    def _overdue(self, limit_s: float) -> None:
        """End it, unless it had no processor for a part of that time: then it has as much more.

        Workers are nice, so on a machine that others keep busy a second of work takes minutes.
        """
        before, now = self._before, self._worker.processor
        if now.is_wanted:
            left_s = limit_s - (now.used_s - before.used_s)
        else:  # it waits for something else, and may have waited for a processor before
            left_s = now.waited_s - before.waited_s
            self._before = before._replace(waited_s=now.waited_s)
        if left_s < limit_s * _MISSED:
            self.end(f"no answer within {limit_s:g} s")
        else:
            self._deadline = self._loop.call_later(left_s, self._overdue, limit_s)

    def _cancel_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _reap(self) -> None:
        """SIGKILL needs a moment; the loop does not wait for it."""
        if not self.is_gone:
            self._loop.call_later(_REAP_S, self._reap)
