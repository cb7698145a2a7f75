"""`campaign suppress remove`: an address that may be written to again.

In: an address.  Out: what was suppressed.  Touches: the suppression store.
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
    scope_of,
    sentence,
    user,
)
from campaign.cli.terminal.tables import legible
from campaign.errors import EXIT_DONE, UsageError

EXAMPLES = (
    "campaign suppress remove ada@example.com",
    "campaign suppress remove ada@example.com --because 'signed up again'",
)


def command(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Who may get mail again.")],
    list_: Annotated[
        str, typer.Option("--list", metavar="NAME", help="Of this list only; left out: of all.")
    ] = "",
    because: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Needed for what the person asked for; it is kept."),
    ] = "",
    path: CampaignOption = HERE,
    as_json: JsonOption = False,
) -> int:
    """Take an address out of suppression.

    Who unsubscribed, complained or was erased asked for it: taking that back needs --because.
    """
    from campaign.suppression.entries import OWN_WISH

    key, scope = key_of(address), scope_of(list_) if list_ else ""
    with opened(path) as there:
        wishes = [
            entry
            for entry in there.store.why(key).entries
            if entry.reason in OWN_WISH
            and entry.is_in_force(there.now_s)
            and scope in ("", entry.scope)
        ]
        if wishes and not because.strip():
            raise UsageError(
                f"the person asked for it: {sentence(wishes[0], there.now_s)}",
                remedy="say why it is taken back: --because 'signed up again on 2 November'",
            )
        said = f"by {user()}: {because}" if because and user() else because
        ended = there.store.remove(key, scope, said)
    if as_json:
        print(json.dumps([as_object(entry) for entry in ended], ensure_ascii=False))
    elif ended:
        for entry in ended:
            print(f"no longer: {sentence(entry, there.now_s)}")
    else:
        print(f"{legible(key)} was not suppressed")
    return EXIT_DONE
