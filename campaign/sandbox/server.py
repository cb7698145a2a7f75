"""The sandbox's mail server: SMTP on loopback in a thread of its own.

In: a folder and a port.  Out: a running server; a Maildir of what arrived.
Touches: one port on loopback, the folder.
"""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from pathlib import Path

from campaign.clock import Clock, SystemClock
from campaign.errors import UsageError
from campaign.metrics.exposition import Sample
from campaign.sandbox.mailbox import Mailbox, Refusal
from campaign.sandbox.session import Answers, Counters, Dialogue
from campaign.sandbox.simulator import Simulator

_ANSWERS = {
    "messages": "accepted", "refused": "refused", "deferred": "deferred", "dropped": "dropped",
}  # fmt: skip


class Sandbox:
    """A server that `start`s on loopback and `stop`s; usable from any thread."""

    def __init__(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        simulator: Simulator | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`port` 0 takes a free one, to be read from `port` after `start`."""
        clock = clock or SystemClock()
        self.host = host
        self.port = port
        self.counters = Counters()
        self._mailbox = Mailbox(folder, clock)
        self._answers = Answers(self._mailbox, simulator or Simulator(clock), self.counters)
        self._alive: set[Dialogue] = set()
        self._listening = threading.Event()
        self._failure: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)

    @property
    def refusals(self) -> list[Refusal]:
        """What was refused, deferred or dropped since the start, oldest first."""
        return list(self._mailbox.refusals)

    def figures(self) -> list[Sample]:
        """For monitoring."""
        counts = dataclasses.asdict(self.counters)
        return [
            Sample("campaign_sandbox_messages_total", counts[name], (answer,))
            for name, answer in _ANSWERS.items()
        ]

    def start(self) -> None:
        """Returns when connections are taken.  Raises UsageError if the port cannot be had."""
        self._thread.start()
        self._listening.wait()
        if self._failure:
            self._thread.join()
            raise UsageError(
                f"cannot listen on {self.host}:{self.port}: {self._failure.strerror}",
                remedy="name another port; 0 takes a free one",
            )

    def stop(self) -> None:
        """Close every connection and end the thread."""
        assert self._loop is not None, "start() first"
        assert self._stopping is not None
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await self._loop.create_server(self._dialogue, self.host, self.port)
        except OSError as trouble:
            self._failure = trouble
            self._listening.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stopping.wait()
        server.close()
        for dialogue in list(self._alive):
            dialogue.hang_up()
        await server.wait_closed()

    def _dialogue(self) -> Dialogue:
        return Dialogue(self._answers, self._alive)
