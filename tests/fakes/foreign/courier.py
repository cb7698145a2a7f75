"""Courier, which cannot bear an envelope in the same write as a dot."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

from fakes.foreign.running import UID, UNPACKED, Foreign, add_user, new_folder, running, subjects_of
from fakes.ports import own_port

# Courier's paths are compiled in, and its package cannot be installed beside Postfix: it runs in a
# view of the file system of its own, where its files lie over those of the machine.
_COURIER = """\
mount --make-rprivate /
mount -t overlay overlay -o lowerdir={unpacked}/usr:/usr /usr
mount -t overlay overlay -o lowerdir={folder}/etc:/etc /etc
mount -t overlay overlay -o lowerdir={folder}/lib:/var/lib /var/lib
mount --bind {folder}/queue /var/lib/courier
export RELAYCLIENT= BOFHCHECKDNS=0 BOFHCHECKHELO=0 PATH=/usr/bin:/bin
cd /var/lib/courier
exec /usr/sbin/couriertcpd -user=courier -group=courier -address=127.0.0.1 \\
    -maxprocs=100 -maxperc=100 -maxperip=100 -nodnslookup -noidentlookup \\
    {port} /usr/sbin/courieresmtpd
"""


@contextlib.contextmanager
def courier() -> Iterator[Foreign]:
    """It takes mail into its queue; nothing is delivered from there."""
    with new_folder("courier") as folder:
        etc, queue = folder / "etc", folder / "queue"
        shutil.copytree(UNPACKED / "etc" / "courier", etc / "courier")
        (folder / "lib" / "courier").mkdir(parents=True)
        for name in ("me", "defaultdomain", "dsnfrom"):
            (etc / "courier" / name).write_text("courier.example\n")
        add_user(etc, "courier")
        for name in ("msgs", "msgq", "tmp", "track", "allfilters", "filters"):
            (queue / name).mkdir(parents=True)
        for path in (queue, *queue.iterdir()):
            os.chown(path, UID, UID)
        port, log = own_port(), folder / "log"
        script = _COURIER.format(unpacked=UNPACKED, folder=folder, port=port)
        with running(["unshare", "-m", "sh", "-ec", script], port, log):
            tmp = queue / "tmp"  # D...: a message, C...: its envelope, written when it is taken
            yield Foreign(
                port,
                lambda: subjects_of(
                    path.read_bytes()
                    for path in tmp.rglob("D*")
                    if path.with_name(f"C{path.name[1:]}").exists()
                ),
                log,
            )
