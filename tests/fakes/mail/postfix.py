"""A real Postfix: its own configuration and queue, mail for example.com delivered into a Maildir.

In: a port, further lines of main.cf.  Out: its log and what it delivered.
Touches: a folder under /var/tmp, a port on loopback; `postfix start` and `stop`, as root.

Imports nothing of ours: the benchmarks use it too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SBIN = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
# Lines of main.cf: this machine may send, to example.com only.
OPEN = """
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = permit_mynetworks, reject
message_size_limit = 0
"""
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = example.com
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:box/
virtual_mailbox_limit = 0
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup   unix n - n 60 1 pickup
cleanup  unix n - n - 0 cleanup
qmgr     unix n - n 300 1 qmgr
tlsmgr   unix - - n 1000? 1 tlsmgr
rewrite  unix - - n - - trivial-rewrite
smtp     unix - - n - - smtp
bounce   unix - - n - 0 bounce
defer    unix - - n - 0 bounce
trace    unix - - n - 0 bounce
verify   unix - - n - 1 verify
flush    unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error    unix - - n - - error
retry    unix - - n - - error
discard  unix - - n - - discard
virtual  unix - n n - - virtual
anvil    unix - - n - 1 anvil
scache   unix - - n - 1 scache
postlog  unix-dgram n - n - 1 postlogd
"""


def can_run(*programs: str) -> bool:
    """Postfix and the other programs are installed, and we may start one."""
    found = (shutil.which(program, path=SBIN["PATH"]) for program in ("postfix", *programs))
    return os.geteuid() == 0 and all(found)


@dataclass(frozen=True)
class Postfix:
    """A running Postfix."""

    port: int
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "maillog"

    def logged(self, text: str, count: int = 1, patience_s: float = 20.0) -> None:
        """Until the log, which another process writes, has the text so many times."""
        until_s = time.monotonic() + patience_s
        while self.log.read_text().count(text) < count:
            if time.monotonic() > until_s:
                raise TimeoutError(f"{text!r} is not in the log:\n{_told(self.log)}")
            time.sleep(0.05)

    def delivered(self, count: int, patience_s: float = 20.0) -> list[bytes]:
        """The messages in the Maildir, LF line ends, once `count` are there; then all there are."""
        new = self.folder / "mail" / "box" / "new"
        until_s = time.monotonic() + patience_s
        while len(found := sorted(new.iterdir()) if new.is_dir() else []) < count:
            if time.monotonic() > until_s:
                raise TimeoutError(
                    f"{count - len(found)} of {count} messages are missing:\n{_told(self.log)}"
                )
            time.sleep(0.05)
        return [path.read_bytes() for path in found]


@contextlib.contextmanager
def private_postfix(port: int, settings: str | Callable[[Path], str]) -> Iterator[Postfix]:
    """Until the block ends; `settings` are further lines of main.cf, or make them from the folder.

    Raises OSError where it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="campaign-postfix-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("etc", "queue", "data", "mail"):
            (folder / part).mkdir()
        for part in ("data", "mail"):
            shutil.chown(folder / part, "postfix", "postfix")
        owner = (folder / "mail").stat()
        more = settings if isinstance(settings, str) else settings(folder)
        main = _MAIN.format(folder=folder, uid=owner.st_uid, gid=owner.st_gid) + more
        (folder / "etc" / "main.cf").write_text(_each_once(main))
        (folder / "etc" / "master.cf").write_text(_MASTER.format(port=port))
        _control(folder, "start")
        try:
            _wait_for(port)
            yield Postfix(port, folder)
        finally:
            _control(folder, "stop")


def _each_once(main: str) -> str:
    """The last line of each parameter.

    Of a second one every daemon warns, postlogd too: to its own socket, which blocks it for ever
    once ten lines of others wait there.
    """
    named = [(line.partition("=")[0].strip(), line) for line in main.splitlines() if line]
    return "\n".join(dict(named).values()) + "\n"


def _control(folder: Path, what: str) -> None:
    done = subprocess.run(
        ["postfix", "-c", str(folder / "etc"), what], env=SBIN, capture_output=True, text=True
    )
    if done.returncode and what == "start":
        raise OSError(f"postfix start: {done.stderr}{_told(folder / 'maillog')}")


def _wait_for(port: int, patience_s: float = 10.0) -> None:
    until_s = time.monotonic() + patience_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > until_s:
                raise
        time.sleep(0.02)


def _told(log: Path) -> str:
    return log.read_text()[-1500:] if log.exists() else ""
