"""What Outlook.com says of sending addresses: Smart Network Data Services (SNDS).

In: the key of the automated data access, or its whole link.  Out: findings.  Touches: Microsoft's
server.

The answer is CSV without a head: address, start and end of the activity, RCPT commands, DATA
commands, recipients, filter result, complaint rate, start and end of trap messages, trap hits,
sample HELO, sample MAIL FROM, comments.  Days are Microsoft's.  A link ends after 30 days.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from campaign.preflight.reputation.web import ProviderError, ask_provider
from campaign.preflight.rules import CheckFinding, Level

_RULE = "outlook-snds"
_COLUMNS = 11  # up to the trap hits; samples may be missing
_LEVELS: dict[str, Level] = {"GREEN": "ok", "YELLOW": "warn", "RED": "fail"}
_MEANING = {"GREEN": "< 10 %", "YELLOW": "10 to 90 %", "RED": "> 90 %"}
_ORDER: tuple[Level, ...] = ("fail", "warn", "ok")
_REMEDY = "send less, and to those who read; sendersupport.olc.protection.outlook.com/snds"


class SndsRow(NamedTuple):
    """One address on one day."""

    address: str
    day: str  # 2026-11-27, or as it was told
    recipients: int
    result: str  # GREEN, YELLOW or RED
    complaints: float  # in per cent; of "< 0.1%" half of it
    told: str  # complaints as it says them
    traps: int


def snds_findings(
    secret: str, url: str, addresses: Collection[str], *, context: Any = None
) -> list[CheckFinding]:
    """The worst of each level first; of `addresses` only, where some are known."""
    link = secret if "://" in secret else f"{url}?key={quote(secret, safe='')}"
    try:
        rows = read_rows(ask_provider(link, context=context))
    except ProviderError as error:
        return [CheckFinding(_RULE, "not-checked", str(error))]
    ours = [row for row in rows if row.address in addresses] if addresses else rows
    if not ours:
        why = "no data: it shows days with 100 letters and more of an address of yours"
        return [CheckFinding(_RULE, "not-checked", why)]
    found = [_finding(row) for row in ours]
    return sorted(found, key=lambda one: _ORDER.index(one.level))[:10]


def _finding(row: SndsRow) -> CheckFinding:
    level = _LEVELS[row.result]
    if row.complaints >= 0.3:
        level = "fail"
    elif row.complaints >= 0.1 or row.traps:
        level = "fail" if level == "fail" else "warn"
    evidence = (
        f"{row.address}: {row.result} ({_MEANING[row.result]} taken for spam),"
        f" complaints {row.told}, {row.traps:,} trap hits of {row.recipients:,} recipients"
        f" on {row.day}"
    )
    return CheckFinding(_RULE, level, evidence, "" if level == "ok" else _REMEDY)


def read_rows(text: str) -> list[SndsRow]:
    """Raises ProviderError for what is no such CSV, as the page of a link that has ended."""
    rows = []
    for cells in csv.reader(text.splitlines()):
        if not cells:
            continue
        if len(cells) < _COLUMNS or cells[6].strip().upper() not in _LEVELS:
            raise ProviderError("it sends no data: the key, or the link, has ended")
        told = cells[7].strip()
        rows.append(
            SndsRow(
                cells[0].strip(),
                _day(cells[1]),
                _number(cells[5]),
                cells[6].strip().upper(),
                _per_cent(told),
                told or "unknown",
                _number(cells[10]),
            )
        )
    return rows


def _day(text: str) -> str:
    try:
        month, day, year = map(int, text.split(" ")[0].split("/"))
        return datetime(year, month, day).date().isoformat()
    except ValueError:
        return text


def _number(text: str) -> int:
    digits = text.strip().replace(",", "")
    return int(digits) if digits.isdecimal() else 0


def _per_cent(text: str) -> float:
    try:
        rate = float(text.strip("<>% "))
    except ValueError:
        return 0.0
    return rate / 2 if text.startswith("<") else rate
