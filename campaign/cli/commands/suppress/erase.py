"""`campaign suppress erase`: forget an address, and still never write to it.

In: an address.  Out: a digest under a key of the store, instead of it.
Touches: the suppression store, its key file.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption
from campaign.cli.commands.suppress.opened import CampaignOption, key_of, opened
from campaign.cli.terminal.tables import legible
from campaign.errors import EXIT_DONE

EXAMPLES = ("campaign suppress erase ada@example.com",)


def command(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Who is to be forgotten.")],
    path: CampaignOption = HERE,
    as_json: JsonOption = False,
) -> int:
    """Forget all that is known of an address, and block it for good.

    What stays is an HMAC under the key file beside the store, so that the next import of the same
    person is blocked too. Recipient files and journals still hold the address: they are yours to
    clean.
    """
    key = key_of(address)
    with opened(path) as there:
        was_known = there.store.erase(key)
    if as_json:
        print(json.dumps({"address": key, "was_known": was_known}, ensure_ascii=False))
    else:
        who = legible(key)
        known = "is erased" if was_known else "was not known by its name"
        print(f"{who} {known}, and is never written to; lists and journals may still hold it")
    return EXIT_DONE
