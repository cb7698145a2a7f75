"""OpenSMTPD, in a view of the file system with its users and its folders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fakes.foreign.running import UID, UNPACKED, Foreign, add_user, new_folder, running, subjects_of
from fakes.mail.scripted_smtp import ScriptedServer
from fakes.ports import own_port

_CONF = """\
listen on 127.0.0.1 port {port} hostname opensmtpd.example
action out relay host smtp://127.0.0.1:{backend}
match from any for any action out
"""
_SCRIPT = """\
mount --make-rprivate /
mount -t overlay overlay -o lowerdir={unpacked}/usr:/usr /usr
mount -t overlay overlay -o lowerdir={folder}/etc:/etc /etc
mount --bind {folder}/var /var/lib
mount --bind {folder}/spool /var/spool
mount -t tmpfs tmpfs /run
exec /usr/sbin/smtpd -d -f {folder}/smtpd.conf
"""


@contextlib.contextmanager
def opensmtpd() -> Iterator[Foreign]:
    """It hands on to a server of ours."""
    with new_folder("opensmtpd") as folder, ScriptedServer() as backend:
        etc = folder / "etc"
        for path in (etc, folder / "var/opensmtpd/empty", folder / "spool/smtpd"):
            path.mkdir(parents=True)
        (folder / "spool/smtpd").chmod(0o711)
        add_user(etc, "opensmtpd")
        add_user(etc, "opensmtpq", UID + 1)
        port, log = own_port(), folder / "log"
        (folder / "smtpd.conf").write_text(_CONF.format(port=port, backend=backend.port))
        script = _SCRIPT.format(unpacked=UNPACKED, folder=folder)
        with running(["unshare", "-m", "sh", "-ec", script], port, log):
            yield Foreign(port, lambda: subjects_of(each.data for each in backend.accepted), log)
