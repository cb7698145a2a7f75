"""What an unsubscribe costs `campaign serve`: POSTs a second, and beside a bare application.

python -m bench.serve [--messages N] [--rounds N]

The bare one is starlette under the same server, which appends the request's line to a file and
syncs it: the least that "durable before 200" takes.  Both get the same requests over the same
connections, by turns; CPU is of the server's process alone, that of the client is its own.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh
from bench.watching import BenchError, look
from campaign.addresses.tokens import UnsubscribeTokens
from campaign.clock import SystemClock
from campaign.suppression.store import SuppressionStore

POSTS = 10_000
_CONNECTIONS = 64
_SECRET = "0123456789abcdef0123456789abcdef"
_BODY = b"List-Unsubscribe=One-Click"
_TOML = """\
[unsubscribe]
url = "https://example.com/u"
secret = { env = "CAMPAIGN_SECRET" }
[suppression]
url = "sqlite:///suppression.sqlite"
[serve]
listen = "127.0.0.1:0"
"""
_BARE = """
import os, sys
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from campaign.serve.server import serve

file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

async def answer(request):
    body = await request.body()
    os.write(file, request.scope["query_string"] + body + b"\\n")
    os.fsync(file)
    return Response()

app = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
serve(app, "127.0.0.1:0", [], lambda address: print(f"Serving on {address};", flush=True))
"""


class _Cost(NamedTuple):
    """Of one POST."""

    cpu_us: float
    wall_us: float
    p99_ms: float


def measure(options: Options) -> list[Row]:
    """Rates, times and CPU of a POST, and the ratio to the bare application."""
    count = options.messages or POSTS
    folder = fresh("serve")
    (folder / "campaign.toml").write_text(_TOML)
    requests = _requests(count)
    ours = [sys.executable, "-m", "campaign.cli.main", "serve", str(folder)]
    bare = [sys.executable, "-c", _BARE, str(folder / "lines")]
    found = by_turns(
        options.rounds,
        {
            "ours": lambda: _checked(folder, _measured(ours, requests), count),
            "bare": lambda: _measured(bare, requests),
        },
    )
    cpu = {name: [cost.cpu_us for cost in costs] for name, costs in found.items()}
    ratios = [bare_us / our_us for our_us, bare_us in zip(cpu["ours"], cpu["bare"], strict=True)]
    walls = [b.wall_us / o.wall_us for o, b in zip(found["ours"], found["bare"], strict=True)]
    return [
        Row("serve", "POSTs a second of one core", [1e6 / each for each in cpu["ours"]], "/s",
            at_least=2000, note=f"{count:,} people over {_CONNECTIONS} connections, SQLite"),
        Row("serve", "POSTs a second as they came",
            [1e6 / cost.wall_us for cost in found["ours"]], "/s"),
        Row("serve", "time of a POST, p99", [cost.p99_ms for cost in found["ours"]], "ms",
            at_most=50),
        Row("serve", "POSTs a core / bare starlette with an fsync", ratios),
        Row("serve", "POSTs as they came / bare starlette with an fsync", walls),
    ]  # fmt: skip


def _requests(count: int) -> list[bytes]:
    """Of `count` people, one each."""
    tokens = UnsubscribeTokens([_SECRET])
    return [
        (
            f"POST /u?t={tokens.token('newsletter', f'user{number}@example.com', 'spring')}"
            " HTTP/1.1\r\nHost: example.com\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(_BODY)}\r\n\r\n"
        ).encode()
        + _BODY
        for number in range(count)
    ]


@contextmanager
def _served(command: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(pid, port) of a server."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "CAMPAIGN_SECRET": _SECRET},
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().partition(";")[0]
        if not address:
            raise BenchError(f"{command[-2]} did not start")
        yield process.pid, int(address.rpartition(":")[2])
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _measured(command: Sequence[str], requests: Sequence[bytes]) -> _Cost:
    with _served(command) as (pid, port):
        asyncio.run(_post_all(port, requests[:1]))  # what is loaded at the first request
        before = _cpu_s(pid)
        started_s = time.perf_counter()
        took_s = asyncio.run(_post_all(port, requests))
        wall_s = time.perf_counter() - started_s
        cpu_s = _cpu_s(pid) - before
    took_s.sort()
    count = len(requests)
    return _Cost(cpu_s / count * 1e6, wall_s / count * 1e6, took_s[count * 99 // 100] * 1e3)


def _cpu_s(pid: int) -> float:
    sample = look(pid, 0.0, 0, memory=False)
    if sample is None:
        raise BenchError("the server is gone")
    return sample.first_cpu_s


async def _post_all(port: int, requests: Sequence[bytes]) -> list[float]:
    """How long each took, in seconds.  Raises BenchError where one is not answered 200."""
    waiting = iter(requests)
    took_s: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            began_s = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            took_s.append(time.perf_counter() - began_s)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise BenchError(f"answered {head[:40]!r}")
        writer.close()

    await asyncio.gather(*(client() for _ in range(_CONNECTIONS)))
    return took_s


def _checked(folder: Path, cost: _Cost, count: int) -> _Cost:
    """Everybody is in the store, which is then emptied for the next round."""
    with SuppressionStore.open("sqlite:///suppression.sqlite", folder, SystemClock()) as store:
        found = sum(1 for _ in store.iterate())
    if found != count:
        raise BenchError(f"{count} unsubscribed, {found} are in the store")
    (folder / "suppression.sqlite").unlink()
    return cost


if __name__ == "__main__":
    main(measure)
