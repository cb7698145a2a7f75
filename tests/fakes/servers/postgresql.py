"""A PostgreSQL server of one's own on loopback, and databases in it.

In: settings of the server.  Out: urls.  Touches: a temporary folder, a port, processes.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fakes.ports import own_port

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
PG_CTL = Path(shutil.which("pg_ctl") or (_FOUND[-1] if _FOUND else "/"))
NO_SERVER = pytest.mark.skipif(not PG_CTL.is_file(), reason="needs PostgreSQL's server")
_OWNER = ["runuser", "-u", "postgres", "--"]


class DatabaseServer:
    """A running cluster; `crash` and `start` take it down as a power cut of its host would, but
    for what the kernel has in memory."""

    def __init__(self, folder: Path, port: int, settings: str) -> None:
        self._data = str(folder / "data")
        self._log = str(folder / "log")
        self._options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} {settings}"
        self._numbers = itertools.count(1)
        self._session: Any = None  # the last one that `ask` used, and of which database
        self._asked = ""
        self.url = f"postgresql+psycopg://ada@127.0.0.1:{port}"

    def make(self) -> None:
        """A copy of a cluster that was made once: to make one takes a second."""
        who = _OWNER if os.geteuid() == 0 else []
        subprocess.run([*who, "cp", "-R", _fresh_cluster(), self._data], check=True, cwd="/")

    def start(self) -> None:
        _as_owner("start", "-w", "-D", self._data, "-l", self._log, "-o", self._options)

    def logged(self) -> str:
        """All that it has logged."""
        return Path(self._log).read_text()

    def stop(self) -> None:
        self._hang_up()
        _as_owner("stop", "-m", "immediate", "-D", self._data)

    def crash(self) -> None:
        """SIGQUIT to the postmaster: nothing is written down, nobody is told."""
        os.kill(int(Path(self._data, "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)

    def wait_until_gone(self) -> None:
        """The port and the folder are free again."""
        pid_file = Path(self._data, "postmaster.pid")
        subprocess.run(
            ["timeout", "30", "sh", "-c", f"while [ -e {pid_file} ]; do sleep 0.02; done"],
            check=True,
        )

    def admit(self, network: str) -> None:
        """Whoever comes from there may come in."""
        with Path(self._data, "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network} trust\n")
        self.ask("SELECT pg_reload_conf()")

    def ask(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """One statement as the owner; its rows where it has any.

        The session is kept for the next one: tests ask again and again until something is so.
        """
        import psycopg

        if self._session is not None and self._asked == database:
            with contextlib.suppress(psycopg.OperationalError):  # the server was restarted
                return self._rows(statement)
        self._hang_up()
        there = f"{self.url.replace('+psycopg', '')}/{database}"
        self._session, self._asked = psycopg.connect(there, autocommit=True), database
        return self._rows(statement)

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        done = self._session.execute(statement)
        return list(done.fetchall()) if done.description else []

    def _hang_up(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def new_database(self) -> str:
        """The url of an empty database."""
        name = f"d{next(self._numbers)}"
        self.ask(f"CREATE DATABASE {name}")
        return f"{self.url}/{name}"

    def forget_commits(self, url: str) -> None:
        """The database acknowledges commits that are in memory only."""
        self.ask(f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = off")

    @staticmethod
    def port_of(url: str) -> int:
        return int(url.rpartition(":")[2].partition("/")[0])


@contextmanager
def database_server(settings: str = "-c fsync=off") -> Iterator[DatabaseServer]:
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        server = DatabaseServer(Path(folder), own_port(), settings)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@cache
def _fresh_cluster() -> str:
    """One nobody has started yet, as long as this process lives."""
    folder = tempfile.mkdtemp(prefix="pgnew")
    atexit.register(shutil.rmtree, folder)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    settings = "-A trust -U ada --no-sync -E UTF8 --wal-segsize=1"  # 1 MB: quickly copied
    _as_owner("initdb", "-D", f"{folder}/data", "-o", settings)
    return f"{folder}/data"


def _as_owner(*command: str) -> None:
    """PostgreSQL does not run as root."""
    who = _OWNER if os.geteuid() == 0 else []
    subprocess.run(
        [*who, str(PG_CTL.resolve()), *command],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
    )
