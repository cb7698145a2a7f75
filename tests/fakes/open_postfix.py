"""A real Postfix: its own configuration and queue, everything delivered into one Maildir.

In: nothing.  Out: its port and the messages it delivered.
Touches: a folder under /var/tmp, a port on loopback; `postfix start` and `stop`, as root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fakes.sink import free_port, wait_for

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
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
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = example.com
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
default_transport = error:nothing leaves this host
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
virtual  unix - n n - - virtual
anvil    unix - - n - 1 anvil
scache   unix - - n - 1 scache
postlog  unix-dgram n - n - 1 postlogd
"""


def can_run() -> bool:
    """Postfix is installed, and we may start one."""
    return os.geteuid() == 0 and shutil.which("postfix", path=_PATH) is not None


@dataclass(frozen=True)
class Postfix:
    """A running Postfix."""

    port: int
    box: Path

    def wait_for(self, count: int, seconds: float = 120.0) -> list[bytes]:
        """The messages as files, LF line ends, once there are `count`; then all there are."""
        until_s = time.monotonic() + seconds
        while len(found := self._files()) < count:
            if time.monotonic() > until_s:
                raise TimeoutError(f"{count - len(found)} of {count} messages are missing")
            time.sleep(0.05)
        return [path.read_bytes() for path in found]

    def _files(self) -> list[Path]:
        new = self.box / "new"
        return sorted(new.iterdir()) if new.is_dir() else []


@contextlib.contextmanager
def postfix() -> Iterator[Postfix]:
    """Until the block ends."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="postfix-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("etc", "queue", "data", "mail"):
            (folder / part).mkdir()
        shutil.chown(folder / "data", "postfix")
        shutil.chown(folder / "mail", "nobody", "nogroup")
        owner = (folder / "mail").stat()
        etc = folder / "etc"
        settings = {"folder": folder, "uid": owner.st_uid, "gid": owner.st_gid}
        (etc / "main.cf").write_text(_MAIN.format(**settings))
        (etc / "master.cf").write_text(_MASTER.format(port=port))
        _control(etc, "start")
        try:
            wait_for(port)
            yield Postfix(port, folder / "mail" / "box")
        finally:
            _control(etc, "stop")


def _control(etc: Path, what: str) -> None:
    done = subprocess.run(
        ["postfix", "-c", str(etc), what], env={"PATH": _PATH}, capture_output=True, text=True
    )
    if done.returncode and what == "start":
        log = etc.parent / "maillog"
        raise RuntimeError(f"{done.stderr}{log.read_text()[-1500:] if log.exists() else ''}")
