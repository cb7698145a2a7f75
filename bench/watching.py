"""Runs one program and watches it: wall time, CPU of each kind of process, memory, descriptors.

In: a command and a counter of messages received.  Out: a `Course` with its samples.
Touches: one process and its children, /proc.

CPU is read from /proc/PID/stat, split into the process started (for `campaign` the one that does
the I/O) and everything below it (its render workers).  Memory is the proportional set size (PSS)
of the whole tree, from /proc/PID/smaps_rollup: pages shared by fork are counted once.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_LOOK_EVERY_S = 0.05
_STEADY = (0.10, 0.95)  # part of a run that is neither start nor end


class BenchError(Exception):
    """A candidate failed or a message was lost: the row has no figure."""


class Sample(NamedTuple):
    """The tree at one moment."""

    at_s: float  # since the start
    received: int  # messages at the server since the start
    first_cpu_s: float  # CPU of the process that was started
    below_cpu_s: float  # CPU of all its children, living and dead
    pss_bytes: int  # 0: not looked at
    descriptors: int  # open in the whole tree; 0: not looked at


@dataclass
class Course:
    """One program from start to end."""

    seconds: float
    received: int
    samples: list[Sample] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Messages a second, from the start of the process to its end."""
        return self.received / self.seconds

    @property
    def first_message_s(self) -> float:
        """From the start of the process until the server has a message."""
        return next((s.at_s for s in self.samples if s.received), self.seconds)

    @property
    def peak_pss_mb(self) -> float:
        return max((s.pss_bytes for s in self.samples), default=0) / 2**20

    def _steady(self) -> tuple[Sample, Sample]:
        low, high = (self.received * part for part in _STEADY)
        begin = next((s for s in self.samples if s.received >= low), None)
        end = next((s for s in self.samples if s.received >= high), None)
        if begin is None or end is None or end.received == begin.received:
            raise BenchError("the run was too short to look into: send more messages")
        return begin, end

    @property
    def steady_rate(self) -> float:
        """Messages a second between the first tenth and the last twentieth of them."""
        begin, end = self._steady()
        return (end.received - begin.received) / (end.at_s - begin.at_s)

    @property
    def cpu_us(self) -> tuple[float, float]:
        """CPU a message in the same stretch: (the process started, everything below it)."""
        begin, end = self._steady()
        messages = end.received - begin.received
        first = end.first_cpu_s - begin.first_cpu_s
        below = end.below_cpu_s - begin.below_cpu_s
        return first / messages * 1e6, below / messages * 1e6


def descendants(pid: int) -> Iterator[int]:
    """All living processes below `pid`."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return
    for thread in threads:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split():
                yield int(child)
                yield from descendants(int(child))


def _cpu_s(pid: int) -> tuple[float, float]:
    """(its own CPU, CPU of children it has waited for), proc(5) fields 14 to 17."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, child_user, child_system = map(int, fields[11:15])
    return (user + system) * _TICK_S, (child_user + child_system) * _TICK_S


def pss_bytes(pid: int) -> int:
    """Proportional set size of one process, 0 when it is gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def look(pid: int, started_s: float, received: int, *, memory: bool) -> Sample | None:
    """The tree below `pid` now; None when it is gone."""
    try:
        first, reaped = _cpu_s(pid)
    except (FileNotFoundError, ProcessLookupError):
        return None
    below, children = reaped, list(descendants(pid))
    for child in children:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            below += _cpu_s(child)[0]
    pss = descriptors = 0
    if memory:
        for one in (pid, *children):
            pss += pss_bytes(one)
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                descriptors += len(os.listdir(f"/proc/{one}/fd"))
    return Sample(time.monotonic() - started_s, received, first, below, pss, descriptors)


def watch(
    command: Sequence[str | os.PathLike[str]],
    received: Callable[[], int],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    memory_every_s: float = 0.0,
    exit_codes: Sequence[int] = (0,),
    meanwhile: Callable[[subprocess.Popen[bytes], Sample], None] | None = None,
) -> Course:
    """Run `command` to its end.  `memory_every_s` 0 leaves memory out, which costs CPU to look at.

    Raises BenchError when it ends with another exit code.
    """
    before = received()
    with tempfile.TemporaryFile() as output:
        started_s = time.monotonic()
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        samples: list[Sample] = []
        memory_at_s = started_s
        try:
            while True:
                memory = memory_every_s > 0 and time.monotonic() >= memory_at_s
                if memory:
                    memory_at_s = time.monotonic() + memory_every_s
                sample = look(process.pid, started_s, received() - before, memory=memory)
                if sample:
                    samples.append(sample)
                    if meanwhile:
                        meanwhile(process, sample)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_EVERY_S)
                    break
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)
        seconds = time.monotonic() - started_s
        if process.returncode not in exit_codes:
            output.seek(0)
            last = output.read()[-2000:].decode(errors="replace")
            raise BenchError(f"{command[0]} ended with {process.returncode}: {last}")
    course = Course(seconds, received() - before, samples)
    if samples:  # what came after the last look belongs to the end
        course.samples.append(samples[-1]._replace(at_s=seconds, received=course.received))
    return course
