"""`campaign suppress add`: addresses that must not be written to.

In: addresses.  Out: how many are new.  Touches: the suppression store; stdin for "-".
"""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption
from campaign.cli.commands.suppress.opened import (
    CampaignOption,
    ListOption,
    key_of,
    opened,
    scope_of,
    user,
)
from campaign.errors import EXIT_DONE, UsageError
from campaign.units import read_duration

EXAMPLES = (
    "campaign suppress add ada@example.com --because 'asked on the phone'",
    "campaign suppress add ada@example.com --list newsletter --for 90d",
)


def command(
    addresses: Annotated[
        list[str], typer.Argument(metavar="ADDRESS...", help="Addresses; - reads them from stdin.")
    ],
    list_: ListOption = "*",
    because: Annotated[
        str, typer.Option(metavar="TEXT", help="Kept with the entry, and shown by `why`.")
    ] = "",
    span: Annotated[
        str, typer.Option("--for", metavar="TIME", help="For so long, as 90d; left out: for good.")
    ] = "",
    path: CampaignOption = HERE,
    as_json: JsonOption = False,
) -> int:
    """Suppress addresses by hand.

    An address that is suppressed for a graver reason keeps it.
    """
    from campaign.suppression.entries import Reason, Suppressed

    given = [line for each in addresses for line in (sys.stdin if each == "-" else [each])]
    keys = [key_of(line) for line in given if line.strip()]
    scope = scope_of(list_)
    with opened(path) as there:
        until = there.now_s + _seconds(span) if span else None
        source = " ".join(filter(None, ("suppress add", user() and f"by {user()}")))
        added = there.store.add(
            Suppressed(key, scope, Reason.MANUAL, source, "", there.now_s, until, because)
            for key in keys
        )
    if as_json:
        print(json.dumps(added._asdict()))
    else:
        known = added.known + added.erased
        print(f"{added.new + added.graver} added" + (f", {known} known before" if known else ""))
    return EXIT_DONE


def _seconds(text: str) -> float:
    try:
        return read_duration(text)
    except ValueError as error:
        raise UsageError(f"--for: {error}") from None
