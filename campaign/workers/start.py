"""A render worker's process before it has anything to do, and workers started ahead.

In: how many.  Out: processes, each with its two pipes and its shelf.  Touches: subprocesses.

A worker loads its libraries for a quarter of a second, and so does the process that will feed it:
started ahead it does so at the same time.  It knows nothing of any campaign until it is told.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import campaign
from campaign.errors import CampaignError
from campaign.workers.confinement import limits_remedy
from campaign.workers.pipes import widen
from campaign.workers.shelf import Shelf, shared_memory

NICE = 15  # sockets and journal go first; so does whoever asks for the status meanwhile
_WORTH_ROWS = 200  # are made before one more worker has loaded its libraries
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "PYTHONHOME")


class ProcessorTime(NamedTuple):
    """Of a process, since it began (Linux: proc(5), sched-stats).

    is_wanted: it runs, or would, had it a processor now
    used_s: time it ran
    waited_s: time it would have run, up to when it last did
    """

    is_wanted: bool
    used_s: float
    waited_s: float


class WorkerProcess:
    """One worker, started when this is made.  Raises CampaignError where none can be."""

    def __init__(self) -> None:
        with ExitStack() as theirs, ExitStack() as ours:
            try:
                self._start(theirs, ours)
            except OSError as error:
                what = f"a render worker cannot be started: {error.strerror}"
                raise CampaignError(what, remedy=limits_remedy()) from None
            self._ours = ours.pop_all()

    def _start(self, theirs: ExitStack, ours: ExitStack) -> None:
        """Open its pipes, ours and their ends of them, and start it."""
        self.errors = ours.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        child_in, self.input = os.pipe()
        theirs.callback(os.close, child_in)
        ours.callback(os.close, self.input)
        self.output, child_out = os.pipe()
        ours.callback(os.close, self.output)
        theirs.callback(os.close, child_out)
        for end in (self.input, self.output):
            os.set_blocking(end, False)
            widen(end)
        shared = []
        self.shelf = Shelf(None)
        if sys.platform == "linux":
            shared.append(shared_memory())
            theirs.callback(os.close, shared[0])
            self.shelf = Shelf.of(shared[0])
            ours.callback(self.shelf.leave)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "campaign.workers.worker", *map(str, shared)],
            pass_fds=shared,
            stdin=child_in,
            stdout=child_out,
            stderr=self.errors,
            env=_environment(),
            # Ctrl-C is not for it.  A session of its own would be scheduled as a whole beside
            # ours (sched(7), autogroup), and its niceness would count for nothing.
            process_group=0,
        )
        ours.callback(self._process.kill)
        nice = os.getpriority(os.PRIO_PROCESS, 0) + NICE
        os.setpriority(os.PRIO_PROCESS, self._process.pid, nice)  # its imports are nice, too

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_gone(self) -> bool:
        """The process has ended and was reaped."""
        return self._process.poll() is not None

    @property
    def processor(self) -> ProcessorTime:
        """What it has had of a processor; nothing where the system does not say, or it is gone."""
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as file:
                state = file.read().rpartition(b")")[2].split()[0]
            with open(f"/proc/{self.pid}/schedstat", "rb") as file:
                used, waited = map(int, file.read().split()[:2])
        except (OSError, IndexError, ValueError):
            return ProcessorTime(is_wanted=False, used_s=0.0, waited_s=0.0)
        return ProcessorTime(state == b"R", used / 1e9, waited / 1e9)

    def last_error(self) -> str:
        """What it complained of in the end."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it ended without a word"

    def kill(self) -> None:
        """Kill it and close its pipes; it is gone a moment later."""
        self._ours.close()

    def wait(self) -> None:
        """Until it is gone."""
        self._process.wait()


@contextmanager
def workers_ahead(count: int) -> Iterator[deque[WorkerProcess]]:
    """So many workers for a pool to take; those that nobody took are ended."""
    ahead: deque[WorkerProcess] = deque()
    try:
        add_workers(ahead, count)
        yield ahead
    finally:
        for worker in ahead:
            worker.kill()
        for worker in ahead:
            worker.wait()


def add_workers(ahead: deque[WorkerProcess], count: int) -> None:
    """Start so many more.  Raises CampaignError where one cannot be; the others are there."""
    for _ in range(count):
        ahead.append(WorkerProcess())


def worker_count(wanted: int | None = None) -> int:
    """One for each core that we may use, unless so many are wanted."""
    if wanted:
        return wanted
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers_for(rows: int, wanted: int | None = None, *, limit: int | None = None) -> int:
    """So many as are wanted; else one for each core, as far as there are rows enough for them.

    `limit`: that no more of the rows will be made."""
    made = min(rows, limit or rows)
    return wanted or min(worker_count(), max(1, -(-made // _WORTH_ROWS)))


def _environment() -> dict[str, str]:
    """What a worker may know of our environment: where to find Python's parts, no secrets."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return kept | {"PYTHONPATH": python_path()}


def python_path() -> str:
    """Where a process of ours finds our modules."""
    paths = [str(Path(campaign.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return os.pathsep.join(path for path in paths if path)
