"""A real pgbouncer in front of a PostgreSQL server, as Debian has it.

In: the server's port, a pool mode.  Out: a port.  Touches: a temporary folder, a port, a process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakes.mail.sink import wait_for
from fakes.ports import own_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_CONFIG = """
[databases]
* = host=127.0.0.1 port={target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
{more}
"""


@contextmanager
def pgbouncer(target: int, mode: str, more: str = "") -> Iterator[int]:
    """Its port, until the block ends.  `more`: lines of its configuration."""
    assert PROGRAM is not None
    port = own_port()
    with tempfile.TemporaryDirectory(prefix="pgbouncer") as name:
        folder = Path(name)
        (folder / "users").write_text('"ada" ""\n')
        config = folder / "pgbouncer.ini"
        config.write_text(
            _CONFIG.format(target=target, port=port, folder=folder, mode=mode, more=more)
        )
        user = None
        if os.geteuid() == 0:  # it does not run as root
            shutil.chown(folder, "postgres", "postgres")
            user = "postgres"
        process = subprocess.Popen(
            [PROGRAM, str(config)],
            user=user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait()
