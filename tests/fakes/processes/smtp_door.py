"""`campaign serve --smtp` as a process, and an application that logs in there.

In: the folder of an open campaign.  Out: a port; clients.  Touches: one process, loopback.
"""

from __future__ import annotations

import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fakes.ports import own_port


class Door:
    """On a port that stays the same, however often it is started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = own_port()
        self.process: subprocess.Popen[str] | None = None
        self.complaints = ""  # on stderr, once it has ended

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "campaign.cli.main", "serve", str(self.folder)),
                *("--smtp", f"127.0.0.1:{self.port}"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        if not self.process.stdout.readline():
            raise AssertionError(self.process.stderr.read())

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        _, self.complaints = self.process.communicate(timeout=30)
        return self.process.returncode

    def client(self, **tls: Any) -> smtplib.SMTP:
        client = smtplib.SMTP("127.0.0.1", self.port, timeout=30)
        if tls:
            client.starttls(**tls)
        return client


@contextmanager
def door(folder: Path) -> Iterator[Door]:
    made = Door(folder)
    made.start()
    try:
        yield made
    finally:
        if made.process and made.process.poll() is None:
            made.end(signal.SIGKILL)
