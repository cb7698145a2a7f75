"""The door of Dask: connections to a cluster, its workers, and one long task on each.

In: the address of a scheduler, or how many processes to start here.  Out: places, tasks.
Touches: the network, processes, locks in the folder of a bundle.
Fails with MissingExtraError without the library, and with UsageError where no scheduler answers
at the beginning.

Dask only places and watches.  The tasks of `Cluster` are pinned to their worker, never retried and
never repeated by it; all that counts of them is in the journal.  When the scheduler dies its
workers leave, but the processes of `campaign work` that they started go on.  A scheduler that comes
back knows nothing: whoever is in the cluster then is given a task anew, which waits while a host
has as many of those processes as it has places.
"""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from campaign.clock import SystemClock
from campaign.errors import CampaignError, MissingExtraError, UsageError
from campaign.extras import pip_line
from campaign.fleet.bundle import Bundle
from campaign.fleet.bundles import bundles_folder, hold

_CONNECT_S = 10
_AGAIN_S = 3  # to connect to a scheduler that was there before
_LOOK_S = 0.5  # between two looks of a task that waits for a worker of before
FAILURES = (OSError, TimeoutError, CancelledError)  # of a client whose scheduler is gone


class Ended(NamedTuple):
    """How the task of a worker ended."""

    code: int  # the exit code of `campaign work`; -1: the worker itself is gone
    said: str  # its last lines


class SchedulerLink:
    """To a scheduler, which may go and come back."""

    def __init__(self, connect: Callable[[float], Any]) -> None:
        """`connect` within so many seconds, or raise OSError or TimeoutError: a client."""
        self._connect = connect
        self.client = connect(_CONNECT_S)
        self.brought: Any = None  # what stands in tasks for what all workers were brought

    def is_there(self) -> bool:
        """Whether the scheduler answers; it is connected to again where it did not."""
        if self.client is not None and self.client.status != "running":
            self.close()
        if self.client is None:
            with suppress(OSError, TimeoutError):
                self.client = self._connect(_AGAIN_S)
        return self.client is not None

    def close(self) -> None:
        """Until it is asked for again."""
        client, self.client, self.brought = self.client, None, None
        if client is not None:
            with suppress(*FAILURES):
                client.close(timeout=_AGAIN_S)

    def threads(self) -> dict[str, int]:
        """Addresses of the workers that are there now, and how many tasks each does at once."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        return {place: int(workers[place]["nthreads"]) for place in sorted(workers)}

    def bring(self, given: object) -> Any:
        """The one thing that tasks are about, to all workers; again where they have lost it.  What
        stands for it in tasks."""
        if self.brought is None or self.brought.status != "finished":
            # In a list: of a tuple each part would be scattered by itself.
            (self.brought,) = self.client.scatter([given], broadcast=True, hash=False)
        return self.brought


class Cluster:
    """Workers that are there, and the long tasks that were given to them."""

    def __init__(
        self, connection: SchedulerLink, bundle: Bundle, render_workers: int | None
    ) -> None:
        self._connection = connection
        self._bundle = bundle
        self._render_workers = render_workers
        self._tasks: dict[str, Any] = {}  # by address

    def is_there(self) -> bool:
        """Whether the scheduler answers; of one that did not, all tasks are forgotten, and the
        processes that they started go on."""
        before = self._connection.client
        is_there = self._connection.is_there()
        if self._connection.client is not before:
            self._tasks.clear()
        return is_there

    def places(self) -> list[str]:
        """Addresses of the workers that are there now."""
        return list(self._connection.threads())

    def start(self, place: str) -> None:
        """One long task, there and nowhere else."""
        try:
            self._tasks[place] = self._connection.client.submit(
                work_here,
                self._connection.bring(self._bundle),
                self._render_workers,
                sum(_host_of(each) == _host_of(place) for each in self.places()),
                workers=[place],
                allow_other_workers=False,
                pure=False,
                retries=0,
            )
        except FAILURES:  # as the next look will find
            self._connection.close()
            self._tasks.clear()

    @property
    def busy(self) -> set[str]:
        """Places whose task goes on."""
        return {place for place, task in self._tasks.items() if not task.done()}

    def ended(self) -> dict[str, Ended]:
        """Tasks that have ended since this was last asked, by place."""
        found = {}
        for place, task in list(self._tasks.items()):
            if task.done():
                found[place] = _end_of(task)
                del self._tasks[place]
        return found


@contextmanager
def connected(address: str, count: int) -> Iterator[SchedulerLink]:
    """To the cluster at an address; with "" `count` processes of this machine."""
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"a fleet that is started from here needs Dask: {error}", remedy=pip_line("fleet")
        ) from None
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.startswith("distributed"):  # what matters is in the journal
            logging.getLogger(name).setLevel(logging.CRITICAL)
    local = None
    if not address:
        local = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            memory_limit=0,  # the letters are made by processes of their own
        )

    def connect(within_s: float) -> Any:
        return Client(  # type: ignore[no-untyped-call]
            local or address, timeout=within_s, set_as_default=False
        )

    try:
        try:
            connection = SchedulerLink(connect)
        except (OSError, TimeoutError) as error:
            raise UsageError(
                f"no scheduler of Dask answers at {address}: {error}",
                remedy="start one (`dask scheduler`), or leave [fleet] dask out",
            ) from None
        try:
            yield connection
        finally:
            connection.close()
    finally:
        if local is not None:
            local.close()


def threads_here() -> int:
    """In a task: how many this worker of Dask does at once."""
    from distributed import get_worker

    return int(get_worker().state.nthreads)


def work_here(bundle: Bundle, render_workers: int | None, places: int) -> Ended:
    """In a worker of Dask: `campaign work` as a process of its own, for signals need a main
    thread.  `places`: workers of Dask on this host."""
    try:
        folder, lock = hold(bundle, bundles_folder(), SystemClock())
    except CampaignError as error:
        return Ended(error.exit_code, str(error))
    try:
        return _work_in(folder, lock, render_workers, places)
    finally:
        os.close(lock)


def _work_in(folder: Path, lock: int, render_workers: int | None, places: int) -> Ended:
    command = [sys.executable, "-m", "campaign.cli.main", "work", str(folder)]
    if render_workers:
        command += ["--workers", str(render_workers)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DASK")}
    # It may outlive this process, and would die of a pipe that nobody reads.
    with _seat_in(folder, places) as seat, tempfile.TemporaryFile("w+", errors="replace") as said:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=environment,
            pass_fds=[seat, lock],
            check=False,
        )
        said.seek(0)
        return Ended(done.returncode, "\n".join(said.read().strip().splitlines()[-3:]))


@contextmanager
def _seat_in(folder: Path, places: int) -> Iterator[int]:
    """One of so many locks, once it is free.

    The process of `campaign work` inherits it, and so keeps it where its worker of Dask is gone.
    """
    while True:
        for number in range(max(1, places)):
            seat = os.open(folder / f".seat-{number}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(seat)
                continue
            try:
                yield seat
            finally:
                os.close(seat)
            return
        time.sleep(_LOOK_S)


def _host_of(place: str) -> str:
    return urlsplit(place).hostname or place


def _end_of(task: Any) -> Ended:
    """Of a task that is done; what Dask lost with its worker has no result."""
    if task.status == "finished":
        with suppress(*FAILURES):
            return Ended(*task.result())
    return Ended(-1, f"its worker of Dask is gone ({task.status})")
