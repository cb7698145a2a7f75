"""What the suppression lists of other systems look like, told by their columns.

In: the names of the columns.  Out: how an entry is made of a row.  Touches: nothing.

Known are the files that these systems hand out, and the answers of their APIs saved as JSON:
listmonk (subscribers), Mailgun (bounces, unsubscribes, complaints), Amazon SES (account list),
SendGrid (bounces, spam reports, unsubscribes, blocks, invalid), our own export, and any other
table with a column of addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple

from campaign.addresses.columns import ADDRESS_COLUMNS
from campaign.suppression.entries import Reason

_ADDRESSES = (*ADDRESS_COLUMNS, "key")  # the last is that of our own exports
Cells = Mapping[str, str]


class Read(NamedTuple):
    """What one row says; None of the reason passes the row over."""

    address: str
    reason: Reason | None
    at: float | None  # None: not said
    evidence: str
    scope: str = ""  # "" where the row does not say
    until: float | None = None
    source: str = ""
    campaign: str = ""


class Layout(NamedTuple):
    """A kind of file."""

    title: str
    read: Callable[[Cells, Reason], Read]  # the reason is for rows that do not say one


def layout_of(columns: Iterable[str]) -> Layout | None:
    """The first whose columns are all there; None where no column holds addresses.

    `columns` are in small letters.
    """
    there = frozenset(columns)
    for needed, layout in _LAYOUTS:
        if needed <= there:
            return layout
    if any(name in there for name in _ADDRESSES):
        return _TABLE
    return None


def address_of(cells: Cells) -> str:
    """The cell of the first column that holds addresses."""
    return next((cells[name] for name in _ADDRESSES if cells.get(name)), "")


@lru_cache(maxsize=1024)  # a list was often made in a few moments
def moment(text: str) -> float | None:
    """Unix time from Unix time, RFC 3339 or RFC 5322; None where it is none of them."""
    text = text.strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    for read in (datetime.fromisoformat, _mailguns):
        try:
            found = read(text)
        except ValueError:
            continue
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return None


def _mailguns(text: str) -> datetime:
    """ "Fri, 21 Oct 2011 11:02:55 UTC": the name of the zone is obsolete, and used."""
    return parsedate_to_datetime(text.replace(" UTC", " +0000"))


def _plain(cells: Cells, reason: Reason) -> Read:
    return Read(address_of(cells), reason, _when(cells), "")


def only_column_of(columns: Sequence[str]) -> int | None:
    """Where the addresses are, in a table whose other columns say nothing to us."""
    if {"created_at", "created"} & set(columns) or layout_of(columns) not in (None, _TABLE):
        return None
    there = [columns.index(name) for name in _ADDRESSES if name in columns]
    return there[0] if len(there) == 1 else None


def _ours(cells: Cells, reason: Reason) -> Read:
    return Read(
        cells["key"],
        Reason(cells["reason"]),
        moment(cells["at"]),
        cells.get("evidence", ""),
        cells["scope"],
        moment(cells.get("until", "")),
        cells.get("source", ""),
        cells.get("campaign", ""),
    )


def _listmonk(cells: Cells, reason: Reason) -> Read:
    """An export of all subscribers names those who are blocked by their status."""
    status = cells.get("status", "blocklisted")
    blocked = reason if status == "blocklisted" else None
    return Read(cells["email"], blocked, _when(cells), f"listmonk: {status}")


def _mailgun_bounce(cells: Cells, reason: Reason) -> Read:
    said = f"{cells['code']} {cells['error']}".strip()
    return Read(cells["address"], Reason.HARD, _when(cells), said)


def _mailgun_unsubscribe(cells: Cells, reason: Reason) -> Read:
    said = f"Mailgun: unsubscribed from {cells['tags'] or '*'}"
    return Read(cells["address"], Reason.UNSUBSCRIBE, _when(cells), said)


def _mailgun_complaint(cells: Cells, reason: Reason) -> Read:
    return Read(cells["address"], Reason.COMPLAINT, _when(cells), "Mailgun: complaint")


def _ses(cells: Cells, reason: Reason) -> Read:
    word = cells["reason"].strip().upper()
    known = {"BOUNCE": Reason.HARD, "COMPLAINT": Reason.COMPLAINT}
    if word not in known:
        raise ValueError(f"the reason is neither BOUNCE nor COMPLAINT: {word[:40]!r}")
    at = moment(cells.get("lastupdatetime", ""))
    return Read(address_of(cells), known[word], at, f"Amazon SES: {word}")


def _sendgrid_bounce(cells: Cells, reason: Reason) -> Read:
    is_hard = cells["status"].startswith("5.1.") or cells["status"] == "5.2.1"
    said = f"{cells['status']} {cells['reason']}".strip()
    return Read(cells["email"], Reason.HARD if is_hard else reason, _when(cells), said)


def _sendgrid_spam(cells: Cells, reason: Reason) -> Read:
    return Read(cells["email"], Reason.COMPLAINT, _when(cells), "SendGrid: spam report")


def _sendgrid_invalid(cells: Cells, reason: Reason) -> Read:
    return Read(cells["email"], reason, _when(cells), cells["reason"])


def _sendgrid_unsubscribe(cells: Cells, reason: Reason) -> Read:
    return Read(cells["email"], Reason.UNSUBSCRIBE, _when(cells), "SendGrid: unsubscribed")


def _when(cells: Cells) -> float | None:
    return moment(cells.get("created_at") or cells.get("created") or "")


_TABLE = Layout("a table of addresses", _plain)
_LAYOUTS: list[tuple[frozenset[str], Layout]] = [
    (frozenset(columns.split()), Layout(title, read))
    for columns, title, read in (
        ("key scope reason at", "an export of ours", _ours),
        ("email name attributes", "listmonk's subscribers", _listmonk),
        ("address code error", "Mailgun's bounces", _mailgun_bounce),
        ("address tags created_at", "Mailgun's unsubscribes", _mailgun_unsubscribe),
        ("address created_at", "Mailgun's complaints", _mailgun_complaint),
        ("emailaddress reason", "Amazon SES' suppression list", _ses),
        ("email reason status", "SendGrid's bounces", _sendgrid_bounce),
        ("email ip created", "SendGrid's spam reports", _sendgrid_spam),
        ("email reason created", "SendGrid's invalid and blocked addresses", _sendgrid_invalid),
        ("email created", "SendGrid's unsubscribes", _sendgrid_unsubscribe),
        ("address reason", "Amazon SES' suppression list", _ses),
    )
]
