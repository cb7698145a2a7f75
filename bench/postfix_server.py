"""A real Postfix to send to: mail is queued on disk as anywhere, then handed to discard(8).

It does not pause for a second where more comes in than goes out (in_flow_delay): whoever sends
would be measured by how often that happens to him.

In: nothing.  Out: a `Server` whose count is what its log says was delivered.
Touches: what tests/fakes/mail/postfix.py does.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.servers import Server, free_port
from bench.watching import BenchError
from tests.fakes.mail.postfix import OPEN, can_run, private_postfix

_SETTINGS = f"""{OPEN}
virtual_transport = discard:
default_transport = discard:
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
"""


class _Counted:
    """Counts a mark in a log that grows."""

    def __init__(self, log: Path, mark: bytes) -> None:
        self._mark = mark
        self._log = log
        self._at = 0
        self._count = 0

    def __call__(self) -> int:
        with contextlib.suppress(FileNotFoundError), self._log.open("rb") as file:
            file.seek(self._at)
            new = file.read()
            whole = new.rfind(b"\n") + 1
            self._at += whole
            self._count += new[:whole].count(self._mark)
        return self._count


@contextlib.contextmanager
def postfix() -> Iterator[tuple[Server, Callable[[], int]]]:
    """A server whose count is of deliveries, and the count of messages it has let in.

    Raises BenchError without Postfix or without root.
    """
    if not can_run():
        raise BenchError("a Postfix of its own needs root and the package postfix")
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(private_postfix(free_port(), _SETTINGS))
        except OSError as error:
            raise BenchError(str(error)) from error
        delivered = _Counted(running.log, b"status=sent")
        yield Server(running.port, delivered, 0), _Counted(running.log, b": client=")


def wait_until_delivered(server: Server, count: int, seconds: float = 120) -> None:
    """Until `count` messages in all went through the queue; BenchError where some do not."""
    until_s = time.monotonic() + seconds
    while server.received() < count:
        if time.monotonic() > until_s:
            raise BenchError(f"{count - server.received()} messages lost in the queue")
        time.sleep(0.1)
