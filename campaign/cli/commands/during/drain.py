"""`campaign drain`: lets workers of a fleet leave with nothing in doubt.

In: a campaign whose journal is shared, the name of a worker.  Out: who left.
Touches: a mark in the journal.
"""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption, PathArgument
from campaign.cli.terminal.tables import counted
from campaign.errors import EXIT_DONE, UsageError

EXAMPLES = ("campaign drain spring", "campaign drain spring --worker b1")
_LOOK_S = 0.2


def command(
    path: PathArgument = HERE,
    worker: Annotated[
        str, typer.Option(metavar="NAME", help="Only the workers of this name; else all.")
    ] = "",
    as_json: JsonOption = False,
) -> int:
    """Ask workers to leave, and wait until they have.

    A worker that is asked begins no new message, waits for the replies on the way, and gives its
    shards to the others.
    """
    from campaign.cli.journals import journal_to_look_at
    from campaign.journal.sharing.drain import ask_to_leave, still_there

    place = journal_to_look_at(path, False)
    asked = ask_to_leave(*place, worker)
    if not asked:
        raise UsageError(
            f"no worker {worker} is at this journal" if worker else "no worker is at this journal",
            remedy="`campaign status` shows who is",
        )
    while left := still_there(*place, asked):
        time.sleep(_LOOK_S * min(5, len(left)))
    names = sorted(asked.values())
    if as_json:
        print(json.dumps({"left": names}))
    else:
        print(f"{counted(len(names), 'worker has', 'workers have')} left: {', '.join(names)}")
    return EXIT_DONE
