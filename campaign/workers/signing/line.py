"""One signer as the process sees it that sends: its pipes, its batches.

In: batches of letters.  Out: the fields to put before each.  Touches: the signer's pipes, through
the event loop.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence

from campaign.errors import CampaignError
from campaign.workers.frames import FrameReader, Started, framed, laid
from campaign.workers.pipes import PIPE_BYTES
from campaign.workers.shelf import Shelf
from campaign.workers.signing.ends import BATCH, LARGEST, unpacked

QUEUED = 2  # batches a signer has at once, as its shelf has halves


class SignatureBatch:
    """Letters on their way to a signer; `done` gets the fields to put before each."""

    __slots__ = ("done", "wires")

    def __init__(self, wires: list[bytes], done: asyncio.Future[list[bytes]]) -> None:
        self.wires = wires
        self.done = done

    def refuse(self, failure: CampaignError) -> None:
        """Unless nobody waits any more."""
        if not self.done.done():
            self.done.set_exception(failure)


class SignerLine:
    """One signer: its pipes, its batches."""

    def __init__(
        self,
        input: int,
        output: int,
        shelf: Shelf,
        on_room: Callable[[], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._input = input
        self._output = output
        self._shelf = shelf
        self._on_room = on_room
        self._on_end = on_end
        self._inbox = FrameReader(PIPE_BYTES, LARGEST, Shelf(None))
        self._queue: deque[SignatureBatch] = deque()
        self._unsent = bytearray()
        self.started: asyncio.Future[Sequence[str]] = self._loop.create_future()
        self._loop.add_reader(output, self._on_readable)

    @property
    def queued(self) -> int:
        """Batches it has."""
        return len(self._queue)

    def submit(self, batch: SignatureBatch, at_s: float) -> None:
        """One more batch; it has fewer than `QUEUED`."""
        self._queue.append(batch)
        frames = [framed(BATCH.pack(at_s, len(batch.wires)))]
        frames += [laid(wire, self._shelf) for wire in batch.wires]
        self._shelf.turn()
        self.send(b"".join(frames))

    def send(self, frames: bytes) -> None:
        is_idle = not self._unsent
        self._unsent += frames
        if is_idle:
            self._on_writable()

    def leave(self, failure: CampaignError) -> None:
        """Nothing more is read or written."""
        self._loop.remove_reader(self._output)
        self._loop.remove_writer(self._input)
        if not self.started.done():
            self.started.set_exception(failure)
            self.started.exception()  # whoever waits gets it; if nobody does, nothing is logged
        while self._queue:
            self._queue.popleft().refuse(failure)

    def _on_writable(self) -> None:
        try:
            del self._unsent[: os.write(self._input, self._unsent)]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent.clear()  # its end shows on the other pipe
        if self._unsent:
            self._loop.add_writer(self._input, self._on_writable)
        else:
            self._loop.remove_writer(self._input)

    def _on_readable(self) -> None:
        try:
            count = os.readv(self._output, [self._inbox.room()])
        except BlockingIOError:
            return
        if not count:
            self._on_end("")
            return
        try:
            for frame in self._inbox.frames(count):
                self._take(frame)
        except ValueError as error:
            self._on_end(str(error))

    def _take(self, frame: memoryview) -> None:
        if self._queue:
            batch = self._queue.popleft()
            fields = unpacked(frame, len(batch.wires))
            if not batch.done.done():
                batch.done.set_result(fields)
            self._on_room()
        elif not self.started.done():
            said = Started.read(frame)
            if said.fault:
                self.started.set_exception(said.fault)
            else:
                self.started.set_result(said.notes)
        else:
            raise ValueError("signatures that nobody asked for")
