"""A fleet: three workers against one, what PostgreSQL costs a worker, a rate that all keep.

    python -m bench.fleet [--messages N] [--rounds N]

One worker and then three send to a server that answers after 50 ms, over ten connections each.
CPU of a message is that of one worker and its render process, 50 connections, on a journal in
PostgreSQL and on one in SQLite by turns; the database's own processes are told beside.  The rate
is kept for a minute while workers join and are killed.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.corpus import write_campaign
from bench.machine import CAMPAIGN
from bench.options import Options, main
from bench.postgresql import Database, postgresql
from bench.rows import Row, by_turns, tell
from bench.senders import command, counts, fresh, none_lost
from bench.servers import Server, smtp_sink, wire_server
from bench.watching import BenchError, Course, Sample, look, watch

MESSAGES = 20_000  # to measure CPU by
_WAY_MS = 25.0
_CONNECTIONS = 10
_EACH = 3_000  # messages for each worker of those that are compared
_RATE, _RATE_S = 200, 60.0
_LEASE = 'lease = "2s"'


def measure(options: Options) -> list[Row]:
    """The rows; everybody must have been sent once."""
    with postgresql() as database:
        costs = by_turns(
            options.rounds,
            {
                "SQLite": partial(_cost, None, options.messages or MESSAGES),
                "PostgreSQL": partial(_cost, database, options.messages or MESSAGES),
            },
        )
        speeds = by_turns(
            options.rounds,
            {"one worker": partial(_speed, database, 1), "three": partial(_speed, database, 3)},
        )
        tell(f"  a rate of {_RATE}/s for {_RATE_S:.0f} s")
        rate = _rate(database)
    ours = [sum(cost.course.cpu_us) for cost in costs["PostgreSQL"]]
    files = [sum(cost.course.cpu_us) for cost in costs["SQLite"]]
    row = partial(Row, "fleet")
    return [
        row("three workers / one, letters a second",
            [three / one for one, three in zip(speeds["one worker"], speeds["three"], strict=True)],
            at_least=2.7, note=f"{_CONNECTIONS} connections each, answers after 50 ms"),
        row("CPU a message, worker on PostgreSQL / run on SQLite",
            [a / b for a, b in zip(ours, files, strict=True)], at_most=1.1,
            note="with the render process"),
        row("CPU a message, worker on PostgreSQL", ours, "µs"),
        row("CPU a message, run on SQLite", files, "µs"),
        row("CPU a message, the database's processes",
            [cost.server_us for cost in costs["PostgreSQL"]], "µs"),
        row("commits for 100 messages", [cost.commits for cost in costs["PostgreSQL"]]),
        row(f"letters of {_RATE_S:.0f} s, off the rate of {_RATE}/s",
            [abs(rate / _RATE - 1) * 100], "%", at_most=1.0,
            note=f"{rate:.1f}/s while three workers joined and three were killed"),
    ]  # fmt: skip


class _Cost:
    """One run of one worker."""

    def __init__(self, course: Course, commits: float, server_us: float) -> None:
        self.course = course
        self.commits = commits  # for 100 messages
        self.server_us = server_us  # CPU of the database for each message


def _cost(database: Database | None, count: int) -> _Cost:
    with smtp_sink() as sink:
        folder = write_campaign(fresh("fleet-cost"), count, sink.port)
        if database is not None:
            _share(folder, database.url("cost"))
        command(folder, "plan", "--no-render")
        verb = ["run", "--yes"] if database is None else ["work"]
        before, began = _commits(database), _server(database)
        course = watch([CAMPAIGN, *verb, "--workers", "1"], sink.received, cwd=folder)
        none_lost("campaign", course.received, count)
        none_lost("the journal", counts(folder)["sent"], count)
    commits = (_commits(database) - before) * 100 / count
    ended = _server(database)
    server_s = ended.first_cpu_s + ended.below_cpu_s - began.first_cpu_s - began.below_cpu_s
    return _Cost(course, commits, server_s * 1e6 / count)


def _share(folder: Path, url: str, more: str = "") -> None:
    """Give a campaign a journal in PostgreSQL."""
    with (folder / "campaign.toml").open("a", encoding="utf-8") as file:
        file.write(f'[journal]\nurl = "{url}"\n[fleet]\n{more}\n')


def _commits(database: Database | None) -> int:
    """Of all databases so far; a session tells its own when it ends."""
    if database is None:
        return 0
    return int(database.ask("SELECT sum(xact_commit) FROM pg_stat_database"))


def _server(database: Database | None) -> Sample:
    found = look(database.pid, 0.0, 0, memory=False) if database else None
    return found or Sample(0.0, 0, 0.0, 0.0, 0, 0)


def _speed(database: Database, workers: int) -> float:
    """Letters a second, from when all send until most have gone."""
    count = _EACH * workers
    with wire_server(way_ms=_WAY_MS) as server:
        folder = write_campaign(fresh("fleet-speed"), count, server.port, connections=_CONNECTIONS)
        _share(folder, database.url("speed"))
        command(folder, "plan", "--no-render")
        with contextlib.ExitStack() as running:
            for number in range(workers):
                running.enter_context(_worker(folder, f"w{number}"))
            _until(server, count // 5)
            began, began_s = server.received(), time.monotonic()
            _until(server, count * 4 // 5)
            return (server.received() - began) / (time.monotonic() - began_s)


@contextlib.contextmanager
def _worker(folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [CAMPAIGN, "work", "--name", name, "--workers", "1"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _rate(database: Database) -> float:
    """Letters a second that came in a minute in which workers joined and died."""
    count = int(_RATE * (_RATE_S + 30))
    with smtp_sink() as server, contextlib.ExitStack() as running:
        folder = write_campaign(
            fresh("fleet-rate"),
            count,
            server.port,
            connections=_CONNECTIONS,
            relay=f'rates = ["{_RATE}/s"]',
        )
        _share(folder, database.url("rate"), _LEASE)
        command(folder, "plan", "--no-render")
        workers = [running.enter_context(_worker(folder, f"w{number}")) for number in range(2)]
        _until(server, _RATE * 2)
        began, began_s = server.received(), time.monotonic()
        for number in range(3):
            workers.append(running.enter_context(_worker(folder, f"w{number + 2}")))
            time.sleep(_RATE_S / 4)
            workers[number].send_signal(signal.SIGKILL)
        time.sleep(max(0.0, began_s + _RATE_S - time.monotonic()))
        return (server.received() - began) / (time.monotonic() - began_s)


def _until(server: Server, count: int) -> None:
    until_s = time.monotonic() + 120
    while server.received() < count:
        if time.monotonic() > until_s:
            raise BenchError(f"only {server.received()} of {count} letters came")
        time.sleep(0.01)


if __name__ == "__main__":
    main(measure)
