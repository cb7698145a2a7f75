"""The door of Dask: a cluster's workers, and one long task on each.

In: the address of a scheduler, or how many processes to start here.  Out: places, tasks.
Touches: the network, processes.  Fails with MissingExtraError without the library, and with
UsageError where no scheduler answers.

Dask only places and watches.  Its tasks are pinned to their worker, never retried and never
repeated by it; all that counts of them is in the journal.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from campaign.errors import CampaignError, MissingExtraError, UsageError
from campaign.extras import pip_line
from campaign.fleet.bundle import Bundle, bundles_folder, unpack

_CONNECT_S = 10


class Ended(NamedTuple):
    """How the task of a worker ended."""

    code: int  # the exit code of `campaign work`; -1: the worker itself is gone
    said: str  # its last lines


class Cluster:
    """Workers that are there, and the tasks that were given to them."""

    def __init__(self, client: Any, bundle: Bundle, render_workers: int | None) -> None:
        self._client = client
        self._bundle = client.scatter(bundle, broadcast=True, hash=False)
        self._render_workers = render_workers
        self._tasks: dict[str, Any] = {}  # by address

    def places(self) -> list[str]:
        """Addresses of the workers that are there now."""
        return sorted(self._client.scheduler_info(n_workers=-1)["workers"])

    def start(self, place: str) -> None:
        """One long task, there and nowhere else."""
        self._tasks[place] = self._client.submit(
            work_here,
            self._bundle,
            self._render_workers,
            workers=[place],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )

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
def cluster_of(
    address: str, count: int, bundle: Bundle, render_workers: int | None
) -> Iterator[Cluster]:
    """The cluster at an address; with "" `count` processes of this machine."""
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"a fleet that is started from here needs Dask: {error}", remedy=pip_line("fleet")
        ) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is in the journal
    local = None
    if not address:
        local = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            memory_limit=0,  # the letters are made by processes of their own
        )
    try:
        try:
            client = Client(  # type: ignore[no-untyped-call]
                local or address, timeout=_CONNECT_S, set_as_default=False
            )
        except (OSError, TimeoutError) as error:
            raise UsageError(
                f"no scheduler of Dask answers at {address}: {error}",
                remedy="start one (`dask scheduler`), or leave [fleet] dask out",
            ) from None
        with client:
            yield Cluster(client, bundle, render_workers)
    finally:
        if local is not None:
            local.close()


def work_here(bundle: Bundle, render_workers: int | None) -> Ended:
    """In a worker of Dask: `campaign work` as a process of its own, for signals need a main
    thread."""
    try:
        folder = unpack(bundle, bundles_folder())
    except CampaignError as error:
        return Ended(error.exit_code, str(error))
    command = [sys.executable, "-m", "campaign.cli.main", "work", str(folder)]
    if render_workers:
        command += ["--workers", str(render_workers)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DASK")}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        check=False,
    )
    return Ended(done.returncode, "\n".join(done.stderr.strip().splitlines()[-3:]))


def _end_of(task: Any) -> Ended:
    """Of a task that is done; what Dask lost with its worker has no result."""
    if task.status == "finished":
        return Ended(*task.result())
    return Ended(-1, f"its worker of Dask is gone ({task.status})")
