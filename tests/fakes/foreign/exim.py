"""Exim, which ends a connection after ten RSETs without a message."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from fakes.foreign.running import UID, UNPACKED, Foreign, add_user, new_folder, running, subjects_of
from fakes.ports import own_port

_EXIM = """\
primary_hostname = exim.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%slog
pid_file_path = {folder}/pid
tls_advertise_hosts =
queue_only = true
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  deny local_parts = ^dead
       message = 5.1.1 unknown user
  accept
"""
_EXIM_SCRIPT = """\
mount --make-rprivate /
mount -t overlay overlay -o lowerdir={unpacked}/usr:/usr /usr
mount -t overlay overlay -o lowerdir={folder}/etc:/etc /etc
exec /usr/sbin/exim4 -C {folder}/exim.conf -bdf
"""


@contextlib.contextmanager
def exim() -> Iterator[Foreign]:
    """It takes mail into its queue, but for recipients whose name begins with "dead"."""
    with new_folder("exim") as folder:
        (folder / "etc").mkdir()
        add_user(folder / "etc", "Debian-exim")
        (folder / "spool").mkdir()
        os.chown(folder / "spool", UID, UID)
        port = own_port()
        (folder / "exim.conf").write_text(_EXIM.format(folder=folder, port=port))
        script = _EXIM_SCRIPT.format(unpacked=UNPACKED, folder=folder)
        log = folder / "spool" / "mainlog"
        said = folder / "said"
        with running(["unshare", "-m", "sh", "-ec", script], port, said):
            spool = folder / "spool" / "input"  # ...-H: envelope and headers of a message
            yield Foreign(
                port, lambda: subjects_of(path.read_bytes() for path in spool.rglob("*-H")), log
            )
