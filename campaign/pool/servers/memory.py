"""What was learned of servers, kept for later runs and other campaigns.

In: facts about hosts.  Out: the same facts.  Touches: one SQLite file, made with the first fact.
Fails: never.  It is a convenience: a file that cannot be read or written is told of once, and the
run goes on without it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

_WAIT_S = 0.5  # for another run that writes
_TABLE = """
CREATE TABLE IF NOT EXISTS host_facts (
    host TEXT NOT NULL,  -- name:port
    what TEXT NOT NULL,  -- as pool/hosts.py writes it: "step 1", "without SIZE", "letters 5"
    at REAL NOT NULL,    -- Unix time
    PRIMARY KEY (host, what)
) STRICT, WITHOUT ROWID"""


class FileMemory:
    """Implements `HostMemory`.  Each fact is a transaction of its own: killed at any moment, the
    file holds it or does not."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._has_told = False

    def get(self, host: str) -> Mapping[str, float]:
        if not self._path.exists():
            return {}
        try:
            with closing(self._open()) as file:
                rows = file.execute("SELECT what, at FROM host_facts WHERE host = ?", (host,))
                return {str(what): float(at) for what, at in rows}
        except sqlite3.Error as error:
            self._tell(f"what earlier runs learned of mail servers is not used: {error}")
            return {}

    def learned(self, host: str, what: str, at: float) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as file:
                file.execute(_TABLE)
                kind = what.partition(" ")[0]
                with file:
                    if kind != "without":  # one number of each kind: the latest counts
                        file.execute(
                            "DELETE FROM host_facts WHERE host = ? AND what LIKE ?",
                            (host, f"{kind} %"),
                        )
                    file.execute(
                        "INSERT OR REPLACE INTO host_facts VALUES (?, ?, ?)", (host, what, at)
                    )
        except (sqlite3.Error, OSError) as error:
            self._tell(f"what is learned of mail servers is not kept for later runs: {error}")

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_WAIT_S)

    def _tell(self, why: str) -> None:
        if not self._has_told:
            self._has_told = True
            self._say(f"{why} (look at {self._path})")
