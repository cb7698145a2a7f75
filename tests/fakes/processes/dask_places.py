"""A scheduler of Dask and its workers as processes, for a plan that is spread over them.

In: a folder.  Out: an address, processes to harm.  Touches: processes, loopback ports, a cache of
bundles.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fakes.ports import own_port
from fakes.processes.dask_cluster import QUIET, scheduler_command, worker_command

MOST_S = 60.0


class DaskPlaces:
    """One scheduler, and workers that are started one by one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = own_port()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.start_scheduler()

    def start_scheduler(self) -> None:
        self.scheduler = self._start(scheduler_command(self._port))

    def add_worker(self, preload: str = "") -> None:
        """`preload`: Python that the worker runs before anything else."""
        command = worker_command(self._port, self._folder)
        if preload:
            file = self._folder / "preload.py"
            file.write_text(preload)
            command += ["--preload", str(file)]
        self.workers.append(self._start(command))

    def kill_worker(self) -> None:
        worker = self.workers.pop()
        worker.kill()
        worker.wait()

    def kill_scheduler(self) -> None:
        self.scheduler.kill()
        self.scheduler.wait()

    def stop(self) -> None:
        for process in [*self.workers, self.scheduler]:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def render_workers(self) -> list[int]:
        """Processes that render for the workers of Dask."""
        parents = {process.pid for process in self.workers}
        return [pid for pid, parent in _parents().items() if parent in parents]

    def wait_until_nobody_renders(self) -> None:
        until_s = time.monotonic() + MOST_S
        while self.render_workers():
            assert time.monotonic() < until_s, "render workers do not end"
            time.sleep(0.02)

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=os.environ | QUIET | {"XDG_CACHE_HOME": str(self._folder / "cache")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _parents() -> dict[int, int]:
    """Of all processes that are not dead: the process that started them."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(stat.parent.name)] = int(parent)
    return found


@contextmanager
def dask_places(folder: Path, workers: int) -> Iterator[DaskPlaces]:
    places = DaskPlaces(folder)
    try:
        for _ in range(workers):
            places.add_worker()
        yield places
    finally:
        places.stop()
