"""`campaign suppress why`: what the store knows of an address.

In: an address.  Out: each entry in a sentence.  Touches: the suppression store.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption
from campaign.cli.commands.suppress.opened import (
    CampaignOption,
    as_object,
    key_of,
    opened,
    sentence,
)
from campaign.cli.terminal.tables import counted, legible
from campaign.clock import iso
from campaign.errors import EXIT_DONE

EXAMPLES = ("campaign suppress why ada@example.com",)


def command(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Whom it is about.")],
    path: CampaignOption = HERE,
    as_json: JsonOption = False,
) -> int:
    """Print whether the campaign may write to an address, and why."""
    key = key_of(address)
    with opened(path) as there:
        stops = there.store.lookup([key], there.scopes)
        entries, softs = there.store.why(key)
    if as_json:
        found = {
            "address": key,
            "suppressed": bool(stops),
            "entries": [as_object(entry) for entry in entries],
            "soft_bounces": [{**soft._asdict(), "at": iso(soft.at)} for soft in softs],
        }
        print(json.dumps(found, ensure_ascii=False))
        return EXIT_DONE
    what = "is not written to" if stops else "may be written to"
    print(f"{legible(key)} {what} by this campaign")
    for entry in entries:
        print(f"  {sentence(entry, there.now_s)}")
    if softs:
        print(f"  {counted(len(softs), 'soft bounce')} since the last accepted letter:")
    for soft in softs:
        print(f"    {iso(soft.at)[:10]} in {soft.campaign}: {legible(soft.evidence)}")
    return EXIT_DONE
