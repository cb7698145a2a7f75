"""One slow or throttled domain of ten leaves the other nine as fast as they were.

    python -m bench.ten_domains [--messages N] [--rounds N]

One relay that answers each letter after a while, ten recipient domains, and by turns: no fault,
421 to every letter of one domain, a fifth of a second before every answer to one domain.  Measured
is the rate of the other nine: their letters, over the time from the first to the last of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.machine import CAMPAIGN
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh, plan
from bench.watching import BenchError

MESSAGES = 8000
DOMAINS = 10
SLOW = "d0.example"
_ANSWER_S = 0.02  # as a relay that takes 50 messages a second on each connection
_SLOW_S = 0.2
_CONNECTIONS = 20
_EHLO = b"250-relay\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n250 8BITMIME\r\n"
_CONFIG = """
name = "ten-domains"
[recipients]
files = ["list.csv"]
[message]
from = "ada@example.org"
subject = "Letter {{{{ number }}}}"
text = "body.txt"
[relay]
host = "127.0.0.1"
port = {port}
security = "none"
hello = "bench.example"
connections = {connections}
{limits}
"""


@dataclass
class Relay:
    """A relay that treats one domain badly: "", "throttled" or "slow"."""

    fault: str
    port: int = 0
    arrivals: list[float] = field(default_factory=list)  # of the other nine domains

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(b"220 relay\r\n")
            is_theirs = False
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    writer.write(_EHLO)
                elif verb == b"RCPT":
                    is_theirs = SLOW.encode() in line
                    if is_theirs and self.fault == "throttled":
                        writer.write(b"421 4.7.0 too many messages, slow down\r\n")
                        break
                    writer.write(b"250 2.1.5 Ok\r\n")
                elif verb == b"DATA":
                    writer.write(b"354 go on\r\n")
                    await reader.readuntil(b"\r\n.\r\n")
                    slow = is_theirs and self.fault == "slow"
                    await asyncio.sleep(_SLOW_S if slow else _ANSWER_S)
                    writer.write(b"250 2.0.0 Ok\r\n")
                    if not is_theirs:
                        self.arrivals.append(time.monotonic())
                elif verb == b"QUIT":
                    writer.write(b"221 2.0.0 Bye\r\n")
                    break
                else:
                    writer.write(b"250 2.0.0 Ok\r\n")
        writer.close()

    @property
    def rate(self) -> float:
        """Letters a second of the other nine, the first and the last tenth left out."""
        edge = len(self.arrivals) // 10
        middle = self.arrivals[edge : len(self.arrivals) - edge]
        return (len(middle) - 1) / (middle[-1] - middle[0])


@contextlib.contextmanager
def running(relay: Relay) -> Iterator[None]:
    """The relay in a thread until the block ends."""
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def work() -> None:
        server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, limit=2**20)
        relay.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(work()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def nine(fault: str, count: int) -> float:
    """The rate of the nine others; BenchError where not all of them were sent."""
    relay = Relay(fault)
    with running(relay):
        folder = write_campaign(fresh(f"ten-domains-{fault or 'even'}"), count, relay.port)
        plan(folder)
        wanted = count - count // DOMAINS
        process = subprocess.Popen(
            [CAMPAIGN, "run", "--yes", "--no-wait"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until_s = time.monotonic() + 120
        while len(relay.arrivals) < wanted and time.monotonic() < until_s:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)  # the throttled ones would be waited for
        process.wait(60)
    if len(relay.arrivals) < wanted:
        raise BenchError(f"{fault}: {len(relay.arrivals)} of {wanted} of the nine were sent")
    return relay.rate


def write_campaign(folder: Path, count: int, port: int) -> Path:
    """`count` recipients, in turns at ten domains; the bad one is held to its share."""
    rows = [f"r{n}@d{n % DOMAINS}.example,{n}" for n in range(count)]
    (folder / "list.csv").write_text("\n".join(["email,number", *rows, ""]))
    (folder / "body.txt").write_text("Hello {{ number }}\n" * 20)
    share = _CONNECTIONS // DOMAINS
    limits = f'[limits."{SLOW}"]\nconnections = {share}'
    config = _CONFIG.format(port=port, connections=_CONNECTIONS, limits=limits)
    (folder / "campaign.toml").write_text(config)
    return folder


def measure(options: Options) -> list[Row]:
    """The rates, and what is left of them beside a bad neighbour."""
    count = options.messages or MESSAGES
    found = by_turns(
        options.rounds,
        {
            "even": lambda: nine("", count),
            "throttled": lambda: nine("throttled", count),
            "slow": lambda: nine("slow", count),
        },
    )

    def row(
        what: str, values: list[float], unit: str = "", *, at_least: float | None = None
    ) -> Row:
        return Row("ten_domains", what, values, unit, at_least=at_least)

    even = found["even"]
    return [
        row("nine domains of ten, no fault", even, "/s"),
        row(
            "the nine beside one of 421s / no fault",
            [a / b for a, b in zip(found["throttled"], even, strict=True)],
            at_least=0.95,
        ),
        row(
            "the nine beside a slow one / no fault",
            [a / b for a, b in zip(found["slow"], even, strict=True)],
            at_least=0.95,
        ),
    ]


if __name__ == "__main__":
    main(measure)
