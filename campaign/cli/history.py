"""Everything that befell one recipient, for `campaign status --recipient`.

In: the journal, an address.  Out: one line a change, or one JSON object.  Touches: nothing.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.tables import escape
from campaign.clock import iso
from campaign.errors import UsageError

if TYPE_CHECKING:
    from campaign.journal.reading.reader import Reader
    from campaign.journal.reading.results import Step


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
        changes = [_as_object(step) for step in history]
        print(json.dumps({"row": row, "address": address, "history": changes}, ensure_ascii=False))
        return
    paint = Paint.on(sys.stdout)
    print(f"{paint.bold(escape(address))}, row {row:,}: {_summary(history)}")
    for step in history:
        print(f"  {iso(step.at)}  {escape(_line(step))}")


def _summary(history: list[Step]) -> str:
    return f"{history[-1].state} now" if history else "planned, not tried yet"


def _line(step: Step) -> str:
    text = step.state
    if step.state == "sending":
        text += f"({step.sendings})"
    if step.relay:
        text += f" through {step.relay}"
    if step.code:
        text += f": {step.code} {step.reply}"
    elif step.reason:
        text += f": {step.reason}"
    if step.due:
        text += f" (again not before {iso(step.due)})"
    return text


def _as_object(step: Step) -> dict[str, object]:
    fields = step._asdict()
    fields["class"] = fields.pop("class_")
    return {**fields, "at": iso(step.at), "due": iso(step.due)}
