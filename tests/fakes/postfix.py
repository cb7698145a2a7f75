"""A real Postfix with TLS and SASL: its own configuration, its own queue, never the system's.

In: a certificate, a user.  Out: its port, its log, what was delivered.
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

from fakes.certificates import Authority
from fakes.sink import free_port

_SBIN = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
_REALM = "postfix.test"
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = {realm}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = example.com
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
mynetworks =
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {folder}/etc/sasl
smtpd_sasl_local_domain = {realm}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup   unix n - n 60 1 pickup
cleanup  unix n - n - 0 cleanup
qmgr     unix n - n 300 1 qmgr
tlsmgr   unix - - n 1000? 1 tlsmgr
rewrite  unix - - n - - trivial-rewrite
bounce   unix - - n - 0 bounce
defer    unix - - n - 0 bounce
trace    unix - - n - 0 bounce
verify   unix - - n - 1 verify
proxymap unix - - n - - proxymap
error    unix - - n - - error
retry    unix - - n - - error
virtual  unix - n n - - virtual
anvil    unix - - n - 1 anvil
postlog  unix-dgram n - n - 1 postlogd
"""
_SASL = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/sasldb2
mech_list: PLAIN LOGIN
"""


def is_there() -> bool:
    """Whether this machine and this user can run one."""
    programs = ("postfix", "saslpasswd2")
    return os.geteuid() == 0 and all(shutil.which(p, path=_SBIN["PATH"]) for p in programs)


@dataclass(frozen=True)
class Postfix:
    """A running Postfix; its user is `ada@postfix.test` with the password `secret`."""

    port: int
    ca_file: str
    folder: Path
    user: str = f"ada@{_REALM}"

    @property
    def log(self) -> str:
        return (self.folder / "maillog").read_text()

    def delivered(self, count: int, patience_s: float = 20.0) -> list[bytes]:
        """The messages in the Maildir, once `count` are there."""
        new = self.folder / "mail" / "all" / "new"
        until_s = time.monotonic() + patience_s
        while time.monotonic() < until_s:
            found = sorted(new.iterdir()) if new.is_dir() else []
            if len(found) >= count:
                return [path.read_bytes() for path in found]
            time.sleep(0.05)
        raise TimeoutError(f"{count} messages were not delivered:\n{self.log}")


@contextlib.contextmanager
def private_postfix() -> Iterator[Postfix]:
    """Until the block ends."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="campaign-postfix-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("etc", "etc/sasl", "queue", "data", "mail"):
            (folder / part).mkdir()
        for part in ("data", "mail"):
            shutil.chown(folder / part, "postfix", "postfix")
        authority = Authority(folder)
        pair = authority.issue("127.0.0.1")
        owner = (folder / "data").stat()
        (folder / "etc" / "sasl" / "smtpd.conf").write_text(_SASL.format(folder=folder))
        subprocess.run(
            ["saslpasswd2", "-p", "-c", "-f", folder / "sasldb2", "-u", _REALM, "ada"],
            input=b"secret",
            env=_SBIN,
            check=True,
        )
        shutil.chown(folder / "sasldb2", "postfix")
        main = _MAIN.format(
            folder=folder,
            realm=_REALM,
            uid=owner.st_uid,
            gid=owner.st_gid,
            cert=pair.cert,
            key=pair.key,
        )
        (folder / "etc" / "main.cf").write_text(main)
        (folder / "etc" / "master.cf").write_text(_MASTER.format(port=port))
        _postfix(folder, "start")
        try:
            yield Postfix(port, authority.ca_file, folder)
        finally:
            _postfix(folder, "stop")


def _postfix(folder: Path, what: str) -> None:
    done = subprocess.run(
        ["postfix", "-c", str(folder / "etc"), what],
        env=_SBIN,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and what == "start":
        log = folder / "maillog"
        raise OSError(f"postfix start: {done.stderr}{log.read_text() if log.exists() else ''}")
