"""A real Postfix: its own configuration, its own queue on disk, mail handed to discard(8).

In: nothing.  Out: a `Server` whose count is what its log says was delivered.
Touches: a folder under /var/tmp, a port on loopback; `postfix start` and `stop`, as root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.machine import SBIN
from bench.servers import Server, free_port, wait_for
from bench.watching import BenchError

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
syslog_name = bench
myhostname = postfix.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
default_transport = discard:
message_size_limit = 0
"""

_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup   unix n - n 60 1 pickup
cleanup  unix n - n - 0 cleanup
qmgr     unix n - n 300 1 qmgr
rewrite  unix - - n - - trivial-rewrite
bounce   unix - - n - 0 bounce
defer    unix - - n - 0 bounce
trace    unix - - n - 0 bounce
verify   unix - - n - 1 verify
flush    unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error    unix - - n - - error
retry    unix - - n - - error
discard  unix - - n - - discard
anvil    unix - - n - 1 anvil
scache   unix - - n - 1 scache
postlog  unix-dgram n - n - 1 postlogd
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
    if os.geteuid() != 0 or not shutil.which("postfix", path=SBIN["PATH"]):
        raise BenchError("a Postfix of its own needs root and the package postfix")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="campaign-postfix-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("etc", "queue", "data"):
            (folder / part).mkdir()
        shutil.chown(folder / "data", "postfix")
        etc = folder / "etc"
        (etc / "main.cf").write_text(_MAIN.format(folder=folder))
        (etc / "master.cf").write_text(_MASTER.format(port=port))
        _postfix(etc, "start")
        try:
            wait_for(port)
            log = folder / "maillog"
            yield Server(port, _Counted(log, b"status=sent"), 0), _Counted(log, b": client=")
        finally:
            _postfix(etc, "stop")


def _postfix(etc: Path, what: str) -> None:
    done = subprocess.run(
        ["postfix", "-c", str(etc), what], env=SBIN, capture_output=True, text=True
    )
    if done.returncode and what == "start":
        log = etc.parent / "maillog"
        told = log.read_text()[-1500:] if log.exists() else ""
        raise BenchError(f"postfix {what}: {done.stderr}{told}")


def wait_until_delivered(server: Server, count: int, seconds: float = 120) -> None:
    """Until `count` messages in all went through the queue; BenchError where some do not."""
    until_s = time.monotonic() + seconds
    while server.received() < count:
        if time.monotonic() > until_s:
            raise BenchError(f"{count - server.received()} messages lost in the queue")
        time.sleep(0.1)
