"""What is found out about domains and addresses.

In: nothing.  Out: records.  Touches: nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Standing(StrEnum):
    """What is to be thought of an address; the `verdict` of the contract."""

    GOOD = "good"
    DOUBTFUL = "doubtful"  # look at it before you write
    BAD = "bad"  # there is no such mailbox, or domain
    UNKNOWN = "unknown"  # nothing could be found out


class DomainFinding(NamedTuple):
    """What the DNS says of a domain."""

    standing: Standing
    cause: str  # one of a few words, which totals count: "no such domain"
    detail: str = ""
    mx: str = ""  # the first mail server, by preference
    provider: str = ""  # whose it is, by `routing.sites`; "" for nobody's known
    checked_at_s: float = 0.0  # Unix time


class MailboxFinding(NamedTuple):
    """What a mail server said of a mailbox."""

    standing: Standing
    cause: str
    detail: str = ""
    checked_at_s: float = 0.0  # Unix time


class AddressFinding(NamedTuple):
    """What is to be thought of one row."""

    standing: Standing
    cause: str = ""
    detail: str = ""
    suggestion: str = ""  # the address that was probably meant
    domain_kind: str = ""  # mailbox, relay, disposable, hosted, own; "" where nothing is known
    mx: str = ""
    checked_at_s: float = 0.0
    domain: str = ""  # "" where there is no address

    @property
    def reason(self) -> str:
        """ "no such domain: there is no domain gmial.con"."""
        return f"{self.cause}: {self.detail}" if self.detail else self.cause


class VerifiedRow(NamedTuple):
    """One row of the list, as it stands there, and what was found."""

    line: int
    cells: tuple[str, ...]
    address: str  # as the envelope would carry it; "" where the cell holds none
    finding: AddressFinding


@dataclass(slots=True)
class VerifyTotals:
    """How many of what; grows with the kinds of findings, not with the list."""

    rows: int = 0
    standings: Counter[Standing] = field(default_factory=Counter)
    causes: Counter[tuple[Standing, str]] = field(default_factory=Counter)
    typos: Counter[tuple[str, str]] = field(default_factory=Counter)  # domain, the one meant

    def add(self, finding: AddressFinding) -> None:
        self.rows += 1
        self.standings[finding.standing] += 1
        if finding.cause:
            self.causes[finding.standing, finding.cause] += 1
        meant = finding.suggestion.rpartition("@")[2]
        if meant and finding.domain and meant != finding.domain and len(self.typos) < _MOST_TYPOS:
            self.typos[finding.domain, meant] += 1


_MOST_TYPOS = 10_000
