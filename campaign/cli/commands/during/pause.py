"""`campaign pause`: a campaign stops until `campaign resume`, whoever runs it.

In: a planned campaign.  Out: what happens now.  Touches: a mark beside the journal.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption, PathArgument, RehearsalOption
from campaign.cli.line.endings import with_path
from campaign.errors import EXIT_DONE

EXAMPLES = ('campaign pause spring --because "the price list is wrong"',)


def command(
    path: PathArgument = HERE,
    because: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, for whoever finds it paused.")
    ] = "",
    sandbox: RehearsalOption = False,
    as_json: JsonOption = False,
) -> int:
    """Stop a campaign until it is resumed.

    A run that goes on, in whatever terminal, begins no new message, waits for the replies on the
    way and ends with exit code 75. No other run starts before `campaign resume`.
    """
    from campaign.cli.journals import glance_at, journal_to_look_at
    from campaign.clock import SystemClock
    from campaign.journal.holding.pausing import Pause, PauseMark

    journal = journal_to_look_at(path, sandbox)
    with glance_at(journal) as seen:
        name, is_running = seen.campaign(), seen.is_running()
    mark = PauseMark(*journal)
    pause = mark.read()
    if pause is None or because:
        pause = Pause(SystemClock().now_s(), because)
        mark.set(pause)
    if as_json:
        print(json.dumps({"campaign": name, "paused": True, "running": is_running,
                          "because": pause.because, "sandbox": sandbox}))  # fmt: skip
        return EXIT_DONE
    if is_running:
        print(f"{name} is paused: its run ends when the replies on the way have come")
    else:
        print(f"{name} is paused; nothing is running")
    print(with_path("`campaign resume` goes on", path))
    return EXIT_DONE
