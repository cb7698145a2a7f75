"""A scheduler of Dask and its workers as processes, and a run that sends by them, all of which die.

In: a planned campaign with [fleet] dask.  Out: a crew for `fleet_rounds`.
Touches: processes, loopback ports, a cache of bundles.

What ends is started again, as systemd would: the scheduler, its workers, `campaign run --fleet`.
The processes of `campaign work` live on when whoever started them is killed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fakes.ports import own_port
from fakes.processes.crashing import CAMPAIGN
from fakes.processes.fleet import MOST_S, how_it_stands
from fakes.servers.postgresql import DatabaseServer

_DASK = (sys.executable, "-W", "ignore", "-m")
QUIET = {"DASK_LOGGING__DISTRIBUTED": "critical"}


class DaskCluster:
    """Workers that are started through Dask; `Crew` says what the methods are."""

    def __init__(
        self, folder: Path, port: int, database: DatabaseServer, url: str, count: int
    ) -> None:
        self._folder = folder
        self._port = port
        self._database = database
        self._url = url
        self._count = count
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._groups: list[int] = []
        self._pids: dict[str, int] = {}  # of all workers that were members, by name
        self._said = (folder / "said").open("ab+")

    def start(self) -> None:
        for name in ("scheduler", *(f"place-{n}" for n in range(self._count)), "run"):
            self._start(name)

    def names(self) -> set[str]:
        self._keep()
        return {worker for worker, pid in self._workers().items() if _lives(pid)}

    def signal(self, name: str, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it has ended by now
            os.kill(self._pids[name], number)

    def kill(self, name: str) -> None:
        self.signal(name, signal.SIGKILL)
        _until(lambda: not _lives(self._pids[name]), "it does not die")

    def harm_others(self, dice: random.Random) -> bool:
        """The scheduler as often as all others together."""
        self.end(
            dice.choice(("scheduler", "place-0", "run")) if dice.random() < 0.5 else "scheduler"
        )
        return True

    def end(self, name: str) -> None:
        """Kill it, and start it again."""
        self.take_away(name)
        self._start(name)

    def take_away(self, name: str) -> None:
        """Kill the scheduler, a worker of Dask ("place-0") or the run ("run")."""
        self._running[name].kill()
        self._running[name].wait()

    @property
    def is_over(self) -> bool:
        return self._running["run"].poll() in (0, 1)

    def finish(self) -> None:
        until_s = time.monotonic() + MOST_S
        while not self.is_over:
            self._keep()
            assert time.monotonic() < until_s, self._stands("the run does not end")
            time.sleep(0.05)
        # Those whose place in the cluster is lost end by themselves.
        _until(lambda: not any(map(_lives, self._pids.values())), "a worker does not end")
        assert "Traceback" not in self.said(), self.said()

    def said(self) -> str:
        """By the runs, on stderr and stdout."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace")

    def stop(self) -> None:
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        for process in self._running.values():
            process.wait()
        self._said.close()

    # -- inside --------------------------------------------------------------------------------

    def _start(self, name: str) -> None:
        command = {
            "scheduler": scheduler_command(self._port),
            "run": [*CAMPAIGN, "run", "--fleet", "0", "--yes", "--workers", "1"],
        }.get(
            name,
            worker_command(self._port, self._folder),
        )
        output = self._said if name == "run" else subprocess.DEVNULL
        self._running[name] = subprocess.Popen(
            command,
            cwd=self._folder,
            env=os.environ | QUIET | {"XDG_CACHE_HOME": str(self._folder / "cache")},
            stdout=output,
            stderr=output,
            start_new_session=True,  # with the workers of its own that outlive it
        )
        self._groups.append(self._running[name].pid)

    def _keep(self) -> None:
        """Whatever has ended is started again."""
        for name, process in list(self._running.items()):
            if process.poll() is not None and not (name == "run" and self.is_over):
                self._start(name)

    def _workers(self) -> dict[str, int]:
        """The process of each member, by its name."""
        asked = "SELECT worker, pid FROM fleet_members WHERE ended_s = 0"
        found = dict(self._database.ask(asked, self._url.rpartition("/")[2]))
        self._pids |= found
        return found

    def _stands(self, what: str) -> str:
        return f"{what}: {self.said()[-5000:]}\n{how_it_stands(self._database, self._url)}"


def scheduler_command(port: int) -> list[str]:
    return [
        *(*_DASK, "distributed.cli.dask_scheduler", "--no-dashboard"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]


def worker_command(port: int, folder: Path) -> list[str]:
    return [
        *(*_DASK, "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--no-dashboard"),
        *("--no-nanny", "--nthreads", "1", "--memory-limit", "0", "--host", "127.0.0.1"),
        *("--local-directory", str(folder / "dask")),
    ]


def _lives(pid: int) -> bool:
    """One that is dead and not waited for by its parent counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _until(is_so: Callable[[], bool], what: str) -> None:
    until_s = time.monotonic() + MOST_S
    while not is_so():
        assert time.monotonic() < until_s, what
        time.sleep(0.02)


@contextmanager
def dask_cluster(
    folder: Path, database: DatabaseServer, url: str, count: int
) -> Iterator[DaskCluster]:
    """Implements `fleet_rounds.CrewIn`; the scheduler's address is put into campaign.toml."""
    port = own_port()
    toml = folder / "campaign.toml"
    toml.write_text(toml.read_text().rstrip() + f'\ndask = "tcp://127.0.0.1:{port}"\n')
    cluster = DaskCluster(folder, port, database, url, count)
    try:
        yield cluster
    finally:
        cluster.stop()
