"""What a letter costs `campaign serve --api`, and how soon a code goes beside a bulk of others.

python -m bench.intake [--messages N] [--rounds N]

The bare application is starlette under the same server, which commits one row of SQLite for each
request: the least that "durable before 202" takes without company.  Both get the same requests over
the same connections, by turns.  The way to the dot is read from the journal: from the moment that a
code was accepted to the one at which its dot was permitted, while a run empties a bulk of letters
into smtp-sink over the same relay.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh
from bench.servers import smtp_sink
from bench.watching import BenchError

POSTS = 6_000
BULK = 40_000
CODES = 300
_CONNECTIONS = 64
_KEY = "0123456789abcdef0123456789abcdef"
_BATCH = 1_000
_TOML = """\
name = "bench"
kind = "open"
[message]
from = "Shop <shop@example.com>"
[template.code]
subject = "{{{{ code }}}} is your code"
text = "code.txt"
[template.news]
subject = "News"
text = "news.txt"
lane = "bulk"
[serve]
listen = "127.0.0.1:0"
api_keys = [{{ env = "BENCH_KEY" }}]
[relay]
host = "127.0.0.1"
port = {port}
security = "none"
"""
_BARE = """
import sqlite3, sys
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from campaign.serve.server import serve

database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute("CREATE TABLE letters (number INTEGER PRIMARY KEY, body BLOB)")

async def answer(request):
    body = await request.body()
    number = database.execute("INSERT INTO letters (body) VALUES (?)", (body,)).lastrowid
    return JSONResponse({"id": number}, 202)

app = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
serve(app, "127.0.0.1:0", [], lambda address: print(f"Serving on {address};", flush=True))
"""


class _Cost(NamedTuple):
    """Of one round."""

    rate_s: float
    p99_ms: float


def measure(options: Options) -> list[Row]:
    """Letters accepted a second, the ratio to the bare application, the way of a code."""
    count = options.messages or POSTS
    requests = [_request("/v1/messages", _code(number), 202) for number in range(count)]
    found = by_turns(
        options.rounds,
        {"ours": lambda: _ours(requests), "bare": lambda: _bare(requests)},
    )
    ratios = [o.rate_s / b.rate_s for o, b in zip(found["ours"], found["bare"], strict=True)]
    ways = [_way_of_codes() for _ in range(options.rounds)]
    return [
        Row("intake", "letters accepted a second", [each.rate_s for each in found["ours"]], "/s",
            note=f"{count:,} letters over {_CONNECTIONS} connections, SQLite, durable each"),
        Row("intake", "time of a POST, p99", [each.p99_ms for each in found["ours"]], "ms",
            at_most=30),
        Row("intake", "accepted / bare starlette with a commit", ratios, at_least=0.7),
        Row("intake", "from 202 to the dot beside a bulk, p99", ways, "ms", at_most=250,
            note=f"{CODES} codes while {BULK:,} letters go to the same relay"),
    ]  # fmt: skip


class _Request(NamedTuple):
    wire: bytes
    status: int


def _code(number: int) -> dict[str, object]:
    return {"template": "code", "to": f"p{number}@example.com", "data": {"code": str(number)}}


def _request(path: str, body: object, status: int) -> _Request:
    sent = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: example.com\r\nAuthorization: Bearer {_KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    )
    return _Request(head.encode() + sent, status)


def _campaign(port: int = 1) -> Path:
    folder = fresh("intake")
    (folder / "campaign.toml").write_text(_TOML.format(port=port))
    (folder / "code.txt").write_text("Your code is {{ code }}.\n")
    (folder / "news.txt").write_text("There is news, and it is longer than a code.\n" * 20)
    return folder


def _ours(requests: Sequence[_Request]) -> _Cost:
    folder = _campaign()
    cost = _measured(_api(folder), requests)
    with closing(sqlite3.connect(folder / "state/journal.sqlite.intake")) as kept:
        (found,) = kept.execute("SELECT count(*) FROM arrivals").fetchone()
    if found != len(requests) + 1:
        raise BenchError(f"{len(requests) + 1} were accepted, {found} are kept")
    return cost


def _bare(requests: Sequence[_Request]) -> _Cost:
    return _measured([sys.executable, "-c", _BARE, str(fresh("bare") / "letters")], requests)


def _api(folder: Path) -> list[str]:
    return [sys.executable, "-m", "campaign.cli.main", "serve", str(folder), "--api"]


@contextmanager
def _served(command: Sequence[str]) -> Iterator[int]:
    """The port of a server."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "BENCH_KEY": _KEY}
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().partition(";")[0]
        if not address:
            raise BenchError(f"{command[-2]} did not start")
        yield int(address.rpartition(":")[2])
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _measured(command: Sequence[str], requests: Sequence[_Request]) -> _Cost:
    with _served(command) as port:
        asyncio.run(_post_all(port, requests[:1]))  # what is loaded at the first request
        started_s = time.perf_counter()
        took_s = asyncio.run(_post_all(port, requests))
        wall_s = time.perf_counter() - started_s
    took_s.sort()
    return _Cost(len(requests) / wall_s, took_s[len(took_s) * 99 // 100] * 1e3)


async def _post_all(
    port: int, requests: Sequence[_Request], connections: int = _CONNECTIONS, pause_s: float = 0.0
) -> list[float]:
    """How long each took, in seconds.  Raises BenchError for another answer than is wanted."""
    waiting = iter(requests)
    took_s: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for request in waiting:
            began_s = time.perf_counter()
            writer.write(request.wire)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            took_s.append(time.perf_counter() - began_s)
            if not head.startswith(b"HTTP/1.1 %d " % request.status):
                raise BenchError(f"answered {head[:40]!r}")
            await asyncio.sleep(pause_s)
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return took_s


def _way_of_codes() -> float:
    """Milliseconds from accepted to the dot, of 99 codes in a hundred."""
    with smtp_sink() as sink:
        folder = _campaign(sink.port)
        with _served(_api(folder)) as port:
            bulk = [
                _request("/v1/messages/batch", {"messages": _news(first)}, 200)
                for first in range(0, BULK, _BATCH)
            ]
            asyncio.run(_post_all(port, bulk, 1))
            run = subprocess.Popen(
                [sys.executable, "-m", "campaign.cli.main", "run", str(folder)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                while not _taken(folder):
                    time.sleep(0.01)
                codes = [_request("/v1/messages", _code(number), 202) for number in range(CODES)]
                asyncio.run(_post_all(port, codes, 1, pause_s=0.005))
                if sink.received() >= BULK:
                    raise BenchError("the bulk was over before the codes were: ask for more of it")
                time.sleep(2)
            finally:
                run.send_signal(signal.SIGTERM)
                run.wait(60)
        return _p99_ms(folder)


def _taken(folder: Path) -> int:
    """The highest letter that the run has taken into its journal: it goes on with the others beside
    the codes."""
    with closing(sqlite3.connect(folder / "state/journal.sqlite")) as journal:
        return int(journal.execute("SELECT coalesce(max(row), 0) FROM recipients").fetchone()[0])


def _news(first: int) -> list[dict[str, object]]:
    return [
        {"template": "news", "to": f"n{number}@example.com"}
        for number in range(first, first + _BATCH)
    ]


def _p99_ms(folder: Path) -> float:
    with closing(sqlite3.connect(folder / "state/journal.sqlite")) as journal:
        journal.execute("ATTACH ? AS intake", (str(folder / "state/journal.sqlite.intake"),))
        ways = [
            way_s * 1e3
            for (way_s,) in journal.execute(
                "SELECT min(h.at) - a.accepted_s FROM intake.arrivals a JOIN history h"
                " ON h.row = a.number AND h.state = 'sending' WHERE a.template = 'code'"
                " GROUP BY a.number ORDER BY 1"
            )
        ]
    if len(ways) < CODES:
        raise BenchError(f"{CODES} codes were accepted, {len(ways)} were sent")
    return float(ways[len(ways) * 99 // 100])


if __name__ == "__main__":
    main(measure)
