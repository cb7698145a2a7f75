"""A PostgreSQL server of a benchmark's own, where its user may enter beside the SQLite journals.

In: nothing.  Out: a `Database` until the block ends.  Touches: a folder under build/bench/, a port,
processes.  Fails with BenchError where PostgreSQL is not installed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.machine import BUILD
from bench.servers import free_port, wait_for
from bench.watching import BenchError


@dataclass(frozen=True)
class Database:
    """A server whose commits are flushed; `url(name)` is that of a new database."""

    port: int
    pid: int  # of the server, all sessions of which are its children

    def url(self, name: str) -> str:
        self.ask(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.ask(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://bench@127.0.0.1:{self.port}/{name}"

    def ask(self, statement: str) -> str:
        """The first column of the first row, "" without any."""
        import psycopg

        there = f"postgresql://bench@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(there, autocommit=True) as session:
            done = session.execute(statement.encode())
            row = done.fetchone() if done.description else None
            return str(row[0]) if row else ""


@contextlib.contextmanager
def postgresql() -> Iterator[Database]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    program = shutil.which("postgres") or (found[-1] if found else None)
    if program is None:
        raise BenchError("PostgreSQL is missing: make tools")
    programs, user = Path(program).parent, "postgres" if os.geteuid() == 0 else None
    BUILD.mkdir(parents=True, exist_ok=True)
    may_enter = all(each.stat().st_mode & 0o001 for each in (BUILD, *BUILD.parents))
    place = BUILD if may_enter or user is None else Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix="campaign-bench-pg-", dir=place) as name:
        if user:
            shutil.chown(name, user)
        data, port = f"{name}/data", free_port()
        making = [str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "bench", "-E", "UTF8"]
        subprocess.run(making, user=user, cwd="/", check=True, stdout=subprocess.DEVNULL)
        process = subprocess.Popen(
            [program, "-D", data, "-p", str(port), "-k", name, "-h", "127.0.0.1"],
            user=user,
            cwd="/",
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port)
            yield Database(port, process.pid)
        finally:
            process.terminate()
            process.wait(60)
