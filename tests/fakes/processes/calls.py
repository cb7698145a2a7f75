"""Faults at chosen system calls of a running campaign, by strace.

In: a system call, a thread, a number.  Out: killed or failing processes.
Touches: processes it starts, a recorder.

strace counts calls for each thread apart (`when=N` is the N-th call of that thread), so each sweep
is about one thread, which makes all commits of its runs.  The main thread, which holds the sockets
and opens the journal, is traced from the start; the journal thread is caught while the server keeps
its greeting back, before there is anything to write.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from fakes.mail.recorder import Recorder, recorder
from fakes.processes.crashing import Tally, check, note_doubt, planned_campaign, start, to_the_end

STRACE = shutil.which("strace")
CONNECTIONS = 2
RECIPIENTS = 5


class Sweep(NamedTuple):
    """One system call of one thread."""

    thread: str  # "main thread" or "journal thread"
    call: str

    @property
    def name(self) -> str:
        return f"{self.thread.split()[0]}-{self.call}"


# uvloop hands everything to the sockets by write(2); the journal thread wakes the loop by it.
SWEEPS = tuple(
    Sweep(thread, call)
    for thread in ("main thread", "journal thread")
    for call in ("fdatasync", "pwrite64", "write")
)


def kill_at_every_call(
    folder: Path, sweep: Sweep, *, policy: str, first: int = 1, step: int = 1
) -> Tally:
    """Kill at the N-th call, N = first, first + step, ... until a run ends by itself."""
    tally = Tally()
    number, ended = first, False
    with recorder(0.005, is_open=False) as server:
        plan = planned_campaign(
            folder / "plan",
            server,
            recipients=RECIPIENTS,
            connections=CONNECTIONS,
            policy=policy,
        )
        while not ended:
            at = shutil.copytree(plan, folder / str(number))
            server.forget()
            with traced(at, server, sweep, f"signal=SIGKILL:when={number}") as process:
                process.communicate(timeout=60)
            tally.rounds += 1
            ended = process.returncode == 0
            if not ended:
                # A tracer that was killed by the signal of its tracee shows it the same way.
                assert process.returncode in (-9, 137), process.returncode
                tally.kills += 1
                note_doubt(at, CONNECTIONS, tally)
            to_the_end(at)
            check(at, server, policy, RECIPIENTS, tally)
            shutil.rmtree(at)
            number += step
    return tally


@contextmanager
def traced(
    folder: Path, server: Recorder, sweep: Sweep, injection: str
) -> Iterator[subprocess.Popen[str]]:
    """`campaign resume` with this injected into the calls of one thread; the server's door opens
    once the tracer is there."""
    assert STRACE is not None
    options = [STRACE, "-o", str(folder / "strace"), "-e", f"inject={sweep.call}:{injection}"]
    options += ["-e", f"trace={sweep.call}"]
    if sweep.thread == "main thread":
        server.door.set()
        yield start(folder, *options, "-qq", quick_s=math.inf)
        return
    process = start(folder, quick_s=0.0)
    while not server.connections:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    thread = (folder / "journal-thread").read_text()  # told before anybody connects
    tracer = subprocess.Popen(
        [*options, "-p", thread], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert tracer.stderr is not None
    assert "attached" in tracer.stderr.readline()
    server.door.set()
    yield process
    tracer.communicate(timeout=60)
