"""A list verified: its domains counted, looked up, and each row judged.

In: a list file, a notebook, a resolver.  Out: `VerifiedRow`s, `VerifyTotals`.
Touches: the file, the DNS, the notebook.
Fails: with DataError for a file that is no list, with DnsError where no nameserver answers.

The list is read twice, once to count its domains and once to judge its rows, and never kept: what
grows is the notebook, with the domains, on disk.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from campaign.addresses.disposable import Disposables
from campaign.addresses.syntax import Address, AddressError, parse_cell
from campaign.clock import Clock
from campaign.config.settings import Recipients
from campaign.preflight.verify.domains import look_at_domain
from campaign.preflight.verify.etiquette import Prober, tells_nothing
from campaign.preflight.verify.findings import (
    AddressFinding,
    DomainFinding,
    MailboxFinding,
    Standing,
    VerifiedRow,
    VerifyTotals,
)
from campaign.preflight.verify.notebook import Notebook
from campaign.preflight.verify.rows import Judge
from campaign.recipients.chunks import Chunk, Reject
from campaign.recipients.readers import read_lists
from campaign.routing.resolver import Resolver

AT_ONCE = 200  # domains under way
_COUNTED = 50_000  # domains kept in memory while they are counted
Progress = Callable[[str, int, int | None], None]


class Verification:
    """One list on its way."""

    def __init__(
        self, file: Path, column: str, notebook: Notebook, clock: Clock, progress: Progress
    ) -> None:
        self._file = file
        self._settings = Recipients(files=(file.name,), address=column)
        self._notebook = notebook
        self._clock = clock
        self._progress = progress
        self._rows: int | None = None  # not counted yet
        self.columns: tuple[str, ...] = ()
        self.totals = VerifyTotals()

    def count_domains(self) -> int:
        """Read the list once; how many domains it has."""
        counts: Counter[str] = Counter()
        rows = 0
        for chunk in self._chunks():
            at = chunk.source.columns.index(self._settings.address)
            for cells in chunk.rows:
                try:
                    counts[parse_cell(cells[at]).domain] += 1
                except AddressError:
                    continue
            rows += len(chunk.rows) + len(chunk.rejects)
            self._progress("reading", rows, None)
            if len(counts) > _COUNTED:
                self._notebook.count(counts.items())
                counts.clear()
        self._notebook.count(counts.items())
        self._rows = rows
        return self._notebook.domain_totals()[0]

    async def look_up_domains(self, resolver: Resolver, *, allow_private: bool = False) -> None:
        """Every domain that the notebook does not know yet, once."""
        total, done = self._notebook.domain_totals()
        waiting = self._notebook.unknown_domains()

        async def work() -> None:
            nonlocal done
            for domain in waiting:
                found = await look_at_domain(
                    resolver, domain, self._clock, allow_private=allow_private
                )
                self._notebook.keep_domain(domain, found)
                done += 1
                self._progress("domains", done, total)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, total - done)):
                    group.create_task(work())
        except ExceptionGroup as several:  # each of them met the same trouble
            raise several.exceptions[0] from None
        finally:
            self._notebook.commit()

    def collect_names(self, disposables: Disposables, prober: Prober) -> None:
        """Into the notebook those whose mail servers are to be asked, and may be."""
        judge = Judge(self._notebook.domain, disposables)
        done = 0
        for chunk in self._chunks():
            at = chunk.source.columns.index(self._settings.address)
            for cells in chunk.rows:
                address, finding = judge.of_cell(cells[at])
                if address and finding.standing is Standing.GOOD:
                    found, _ = self._notebook.domain(address.domain)
                    if not tells_nothing(address.domain, found):
                        most = prober.names_per_domain
                        self._notebook.add_name(address.key, address.domain, address.spec, most)
            done += len(chunk.rows)
            self._progress("names", done, self._rows)
        self._notebook.commit()

    def rows(self, disposables: Disposables, prober: Prober | None = None) -> Iterator[VerifiedRow]:
        """Every row in the order of the list, judged; the totals grow along.

        With a `prober`, by what mail servers said, which then must have been asked.
        """
        mailbox = self._mailbox if prober else None
        judge = Judge(self._notebook.domain, disposables, mailbox)
        done = 0
        for chunk in self._chunks():
            for row in _judged(chunk, self._settings.address, judge):
                self.totals.add(row.finding)
                yield row
            done += len(chunk.rows) + len(chunk.rejects)
            self._progress("rows", done, self._rows)

    def _mailbox(self, address: Address, domain: DomainFinding) -> MailboxFinding:
        """What is known of the mailbox of an address that the DNS thinks good."""
        if tells_nothing(address.domain, domain):
            cause, detail = "provider does not tell", ""
        elif found := self._notebook.name(address.key):
            return found
        else:
            cause, detail = "not asked", "there are many names of its domain; --all asks for each"
        return MailboxFinding(Standing.UNKNOWN, cause, detail, domain.checked_at_s)

    def _chunks(self) -> Iterator[Chunk]:
        for chunk in read_lists(self._file.resolve().parent, self._settings):
            self.columns = chunk.source.columns
            yield chunk


def _judged(chunk: Chunk, column: str, judge: Judge) -> Iterator[VerifiedRow]:
    """The rows of a chunk, its rejects where they stand among them."""
    at = chunk.source.columns.index(column)
    rejects = sorted(chunk.rejects, key=lambda reject: reject.line, reverse=True)
    for line, cells in zip(chunk.lines, chunk.rows, strict=True):
        while rejects and rejects[-1].line < line:
            yield _of_reject(rejects.pop(), chunk)
        address, finding = judge.of_cell(cells[at])
        yield VerifiedRow(line, cells, address.spec if address else "", finding)
    while rejects:
        yield _of_reject(rejects.pop(), chunk)


def _of_reject(reject: Reject, chunk: Chunk) -> VerifiedRow:
    """A record that cannot be read: nothing is known of its address."""
    width = len(chunk.source.columns)
    cells = (*reject.row, *("",) * width)[:width]
    cause, _, detail = reject.reason.partition(": ")
    return VerifiedRow(reject.line, cells, "", AddressFinding(Standing.UNKNOWN, cause, detail))
