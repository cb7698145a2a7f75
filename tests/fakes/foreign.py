"""Real mail servers that nobody here wrote: Dovecot's submission service, chasquid, Courier, Exim.

In: a port.  Out: the subjects of what each delivered.  Touches: a folder under /var/tmp, ports on
loopback, processes of its own; each server has its own configuration, no service of the system is
started or changed.

The first three offer PIPELINING and cannot bear an envelope in the same write as a dot.  Exim
bears it, and ends a connection after ten RSETs without a message.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fakes.certificates import Authority
from fakes.ports import own_port
from fakes.scripted_smtp import ScriptedServer

_SUBJECT = re.compile(rb"^(?:\d{3}. )?Subject: (.*?)\r?$", re.MULTILINE)  # Exim counts in front
_START_S = 20.0
_UID = 30104  # of the user that a server runs as in its own view
UNPACKED = Path(__file__).parents[2] / "build" / "unpacked"  # by .ci/unpack

_DOVECOT = """\
protocols = submission
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
mail_location = maildir:{folder}/mail
first_valid_uid = 1
submission_relay_host = 127.0.0.1
submission_relay_port = {backend}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail
}}
service submission-login {{
  inet_listener submission {{
    port = {port}
  }}
  chroot =
}}
service anvil {{
  chroot =
}}
"""

_CHASQUID = """\
hostname: "chasquid.example"
smtp_address: "127.0.0.1:{port}"
submission_address: "127.0.0.1:{spare}"
monitoring_address: ""
data_dir: "{folder}/data"
mail_log_path: "{folder}/log"
mail_delivery_agent_bin: "/bin/true"
"""
_INTO_FOLDER = """\
#!/bin/sh
new=$(mktemp {folder}/new/XXXXXXXXXX) && cat > "$new"
"""

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


@dataclass(frozen=True)
class Foreign:
    """A running server."""

    port: int
    delivered: Callable[[], Counter[str]]  # subjects of all messages it has delivered by now
    log: Path

    def delivered_at_last(self, count: int, patience_s: float = 30.0) -> Counter[str]:
        """Once there are so many, and a moment later: none may come twice."""
        until_s = time.monotonic() + patience_s
        while (found := self.delivered()).total() < count and time.monotonic() < until_s:
            time.sleep(0.1)
        return found


SERVERS: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[Foreign]], Path]]


def can_run(name: str) -> bool:
    """It is installed, and we may start it."""
    return os.geteuid() == 0 and SERVERS[name][1].exists()


@contextlib.contextmanager
def dovecot_submission() -> Iterator[Foreign]:
    """It hands on to a server of ours, whatever the user name and the password are."""
    owner = shutil.which("dovecot", path="/usr/sbin:/sbin")
    with new_folder("dovecot") as folder, ScriptedServer() as backend:
        (folder / "run").mkdir()
        (folder / "mail").mkdir()
        shutil.chown(folder / "mail", "nobody", "nogroup")
        port, stat = own_port(), (folder / "mail").stat()
        config = folder / "dovecot.conf"
        config.write_text(
            _DOVECOT.format(
                folder=folder, backend=backend.port, port=port, uid=stat.st_uid, gid=stat.st_gid
            )
        )
        log = folder / "log"
        with running([str(owner), "-F", "-c", str(config)], port, log):
            yield Foreign(port, lambda: _subjects(each.data for each in backend.accepted), log)


@contextlib.contextmanager
def chasquid() -> Iterator[Foreign]:
    """It pipes everything for example.com into files."""
    with new_folder("chasquid") as folder:
        for name in ("etc/domains/example.com", "etc/certs/chasquid.example", "data", "new"):
            (folder / name).mkdir(parents=True)
        pair = Authority(folder / "etc").issue("chasquid.example")
        certs = folder / "etc" / "certs" / "chasquid.example"
        shutil.copy(pair.cert, certs / "fullchain.pem")
        shutil.copy(pair.key, certs / "privkey.pem")
        script = folder / "deliver"
        script.write_text(_INTO_FOLDER.format(folder=folder))
        script.chmod(0o755)
        (folder / "etc/domains/example.com/aliases").write_text(f"*: | {script}\n")
        port = own_port()
        (folder / "etc/chasquid.conf").write_text(
            _CHASQUID.format(folder=folder, port=port, spare=own_port())
        )
        log = folder / "log"
        with running(["chasquid", f"-config_dir={folder}/etc"], port, log):
            new = folder / "new"
            yield Foreign(port, lambda: _subjects(p.read_bytes() for p in new.iterdir()), log)


@contextlib.contextmanager
def courier() -> Iterator[Foreign]:
    """It takes mail into its queue; nothing is delivered from there."""
    with new_folder("courier") as folder:
        etc, queue = folder / "etc", folder / "queue"
        shutil.copytree(UNPACKED / "etc" / "courier", etc / "courier")
        (folder / "lib" / "courier").mkdir(parents=True)
        for name in ("me", "defaultdomain", "dsnfrom"):
            (etc / "courier" / name).write_text("courier.example\n")
        _add_user(etc, "courier")
        for name in ("msgs", "msgq", "tmp", "track", "allfilters", "filters"):
            (queue / name).mkdir(parents=True)
        for path in (queue, *queue.iterdir()):
            os.chown(path, _UID, _UID)
        port, log = own_port(), folder / "log"
        script = _COURIER.format(unpacked=UNPACKED, folder=folder, port=port)
        with running(["unshare", "-m", "sh", "-ec", script], port, log):
            tmp = queue / "tmp"  # D...: a message, C...: its envelope, written when it is taken
            yield Foreign(
                port,
                lambda: _subjects(
                    path.read_bytes()
                    for path in tmp.rglob("D*")
                    if path.with_name(f"C{path.name[1:]}").exists()
                ),
                log,
            )


@contextlib.contextmanager
def exim() -> Iterator[Foreign]:
    """It takes mail into its queue, but for recipients whose name begins with "dead"."""
    with new_folder("exim") as folder:
        (folder / "etc").mkdir()
        _add_user(folder / "etc", "Debian-exim")
        (folder / "spool").mkdir()
        os.chown(folder / "spool", _UID, _UID)
        port = own_port()
        (folder / "exim.conf").write_text(_EXIM.format(folder=folder, port=port))
        script = _EXIM_SCRIPT.format(unpacked=UNPACKED, folder=folder)
        log = folder / "spool" / "mainlog"
        said = folder / "said"
        with running(["unshare", "-m", "sh", "-ec", script], port, said):
            spool = folder / "spool" / "input"  # ...-H: envelope and headers of a message
            yield Foreign(
                port, lambda: _subjects(path.read_bytes() for path in spool.rglob("*-H")), log
            )


def _add_user(etc: Path, name: str) -> None:
    """The machine's users, and this one."""
    for file, line in (
        ("passwd", f"{name}:x:{_UID}:{_UID}::/:/bin/false"),
        ("group", f"{name}:x:{_UID}:"),
    ):
        lines = Path("/etc", file).read_text().splitlines()
        others = [each for each in lines if not each.startswith(f"{name}:")]
        (etc / file).write_text("\n".join([*others, line, ""]))


def _subjects(messages: Iterator[bytes]) -> Counter[str]:
    found = (_SUBJECT.search(message) for message in messages)
    return Counter(each[1].decode() for each in found if each)


@contextlib.contextmanager
def new_folder(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"campaign-{name}-", dir="/var/tmp") as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[None]:
    """The program and all it starts, until the block ends."""
    said = log.with_name("output")
    with said.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        _wait_for(process, port, (log, said))
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait_for(process: subprocess.Popen[bytes], port: int, logs: tuple[Path, ...]) -> None:
    until_s = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None or time.monotonic() > until_s:
            told = "\n".join(log.read_text()[-1500:] for log in logs if log.exists())
            raise OSError(f"{process.args} does not listen on {port}:\n{told}")
        time.sleep(0.05)


SERVERS = {
    "dovecot": (dovecot_submission, Path("/usr/lib/dovecot/submission")),
    "chasquid": (chasquid, Path("/usr/bin/chasquid")),
    "courier": (courier, UNPACKED / "usr/sbin/couriertcpd"),
    "exim": (exim, UNPACKED / "usr/sbin/exim4"),
}
