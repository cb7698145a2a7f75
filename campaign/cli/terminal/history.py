"""Everything that befell one recipient, for `campaign status --recipient`.

In: the journal, an address.  Out: one line a change, or one JSON object.  Touches: nothing.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.tables import legible
from campaign.clock import iso
from campaign.errors import UsageError
from campaign.records import CHANGE_FIELDS

if TYPE_CHECKING:
    from campaign.journal.reading.reader import Reader
    from campaign.records import Change


def show_recipient(reader: Reader, address: str, as_json: bool) -> None:
    """Print the history of one address.  Raises UsageError where the plan has no such person."""
    from campaign.addresses.syntax import AddressError, parse_address

    try:
        key = parse_address(address).key
    except AddressError as error:
        raise UsageError(str(error), remedy="--recipient wants one address") from error
    row = reader.row_of(key)
    if row is None:
        raise UsageError(
            f"{address} is not in the plan",
            remedy="`campaign results` lists everybody, skipped rows with their reason too",
        )
    history = reader.history(row)
    if as_json:
        changes = [_as_object(change) for change in history]
        print(json.dumps({"row": row, "address": address, "history": changes}, ensure_ascii=False))
        return
    paint = Paint.on(sys.stdout)
    print(f"{paint.bold(legible(address))}, row {row:,}: {_summary(history)}")
    for change in history:
        print(f"  {iso(change.at)}  {legible(_line(change))}")


def _summary(history: list[Change]) -> str:
    return f"{history[-1].state} now" if history else "planned, not tried yet"


def _line(change: Change) -> str:
    text = str(change.state)
    if change.state == "sending":
        text += f"({change.sendings})"
    if change.relay:
        text += f" through {change.relay}"
    if change.code:
        text += f": {change.code} {change.reply}"
    elif change.reason:
        text += f": {change.reason}"
    if change.due:
        text += f" (again not before {iso(change.due)})"
    return text


def _as_object(change: Change) -> dict[str, object]:
    fields = {name.rstrip("_"): getattr(change, name) for name in CHANGE_FIELDS}
    return {**fields, "at": iso(change.at), "due": iso(change.due)}
