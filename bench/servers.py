"""The servers that candidates send to, each counting what it took.

In: options.  Out: a `Server` with its port and its count, until the block ends.
Touches: one process each, ports on loopback, a counter file in memory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine import ROOT, SBIN
from bench.watching import BenchError

_MEMORY = Path("/dev/shm")
# uvloop reads TLS into 256 KB: glibc would map and unmap them for each read until it has learnt
# better, and the first candidate would wait for 150,000 page faults.  See mallopt(3).
_KEPT = {"MALLOC_MMAP_THRESHOLD_": str(16 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}


@dataclass(frozen=True)
class Server:
    """A server on 127.0.0.1; `received()` is the number of messages it has taken so far."""

    port: int
    received: Callable[[], int]
    pid: int


def free_port() -> int:
    """A port on loopback nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 10) -> None:
    """Until something listens there."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise BenchError(f"nothing listens on port {port}")


@contextlib.contextmanager
def _stopped(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder in memory, which `nobody` may write to."""
    where = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="campaign-bench-", dir=where) as name:
        os.chmod(name, 0o777)
        yield Path(name)


@contextlib.contextmanager
def smtp_sink(*options: str) -> Iterator[Server]:
    """Postfix's smtp-sink.

    `-c` makes it write its counters after each message; the file lies in memory, and costs the
    sink about 1 µs a message for whoever sends.
    """
    program = shutil.which("smtp-sink", path=SBIN["PATH"])
    if program is None:
        raise BenchError("smtp-sink is missing: make tools")
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    port = free_port()
    with _folder() as folder, (folder / "counters").open("ab") as counters:
        command = [program, *user, "-c", "-m", "1000", *options, f"127.0.0.1:{port}", "500"]
        process = subprocess.Popen(command, stdout=counters, stderr=subprocess.DEVNULL)

        def received() -> int:
            with open(counters.name, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 200))
                lines = file.read().split(b"\r")
            if size > 1 << 22:  # only the last line is of use
                os.truncate(counters.name, 0)
            last = next((line for line in reversed(lines[:-1]) if b"mesg=" in line), b"")
            return int(last.partition(b"mesg=")[2] or b"0")

        with _stopped(process):
            wait_for(port)
            yield Server(port, _never_back(received), process.pid)


def _never_back(count: Callable[[], int]) -> Callable[[], int]:
    """A counter read while it is being written to never runs backwards."""
    highest = 0

    def read() -> int:
        nonlocal highest
        highest = max(highest, count())
        return highest

    return read


@contextlib.contextmanager
def wire_server(
    *, certificate: Path | None = None, way_ms: float = 0.0, options: Sequence[str] = ()
) -> Iterator[Server]:
    """bench/wire_server.py in a process of its own."""
    with _folder() as folder:
        counter = folder / "counter"
        command = [sys.executable, "-m", "bench.wire_server", "--counter", str(counter), *options]
        if certificate:
            command += ["--certificate", str(certificate)]
        if way_ms:
            command += ["--way-ms", str(way_ms)]
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | _KEPT, stdout=subprocess.PIPE
        )
        with _stopped(process):
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise BenchError("the wire server did not start")

            def received() -> int:
                count: int = struct.unpack("<Q", counter.read_bytes()[:8])[0]
                return count

            yield Server(int(port), received, process.pid)
