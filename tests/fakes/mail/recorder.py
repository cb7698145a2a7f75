"""A mail server that remembers every message it took, and answers when it likes.

In: how long it may hesitate.  Out: `received` and `accepted`, by recipient.
Touches: one port, one thread.

It pipelines.  A message counts as received when its dot has come, and as accepted when the 250
was handed to the socket; between the two lies a random wait, so that a sender killed at a random
moment is often killed in doubt.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

STEPS = ("connected", "hello", "envelope", "data", "dot", "answered")
_PATH = re.compile(rb"<([^>]*)>")
_EHLO = b"250-recorder\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"


@dataclass
class Recorder:
    """What came in; read it when the server has stopped, or tolerate a race."""

    hesitates_s: float  # at most, before it answers a dot
    dice: random.Random
    at_least_s: float = 0.0  # it never answers a dot sooner
    patience_s: float | None = None  # a client silent for longer is hung up on
    # Told of each of `STEPS` that has come, and from which address, before it is answered; of
    # "answered" when the answer to a dot is on its way.
    at: Callable[[str, str], None] = lambda step, peer: None
    port: int = 0
    received: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    message_ids: dict[str, set[bytes]] = field(default_factory=dict)
    puts_off: dict[str, int] = field(default_factory=dict)  # how often a recipient hears 451 yet
    connections: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    door: threading.Event = field(default_factory=threading.Event)  # nobody is greeted before

    def at_once(self) -> None:
        """From now on it answers without a wait."""
        self.hesitates_s = self.at_least_s = 0.0

    def lingers_from(self, count: int, least_s: float) -> None:
        """Once it has accepted so many letters, it answers no dot sooner than that."""

        def count_them(step: str, peer: str) -> None:
            if step == "answered" and sum(self.accepted.values()) >= count:
                self.at, self.at_least_s = lambda step, peer: None, least_s

        self.at = count_them

    def forget(self) -> None:
        """As if nobody had ever come; the door is closed."""
        self.received.clear()
        self.accepted.clear()
        self.message_ids.clear()
        self.connections = 0
        self.door.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One session."""
        self.connections += 1
        self.writers.add(writer)
        peer = writer.get_extra_info("peername")[0]
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            while not self.door.is_set():
                await asyncio.sleep(0.005)
            self.at("connected", peer)
            writer.write(b"220 recorder\r\n")
            recipient = ""
            while line := await asyncio.wait_for(reader.readline(), self.patience_s):
                verb = line[:4].upper()
                if verb == b"EHLO":
                    self.at("hello", peer)
                    writer.write(_EHLO)
                elif verb == b"RCPT":
                    found = _PATH.search(line)
                    recipient = found[1].decode() if found else ""
                    self.at("envelope", peer)
                    if recipient in self.puts_off:
                        self._put_off(recipient)
                        recipient = ""
                    said = b"250 2.1.5 Ok" if recipient else b"451 4.2.0 Try again later"
                    writer.write(said + b"\r\n")
                elif verb == b"DATA" and not recipient:  # it came with the RCPT
                    writer.write(b"554 5.5.1 No valid recipients\r\n")
                elif verb == b"DATA":
                    self.at("data", peer)
                    writer.write(b"354 go on\r\n")
                    await self._take(reader, writer, recipient, peer)
                elif verb == b"QUIT":
                    writer.write(b"221 2.0.0 Bye\r\n")
                    break
                else:
                    writer.write(b"250 2.0.0 Ok\r\n")
        writer.close()
        self.writers.discard(writer)

    def _put_off(self, recipient: str) -> None:
        left = self.puts_off.pop(recipient) - 1
        if left:
            self.puts_off[recipient] = left

    async def _take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, recipient: str, peer: str
    ) -> None:
        message = await asyncio.wait_for(reader.readuntil(b"\r\n.\r\n"), self.patience_s)
        unique = re.search(rb"(?im)^message-id:\s*(<[^>]*>)", message)
        self.message_ids.setdefault(recipient, set()).add(unique[1] if unique else b"")
        self.received[recipient] += 1
        self.at("dot", peer)
        if self.hesitates_s or self.at_least_s:
            await asyncio.sleep(self.at_least_s + self.dice.random() * self.hesitates_s)
        writer.write(b"250 2.0.0 Ok: recorded\r\n")
        self.accepted[recipient] += 1
        self.at("answered", peer)


@contextlib.contextmanager
def recorder(
    hesitates_s: float = 0.0,
    seed: int = 0,
    *,
    at_least_s: float = 0.0,
    patience_s: float | None = None,
    is_open: bool = True,
    host: str = "127.0.0.1",
) -> Iterator[Recorder]:
    """Run the server in a thread until the block ends.  `host`: the address it listens on."""
    record = Recorder(hesitates_s, random.Random(seed), at_least_s, patience_s)
    if is_open:
        record.door.set()
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def main() -> None:
        server = await asyncio.start_server(record.serve, host, 0, limit=2**24)
        record.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()

    def work() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(main())
        for session in asyncio.all_tasks(loop):
            session.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(session)
        for writer in record.writers:
            writer.transport.abort()
        loop.run_until_complete(asyncio.sleep(0.01))  # in which transports let go of their sockets
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield record
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
