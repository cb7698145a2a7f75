"""Sendmail, in a view of the file system where it may be the machine's mail transport agent."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

from fakes.foreign.running import UID, UNPACKED, Foreign, add_user, new_folder, running, subjects_of
from fakes.ports import own_port

_CF = UNPACKED / "usr/share/sendmail/cf"
_MC = """\
OSTYPE(`linux')dnl
define(`confDELIVERY_MODE', `q')dnl
define(`QUEUE_DIR', `{folder}/queue')dnl
define(`confPID_FILE', `{folder}/pid')dnl
define(`STATUS_FILE', `{folder}/statistics')dnl
define(`ALIAS_FILE', `')dnl
define(`confRUN_AS_USER', `sendmail')dnl
define(`confQUEUE_LA', `500')dnl
define(`confREFUSE_LA', `500')dnl
define(`confTO_IDENT', `0')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`nocanonify')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Port={port}, Addr=127.0.0.1, Name=MTA')dnl
MAILER(`smtp')dnl
"""
_SCRIPT = """\
hostname sendmail.example
mount --make-rprivate /
mount -t overlay overlay -o lowerdir={folder}/etc:/etc /etc
export LD_LIBRARY_PATH={unpacked}/usr/lib/x86_64-linux-gnu:{unpacked}/lib/x86_64-linux-gnu
exec {unpacked}/usr/libexec/sendmail/sendmail -C {folder}/sendmail.cf -bD
"""


@contextlib.contextmanager
def sendmail() -> Iterator[Foreign]:
    """It takes mail into its queue; nothing is delivered from there."""
    with new_folder("sendmail") as folder:
        etc, queue = folder / "etc", folder / "queue"
        etc.mkdir()
        add_user(etc, "sendmail")
        # It asks for its own name first, and sleeps a minute where nobody knows it.
        (etc / "hosts").write_text("127.0.0.1 sendmail.example localhost\n")
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
        queue.mkdir(mode=0o700)
        os.chown(queue, UID, UID)
        port, log = own_port(), folder / "log"
        macros = folder / "sendmail.mc"
        macros.write_text(_MC.format(folder=folder, port=port))
        command = ["m4", f"-D_CF_DIR_={_CF}/", f"{_CF}/m4/cf.m4", str(macros)]
        command[0] = str(UNPACKED / "usr/bin/m4")
        made = subprocess.run(command, capture_output=True, check=True, timeout=30)
        (folder / "sendmail.cf").write_bytes(made.stdout)
        script = _SCRIPT.format(unpacked=UNPACKED, folder=folder)
        with running(["unshare", "-m", "-u", "sh", "-ec", script], port, log):
            # qf...: envelope and headers, written when a message is taken
            yield Foreign(
                port, lambda: subjects_of(path.read_bytes() for path in queue.glob("qf*")), log
            )
