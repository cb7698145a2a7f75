"""`campaign retry`: tries again what was given up, then sends as `run` does.

In: which recipients to take up again, and a yes of some kind.  Out: as `run`.  Touches: as `run`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import (
    HERE,
    JsonOption,
    LimitOption,
    MetricsOption,
    NoBrowserOption,
    NoWaitOption,
    PathArgument,
    RunPortOption,
    SandboxOption,
    ServeOption,
    TranscriptOption,
    YesOption,
)
from campaign.cli.sending import Showing, ask, can_ask, send
from campaign.cli.services.serving import LivePage
from campaign.cli.terminal.streams import tell
from campaign.cli.terminal.tables import counted, in_archives
from campaign.errors import EXIT_DONE, UsageError
from campaign.records import State, unsettled_of

if TYPE_CHECKING:
    from campaign.config.loader import Campaign

EXAMPLES = (
    "campaign retry spring --failed --sandbox --yes",
    "campaign retry spring --code 4.7.28 --expect 12",
)
_CODE = re.compile(r"[245]\d\d|[245]\.\d{1,3}\.\d{1,3}")  # RFC 5321, 4.2; RFC 3463, 2


def command(
    path: PathArgument = HERE,
    failed: Annotated[bool, typer.Option("--failed", help="Those that failed or expired.")] = False,
    held: Annotated[
        bool, typer.Option("--held", help="Those in doubt that are held; they may get a copy.")
    ] = False,
    cancelled: Annotated[
        bool, typer.Option("--cancelled", help="Those whom `campaign cancel` took out.")
    ] = False,
    unmade: Annotated[
        bool,
        typer.Option("--unmade", help="Those of an open campaign of whom no letter could be made."),
    ] = False,
    code: Annotated[
        str | None,
        typer.Option(
            metavar="CODE", help="Those whose last reply had this code: 550, 4.7.28, 5.7.1."
        ),
    ] = None,
    dead: Annotated[
        bool, typer.Option("--dead", help="Also addresses that a server said do not exist.")
    ] = False,
    yes: YesOption = False,
    expect: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Do not ask; go on only if N are to be sent to."),
    ] = None,
    sandbox: SandboxOption = False,
    limit: LimitOption = None,
    no_wait: NoWaitOption = False,
    transcript: TranscriptOption = None,
    serve: ServeOption = False,
    port: RunPortOption = 0,
    no_browser: NoBrowserOption = False,
    metrics: MetricsOption = "",
    as_json: JsonOption = False,
) -> int:
    """Put given up or held recipients back, then send to them.

    Says how many they are, and asks for that number as `run` does. Letters that have left for an
    archive are not sent again: it says how many they are, and where.
    """
    from campaign.cli.journals import workers_for_those_left
    from campaign.cli.rehearsal import rehearsal_of
    from campaign.clock import SystemClock
    from campaign.config.loader import load
    from campaign.delivery.run_records import RunOptions
    from campaign.journal.store import Journal
    from campaign.workers.start import workers_ahead

    if not (failed or held or cancelled or unmade or code):
        raise UsageError(
            "nobody is named", remedy="say --failed, --held, --cancelled, --unmade or --code CODE"
        )
    if code is not None and not _CODE.fullmatch(code):
        raise UsageError(f"'{code}' is not a reply code", remedy="write 550 or 4.7.28")
    campaign = load(path, need_secrets=not sandbox, need_letters=True)
    if unmade and not campaign.settings.is_open:
        raise UsageError(
            "--unmade is for open campaigns",
            remedy="`campaign plan --amend` makes the letters of a list once more",
        )
    if sandbox:
        campaign = rehearsal_of(campaign)
    states = states_of(failed=failed, held=held, cancelled=cancelled, unmade=unmade)
    spared = set() if dead else dead_classes()
    clock = SystemClock()
    # Held from the count to the change, so that what was agreed to is what happens.
    opened = Journal.open(*campaign.journal, clock=clock, create=False)
    with closing(opened) as journal:
        back, left, over = count_back(campaign, states, code or "", spared)
        if not back:
            if as_json:
                put = {"campaign": campaign.settings.name, "sandbox": sandbox, "put_back": 0,
                       "archived": over}  # fmt: skip
                tell(json.dumps(put))
            return EXIT_DONE
        agree(campaign, back + left, limit, expect=expect, yes=yes, sandbox=sandbox)
        journal.put_back(states, clock.now_s(), code=code or "", spared=spared)
    options = RunOptions(limit=limit, no_wait=no_wait, transcript=transcript)
    page = LivePage(serve, port, not no_browser)
    showing = Showing(path, sandbox, page, metrics, as_json)
    with workers_ahead(workers_for_those_left(campaign.journal, limit)) as ahead:
        return send(campaign, options, ahead, showing)


def agree(
    campaign: Campaign,
    total: int,
    limit: int | None,
    *,
    expect: int | None,
    yes: bool,
    sandbox: bool,
) -> None:
    """Raises UsageError where the number is not the expected one, Interrupted without a yes."""
    if expect is not None and expect != total:
        raise UsageError(
            f"{expect:,} expected, but {total:,} are to be sent to", remedy=f"say --expect {total}"
        )
    if yes or expect is not None:
        return
    if not can_ask():
        raise UsageError("there is no terminal to ask in", remedy=f"say --yes, or --expect {total}")
    ask(campaign, min(total, limit or total), sandbox=sandbox)


def states_of(
    *, failed: bool, held: bool, cancelled: bool = False, unmade: bool = False
) -> set[State]:
    """The states that are put back; a code alone means everybody given up with it."""
    any_given_up = not (failed or held or cancelled or unmade)
    chosen = {
        State.FAILED: failed or any_given_up,
        State.EXPIRED: failed or any_given_up,
        State.HELD: held or any_given_up,
        State.CANCELLED: cancelled,
        State.SKIPPED: unmade,
    }
    return {state for state, is_chosen in chosen.items() if is_chosen}


def dead_classes() -> frozenset[str]:
    """Classes of replies after which an address is never to be tried again."""
    from campaign.smtp.replies.verdicts import VERDICTS

    return frozenset(str(verdict.class_) for verdict in VERDICTS.values() if verdict.suppresses)


def count_back(
    campaign: Campaign, states: Collection[State], code: str, spared: Collection[str]
) -> tuple[int, int, dict[str, int]]:
    """How many are put back, how many more are not settled anyhow, and how many are in archives;
    says so on stderr."""
    from campaign.journal.reading.candidates import archived_given_up
    from campaign.journal.reading.reader import Reader

    url = campaign.settings.journal.url
    with closing(Reader.open(url, campaign.folder)) as reader:
        classes = reader.classes_to_put_back(states, code)
        left = unsettled_of(reader.counts())
        over = archived_given_up(reader, states, code, spared)
    dead = sum(count for class_, count in classes.items() if class_ in spared)
    back = sum(classes.values()) - dead
    tell(f"{counted(back, 'recipient')} to put back", sys.stderr)
    if dead:
        tell(f"{dead:,} do not exist by their server's word and are left out (--dead)", sys.stderr)
    if left and back:
        tell(f"{left:,} more are not settled yet and go with them", sys.stderr)
    if over:
        tell(f"{in_archives(over)}, settled for good: ask for new ones instead", sys.stderr)
    return back, left, over
