"""What a verify has found out so far, so that a killed one goes on where it was.

In: domains with their rows, findings.  Out: the same.  Touches: one SQLite file beside the
output, removed when the output is complete; without an output a temporary file.
Fails: with UsageError where the file cannot be used.

A finding is believed for a day, which is what a resumed verify is about; the resolver's cache
knows shorter lives.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from campaign.clock import Clock
from campaign.errors import UsageError
from campaign.preflight.verify.findings import DomainFinding, MailboxFinding, Standing

KEPT_S = 86400.0
_PAGE = 2000  # domains asked for at once
_COMMIT_EVERY_S = 0.2  # what a kill may cost
_TABLES = """
CREATE TABLE IF NOT EXISTS domains (
    domain TEXT PRIMARY KEY,
    rows INTEGER NOT NULL,  -- of the list as it is now; 0: no longer in it
    standing TEXT NOT NULL DEFAULT '',  -- '' until it was looked up
    cause TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    mx TEXT NOT NULL DEFAULT '',
    provider TEXT NOT NULL DEFAULT '',
    checked_at REAL NOT NULL DEFAULT 0  -- Unix time
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (  -- to be asked of their mail servers
    key TEXT PRIMARY KEY,  -- equal for the same person
    domain TEXT NOT NULL,
    spec TEXT NOT NULL,
    standing TEXT NOT NULL DEFAULT '',  -- '' until it was asked
    cause TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    checked_at REAL NOT NULL DEFAULT 0  -- Unix time
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS names_by_domain ON names (domain, standing);
"""


class Notebook:
    """See `open_notebook`."""

    def __init__(self, file: sqlite3.Connection, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._committed_at_s = clock.tick_s()
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=NORMAL")
        file.executescript(_TABLES)
        file.execute("UPDATE domains SET rows = 0")
        too_old_s = clock.now_s() - KEPT_S
        file.execute(  # "no answer" is asked again
            "UPDATE domains SET standing = '' WHERE standing = ? OR checked_at < ?",
            (Standing.UNKNOWN, too_old_s),
        )
        # A server that refused to tell is not asked again by who comes back.
        file.execute(  # and the list may have lost those who were not asked
            "DELETE FROM names WHERE standing = '' OR checked_at < ?", (too_old_s,)
        )
        file.commit()

    def count(self, domains: Iterable[tuple[str, int]]) -> None:
        """So many more rows of each domain."""
        self._file.executemany(
            "INSERT INTO domains (domain, rows) VALUES (?, ?)"
            " ON CONFLICT (domain) DO UPDATE SET rows = rows + excluded.rows",
            domains,
        )
        self._file.commit()

    def domain_totals(self) -> tuple[int, int]:
        """How many domains the list has, and how many of them are looked up."""
        found = self._file.execute(
            "SELECT count(*), count(nullif(standing, '')) FROM domains WHERE rows > 0"
        ).fetchone()
        return int(found[0]), int(found[1])

    def unknown_domains(self) -> Iterator[str]:
        """Those to be looked up; findings may be written meanwhile."""
        last = ""
        while page := self._file.execute(
            "SELECT domain FROM domains WHERE rows > 0 AND standing = '' AND domain > ?"
            " ORDER BY domain LIMIT ?",
            (last, _PAGE),
        ).fetchall():
            yield from (str(domain) for (domain,) in page)
            last = page[-1][0]

    def keep_domain(self, domain: str, found: DomainFinding) -> None:
        self._file.execute(
            "UPDATE domains SET standing = ?, cause = ?, detail = ?, mx = ?, provider = ?,"
            " checked_at = ? WHERE domain = ?",
            (*found, domain),
        )
        self._commit_now_and_then()

    def domain(self, domain: str) -> tuple[DomainFinding, int]:
        """What was found, and how many rows the domain has."""
        row = self._file.execute(
            "SELECT standing, cause, detail, mx, provider, checked_at, rows"
            " FROM domains WHERE domain = ?",
            (domain,),
        ).fetchone()
        return DomainFinding(Standing(row[0]), *row[1:6]), int(row[6])

    def add_name(self, key: str, domain: str, spec: str, most: int | None) -> None:
        """To be asked, unless `most` names of the domain are there already."""
        if most is not None:
            there = self._file.execute(
                "SELECT count(*) FROM (SELECT 1 FROM names WHERE domain = ? LIMIT ?)",
                (domain, most),
            ).fetchone()
            if there[0] >= most:
                return
        self._file.execute(
            "INSERT OR IGNORE INTO names (key, domain, spec) VALUES (?, ?, ?)", (key, domain, spec)
        )

    def domains_to_ask(self) -> list[str]:
        """Those with names that were not asked yet."""
        found = self._file.execute(
            "SELECT DISTINCT domain FROM names WHERE standing = '' ORDER BY domain"
        )
        return [str(domain) for (domain,) in found]

    def name_totals(self) -> tuple[int, int]:
        """How many names are to be asked in all, and how many of them were."""
        found = self._file.execute("SELECT count(*), count(nullif(standing, '')) FROM names")
        every, asked = found.fetchone()
        return int(every), int(asked)

    def names_to_ask(self, domain: str) -> list[tuple[str, str]]:
        """Key and address of those of a domain that were not asked yet."""
        found = self._file.execute(
            "SELECT key, spec FROM names WHERE domain = ? AND standing = '' ORDER BY key", (domain,)
        )
        return [(str(key), str(spec)) for key, spec in found]

    def keep_name(self, key: str, found: MailboxFinding) -> None:
        self._file.execute(
            "UPDATE names SET standing = ?, cause = ?, detail = ?, checked_at = ? WHERE key = ?",
            (*found, key),
        )
        self._commit_now_and_then()

    def name(self, key: str) -> MailboxFinding | None:
        """What its mail server said; None: it was not asked."""
        row = self._file.execute(
            "SELECT standing, cause, detail, checked_at FROM names"
            " WHERE key = ? AND standing != ''",
            (key,),
        ).fetchone()
        return MailboxFinding(Standing(row[0]), *row[1:]) if row else None

    def commit(self) -> None:
        self._file.commit()
        self._committed_at_s = self._clock.tick_s()

    def _commit_now_and_then(self) -> None:
        if self._clock.tick_s() - self._committed_at_s >= _COMMIT_EVERY_S:
            self.commit()


def notebook_path(output: Path) -> Path:
    """checked.csv -> .checked.csv.verify"""
    return output.with_name(f".{output.name}.verify")


@contextmanager
def open_notebook(output: Path | None, clock: Clock) -> Iterator[Notebook]:
    """The notebook of an output; removed where the block ends well, kept where it does not."""
    path = notebook_path(output) if output else None
    try:
        file = sqlite3.connect(path or "")  # "": a temporary one
        try:
            notebook = Notebook(file, clock)
            try:
                yield notebook
            finally:
                notebook.commit()
        finally:
            file.close()
    except sqlite3.Error as error:
        where = str(path) if path else "its temporary file"
        remedy = "remove it, or name another output by -o"
        if path and not path.exists():
            remedy = "name an output by -o in a folder that is there and that you can write to"
        raise UsageError(f"{where} cannot be used: {error}", remedy=remedy) from error
    if path:
        path.unlink(missing_ok=True)
