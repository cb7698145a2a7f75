"""The signers as the process sees them that sends: letters in, the same letters signed out.

In: a `SigningSpec`, finished messages.  Out: the messages with their signatures.
Touches: the signing processes and their pipes; hides the memory of this process.

The event loop reads and writes the pipes itself.  A signer that ends makes every signature fail
from then on: a run stops and can be resumed, no letter leaves without its signature.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import tempfile
from collections import deque
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from campaign.clock import Clock, SystemClock
from campaign.errors import CampaignError
from campaign.records import Message
from campaign.signing.spec import SigningSpec
from campaign.workers.confinement import hide_memory, landlock_version
from campaign.workers.frames import framed
from campaign.workers.pipes import widen
from campaign.workers.shelf import Shelf, shared_memory
from campaign.workers.signing.ends import SignerEnds
from campaign.workers.signing.line import QUEUED, SignatureBatch, SignerLine
from campaign.workers.start import NICE, python_path

_NO_WALL = (
    "this kernel has no Landlock: a template that breaks out of its sandbox can read files of keys;"
    " a key from a command is in no file"
)
_START_S = 90.0  # three times as long as a command may take to give a key


class Signers:
    """`async with Signers(spec, count=2) as signers: signed = await signers.sign(messages)`.

    Entering raises ConfigError where a key cannot be had or cannot sign.
    """

    def __init__(self, spec: SigningSpec, *, count: int, clock: Clock | None = None) -> None:
        self._spec = spec
        self._count = count
        self._clock = clock or SystemClock()
        self._lines: list[SignerLine] = []
        self._waiting: deque[SignatureBatch] = deque()
        self._failure: CampaignError | None = None
        self._ours = ExitStack()
        self.notes: list[str] = []  # what speaks against the keys

    async def __aenter__(self) -> Self:
        try:
            self.start()
            await self.ready()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Of the first signer, which has started the others."""
        return self._process.pid

    def start(self) -> None:
        """Start them, and hide what this process has in its memory and environment."""
        hide_memory()
        try:
            with ExitStack() as theirs:
                self._start(theirs)
        except OSError as error:
            raise CampaignError(f"no signer can be started: {error.strerror}") from None

    async def ready(self) -> None:
        """Until the keys are read.  Raises ConfigError where they cannot be had or cannot sign."""
        try:
            async with asyncio.timeout(_START_S):
                self.notes = [*await self._lines[0].started]
        except TimeoutError:
            raise CampaignError(f"the signers did not start within {_START_S:g} s") from None
        if not landlock_version():
            self.notes.append(_NO_WALL)

    async def sign(self, messages: list[Message]) -> list[Message]:
        """The same messages, signed; those that have a problem stay as they are.

        Raises CampaignError when a signer has ended, or all were told to.
        """
        wires = [message.wire for message in messages if message.wire]
        if not wires:
            return messages
        if self._failure:
            raise self._failure
        batch = SignatureBatch(wires, asyncio.get_running_loop().create_future())
        self._waiting.append(batch)
        self._hand_out()
        fields = iter(await batch.done)
        return [
            resized(each, (added := next(fields)) + each.wire, len(added)) if each.wire else each
            for each in messages
        ]

    def close(self) -> None:
        """End them and wait until they are gone; what they are at raises CampaignError."""
        self._fail(CampaignError("the signers were stopped"))

    def _start(self, theirs: ExitStack) -> None:
        lanes = [self._lane(theirs) for _ in range(self._count)]
        self._errors = self._ours.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "campaign.workers.signing.signer"),
                *(",".join(map(str, lane)) for lane in lanes),
            ],
            pass_fds=[end for lane in lanes for end in lane if end >= 0],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env=os.environ | {"PYTHONPATH": python_path()},
            process_group=0,  # Ctrl-C is not for them
        )
        nice = os.getpriority(os.PRIO_PROCESS, 0) + NICE
        os.setpriority(os.PRIO_PROCESS, self._process.pid, nice)
        self._lines[0].send(framed(pickle.dumps(self._spec, pickle.HIGHEST_PROTOCOL)))

    def _lane(self, theirs: ExitStack) -> SignerEnds:
        """Pipes and a shelf: their ends of them, ours are in a new line."""
        child_in, our_in = os.pipe()
        theirs.callback(os.close, child_in)
        self._ours.callback(os.close, our_in)
        our_out, child_out = os.pipe()
        self._ours.callback(os.close, our_out)
        theirs.callback(os.close, child_out)
        for end in (our_in, our_out):
            os.set_blocking(end, False)
            widen(end)
        shelf, memory = Shelf(None), -1
        if sys.platform == "linux":
            memory = shared_memory()
            theirs.callback(os.close, memory)
            shelf = Shelf.of(memory)
            self._ours.callback(shelf.leave)
        self._lines.append(SignerLine(our_in, our_out, shelf, self._hand_out, self._lost))
        return SignerEnds(child_in, child_out, memory)

    def _hand_out(self) -> None:
        while self._waiting and not self._failure:
            line = min(self._lines, key=lambda line: line.queued)
            if line.queued >= QUEUED:
                return
            batch = self._waiting.popleft()
            if not batch.done.done():  # else nobody waits for it any more
                line.submit(batch, self._clock.now_s())

    def _lost(self, why: str) -> None:
        """A signer ended, or talks nonsense."""
        if not self._failure:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
            why = why or (said[-1] if said else "it ended without a word")
            remedy = "`campaign resume` goes on"
            self._fail(CampaignError(f"a signer is lost: {why}", remedy=remedy))

    def _fail(self, failure: CampaignError) -> None:
        if self._failure:
            return
        self._failure = failure
        for line in self._lines:
            line.leave(failure)
        while self._waiting:
            self._waiting.popleft().refuse(failure)
        self._ours.close()
        if hasattr(self, "_process"):
            self._process.kill()  # the others end with it
            self._process.wait()


async def look_at_keys(spec: SigningSpec) -> list[str]:
    """What speaks against the keys.  Raises ConfigError where one cannot be had or cannot sign."""
    async with Signers(spec, count=1) as signers:
        return signers.notes


def resized(message: Message, wire: bytes, more_bytes: int) -> Message:
    """The message with another wire, so many bytes longer than it was."""
    return Message(
        message.row,
        wire,
        message.size_bytes + more_bytes,
        message.needs_smtputf8,
        message.problem,
        message.snapshot,
    )
