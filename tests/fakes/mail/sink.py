"""Postfix's smtp-sink on loopback, with what it received.

In: options of smtp-sink(1).  Out: its port and the messages it dumped.
Touches: one process, one folder.
"""

from __future__ import annotations

import contextlib
import email
import email.policy
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from fakes.ports import own_port

PROGRAM = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"


@dataclass(frozen=True)
class Dumped:
    """One message as the sink wrote it."""

    recipient: str
    sender: str
    raw: bytes  # as received, dots unstuffed, the sink's own X- lines taken off

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass(frozen=True)
class Sink:
    """A running smtp-sink."""

    port: int
    folder: Path  # one file a message, where dumping was asked for
    process: subprocess.Popen[bytes]

    def messages(self) -> Iterator[Dumped]:
        for path in sorted(self.folder.iterdir()):
            yield read_dump(path.read_bytes())


def read_dump(data: bytes) -> Dumped:
    """A file of `smtp-sink -d`: its X- lines, a Received line, then the message with LF."""
    lines = data.split(b"\n")
    envelope: dict[bytes, bytes] = {}
    index = 0
    while lines[index].startswith((b"X-", b"Received:", b"\t", b" ")):
        name, _, value = lines[index].partition(b": ")
        envelope[name] = value
        index += 1
        if name == b"Received":
            while lines[index].startswith((b"\t", b" ")):
                index += 1
            break
    return Dumped(
        recipient=_path(envelope[b"X-Rcpt-Args"]),
        sender=_path(envelope[b"X-Mail-Args"]),
        raw=b"\n".join(lines[index:-1]),  # the sink ends a file with an empty line of its own
    )


def _path(argument: bytes) -> str:
    return argument.decode().partition("<")[2].rpartition(">")[0]


@contextlib.contextmanager
def smtp_sink(*options: str, dump: bool = False, backlog: int = 200) -> Iterator[Sink]:
    """Run smtp-sink until the block ends; it is stopped by its own process id."""
    port = own_port()
    with tempfile.TemporaryDirectory(prefix="sink") as name:
        folder = Path(name)
        if os.geteuid() == 0:  # the sink insists on giving root up; nobody must be able to write
            options = ("-u", "nobody", *options)
            folder.chmod(0o777)
        if dump:
            options = (*options, "-d", f"{folder}/m.")
        process = subprocess.Popen(
            [PROGRAM, *options, f"127.0.0.1:{port}", str(backlog)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port)
            yield Sink(port, folder, process)
        finally:
            process.terminate()
            process.wait(10)


def wait_for(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    raise TimeoutError(f"smtp-sink does not listen on {port}")
