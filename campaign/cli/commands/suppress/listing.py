"""`campaign suppress list`: everybody who is suppressed.

In: the store.  Out: lines, or one JSON object a line.  Touches: the suppression store.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE
from campaign.cli.commands.suppress.opened import (
    CampaignOption,
    as_object,
    opened,
    scope_of,
    sentence,
)
from campaign.cli.terminal.tables import legible
from campaign.errors import EXIT_DONE, UsageError

if TYPE_CHECKING:
    from campaign.suppression.entries import Reason

EXAMPLES = (
    "campaign suppress list --reason complaint",
    "campaign suppress list --list newsletter --json",
)


def command(
    list_: Annotated[
        str, typer.Option("--list", metavar="NAME", help="Of this list only; * is all letters.")
    ] = "",
    reason: Annotated[
        str, typer.Option(metavar="REASON", help="Only these: hard, soft, unsubscribe ...")
    ] = "",
    ended: Annotated[bool, typer.Option("--ended", help="Those too that are over.")] = False,
    path: CampaignOption = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> int:
    """Print who is suppressed, one a line, in the order of addresses."""
    wanted, scope = reason_of(reason), scope_of(list_) if list_ else ""
    with opened(path) as there:
        for entry in there.store.iterate(scope, wanted):
            if not ended and not entry.is_in_force(there.now_s):
                continue
            if as_json:
                print(json.dumps(as_object(entry), ensure_ascii=False))
            else:
                print(f"{legible(entry.key)}  {sentence(entry, there.now_s)}")
    return EXIT_DONE


def reason_of(name: str) -> Reason | None:
    """None for "".  Raises UsageError for what is not a reason."""
    from campaign.suppression.entries import Reason

    if not name:
        return None
    try:
        return Reason(name)
    except ValueError:
        raise UsageError(
            f"'{name}' is not a reason", remedy=f"write one of: {', '.join(Reason)}"
        ) from None
