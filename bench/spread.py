"""What a plan costs on one machine, and spread over workers of Dask: processor time, who spends it.

In: how many rows, how many workers.  Out: a table in Markdown on stdout.
Touches: build/bench/spread, a scheduler and workers of Dask on loopback, which render in one
process each.

Processor time tells it on a machine whose cores all take part in: the time on the clock would tell
how many cores there are.

python -m bench.spread [--rows N] [--workers N]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import NamedTuple, TypeVar

from bench.corpus import write_campaign
from bench.senders import fresh
from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.fleet.cluster import connected
from campaign.fleet.spreading import spread_over
from campaign.journal.reading.claiming import ClaimReader
from campaign.planning.inputs import render_spec
from campaign.planning.letter_files import letter_files
from campaign.planning.plan import make_plan
from campaign.workers import frames
from campaign.workers.in_order import alone

_TICKS_S = os.sysconf("SC_CLK_TCK")
_IDLE_S = 10.0
_Got = TypeVar("_Got")
_DASK = (sys.executable, "-W", "ignore", "-m")


class Spent(NamedTuple):
    """Processor time of one plan, in seconds."""

    planner_s: float  # the process that reads, writes and hands out
    here_s: float  # its render workers
    there_s: float = 0.0  # workers of Dask with their render workers
    scheduler_s: float = 0.0
    there: int = 0  # letters that were made there


class Used(NamedTuple):
    """Processor time of one process over some time on the clock."""

    spent_s: float
    wall_s: float


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", type=int, default=100_000)
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--one", help=argparse.SUPPRESS)  # in a process of its own
    options = asked.parse_args()
    if options.one:
        print(json.dumps(_planned(Path(options.one), options.workers)))
        return
    folder = write_campaign(fresh("spread"), options.rows, 1)  # nothing is sent
    (folder / "campaign.toml").open("a").write("\n[fleet]\n")
    print(
        "| µs of a processor, a row | planner | renders here | renders there | scheduler | there |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    _show("without rendering", _in_process(folder, -1), options.rows)
    _show("one machine", _in_process(folder, 0), options.rows)
    with _cluster(folder, options.workers) as pids:
        idle, _ = _used_while(pids, lambda: time.sleep(_IDLE_S))
        used, spent = _used_while(pids, lambda: _in_process(folder, options.workers))
        # What Dask's processes take doing nothing depends on the time on the clock.
        scheduler_s, *workers_s = [
            each.spent_s - each.wall_s * rest.spent_s / rest.wall_s
            for each, rest in zip(used, idle, strict=True)
        ]
        spent = spent._replace(there_s=sum(workers_s), scheduler_s=scheduler_s)
    _show(f"and {options.workers} workers of Dask", spent, options.rows)
    print(f"\n{_sent_bytes(folder):.0f} B a row go there, a letter comes back as 15 B")


def _in_process(folder: Path, workers: int) -> Spent:
    shutil.rmtree(folder / "state", ignore_errors=True)
    command = [sys.executable, "-m", "bench.spread", "--one", str(folder)]
    done = subprocess.run(
        [*command, "--workers", str(workers)], capture_output=True, text=True, check=True
    )
    return Spent(*json.loads(done.stdout))


def _planned(folder: Path, workers: int) -> Spent:
    """Fewer than 0: without rendering."""
    campaign = load(folder)
    said: list[str] = []
    make = partial(
        make_plan, campaign, clock=SystemClock(), workers=1, render=workers >= 0,
        on_note=said.append,
    )  # fmt: skip
    if workers > 0:
        with connected(campaign.settings.fleet.dask, 0) as connection:
            make(
                spread=spread_over(
                    connection, files=partial(letter_files, campaign), most=0, processes=1,
                    say=said.append,
                )
            )  # fmt: skip
    else:
        make(spread=alone)
    there = int(said[-1].split()[0].replace(",", "")) if workers > 0 else 0
    return Spent(_spent_by(RUSAGE_SELF), _spent_by(RUSAGE_CHILDREN), there=there)


def _spent_by(whose: int) -> float:
    used = getrusage(whose)
    return used.ru_utime + used.ru_stime


@contextmanager
def _cluster(folder: Path, workers: int) -> Iterator[list[int]]:
    """Process ids, of the scheduler first; its address is put into campaign.toml."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    with (folder / "campaign.toml").open("a") as toml:
        toml.write(f'dask = "{address}"\n')
    scheduler = [
        *(*_DASK, "distributed.cli.dask_scheduler", "--no-dashboard"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    worker = [
        *(*_DASK, "distributed.cli.dask_worker", address, "--no-dashboard", "--no-nanny"),
        *("--nthreads", "1", "--memory-limit", "0", "--local-directory", str(folder / "dask")),
    ]
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    running = [
        subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for command in [scheduler, *[worker] * workers]
    ]  # fmt: skip
    try:
        with connected(address, 0) as connection:
            while len(connection.threads()) < workers:
                time.sleep(0.1)
        yield [process.pid for process in running]
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _used_while(pids: list[int], call: Callable[[], _Got]) -> tuple[list[Used], _Got]:
    began_s, before = time.monotonic(), [_used_s(pid) for pid in pids]
    got = call()
    wall_s = time.monotonic() - began_s
    return [Used(_used_s(pid) - had, wall_s) for pid, had in zip(pids, before, strict=True)], got


def _used_s(pid: int) -> float:
    """By a process and those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS_S


def _sent_bytes(folder: Path) -> float:
    """Of a row on its way to a worker."""
    campaign = load(folder)
    with closing(ClaimReader.open(*campaign.journal)) as reader:
        spec = render_spec(campaign, reader.plan_record(), reader.sources())
        jobs = next(reader.open_jobs(0, 1000))
    return len(frames.pack_jobs(jobs, True, spec.token_for)) / len(jobs)


def _show(what: str, spent: Spent, rows: int) -> None:
    each = [seconds / rows * 1e6 for seconds in spent[:4]]
    print(f"| {what} | {' | '.join(f'{one:.1f}' for one in each)} | {spent.there / rows:.0%} |")


if __name__ == "__main__":
    main()
