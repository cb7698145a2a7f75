"""What the foreign servers have in common: a folder, a view of the file system, an end.

In: a command.  Out: a running server, and the subjects of what it delivered.  Touches: a folder
under /var/tmp, ports on loopback, processes of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Exim counts in front of a header, Sendmail has flags there.
_SUBJECT = re.compile(rb"^(?:\d{3}. |H\?\?)?Subject: (.*?)\r?$", re.MULTILINE)
_START_S = 20.0
UID = 30104  # of the user that a server runs as in its own view
UNPACKED = Path(__file__).parents[3] / "build" / "unpacked"  # by .ci/unpack
HARAKA = Path(__file__).parents[3] / "build/haraka/node_modules/Haraka/bin/haraka"


@dataclass(frozen=True)
class Foreign:
    """A running server."""

    port: int
    delivered: Callable[[], Counter[str]]  # subjects of all messages it has delivered by now
    log: Path

    def delivered_at_last(self, count: int, patience_s: float = 30.0) -> Counter[str]:
        """Once there are so many, and a moment later: none may come twice."""
        until_s = time.monotonic() + patience_s
        while (found := self.delivered()).total() < count and time.monotonic() < until_s:
            time.sleep(0.1)
        return found


def add_user(etc: Path, name: str, uid: int = UID) -> None:
    """The machine's users, and this one: to those that were added before."""
    for file, line in (
        ("passwd", f"{name}:x:{uid}:{uid}::/:/bin/false"),
        ("group", f"{name}:x:{uid}:"),
    ):
        before = etc / file if (etc / file).exists() else Path("/etc", file)
        lines = before.read_text().splitlines()
        others = [each for each in lines if not each.startswith(f"{name}:")]
        (etc / file).write_text("\n".join([*others, line, ""]))


def subjects_of(messages: Iterable[bytes]) -> Counter[str]:
    found = (_SUBJECT.search(message) for message in messages)
    return Counter(each[1].decode() for each in found if each)


@contextlib.contextmanager
def new_folder(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"campaign-{name}-", dir="/var/tmp") as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[None]:
    """The program and all it starts, until the block ends."""
    said = log.with_name("output")
    with said.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        _wait_for(process, port, (log, said))
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait_for(process: subprocess.Popen[bytes], port: int, logs: tuple[Path, ...]) -> None:
    until_s = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None or time.monotonic() > until_s:
            told = "\n".join(log.read_text()[-1500:] for log in logs if log.exists())
            raise OSError(f"{process.args} does not listen on {port}:\n{told}")
        time.sleep(0.05)
