"""`campaign explain`: why somebody is not written to now, until when, what would change it.

In: the journal and the settings.  Out: a few lines, or one JSON object.
Touches: nothing; a run may go on meanwhile.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption
from campaign.cli.terminal.tables import counted, legible
from campaign.clock import iso
from campaign.errors import EXIT_DONE, UsageError
from campaign.records import State

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.journal.reading.claiming import ClaimReader
    from campaign.planning.timing.hindrances import Hindrance
    from campaign.records import Claim

EXAMPLES = (
    "campaign explain spring",
    "campaign explain spring grace@example.com",
)
_JUST_S = 10.0
_JUST_SENT = (  # of the last changes alone: a history may have millions
    "SELECT count(*) FROM (SELECT state, at FROM history ORDER BY change DESC LIMIT 5000) last"
    " WHERE state = 'sent' AND at > :since"
)
_OPEN = (State.PLANNED, State.DEFERRED, State.SENDING)


def command(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="A campaign.toml or its folder; left out: the current folder.",
            show_default=False,
        ),
    ] = HERE,
    who: Annotated[
        str,
        typer.Argument(
            metavar="WHO", help="A domain or an address; left out: everybody.", show_default=False
        ),
    ] = "",
    as_json: JsonOption = False,
) -> int:
    """Say why mail is not going now, and until when."""
    from campaign.cli.journals import campaign_to_look_at
    from campaign.clock import SystemClock
    from campaign.journal.reading.claiming import ClaimReader

    if not who and not path.exists() and path.name == str(path):
        path, who = HERE, str(path)  # `campaign explain gmail.com` in the campaign's folder
    campaign, now_s = campaign_to_look_at(path, False), SystemClock().now_s()
    with closing(ClaimReader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        reader.plan_record()
        counts, held = explain(campaign, reader, who, now_s)
        paced = "" if held or who else _pace(campaign, reader, now_s)
    if as_json:
        told = [each.as_object(_stamp(each)) for each in held]
        print(
            json.dumps(
                {
                    "campaign": campaign.settings.name,
                    "about": who,
                    "counts": counts,
                    "is_held_up": bool(held),
                    "hindrances": told,
                },
                ensure_ascii=False,
            )
        )
        return EXIT_DONE
    for line in lines(campaign.settings.name, who, counts, held, paced):
        print(line, file=sys.stdout)
    return EXIT_DONE


def explain(
    campaign: Campaign, reader: ClaimReader, who: str, now_s: float
) -> tuple[dict[str, int], list[Hindrance]]:
    """Where those who are meant stand, and what holds up the ones who are not settled.

    Raises UsageError where nobody is meant.
    """
    from campaign.planning.timing.hindrances import hindrances
    from campaign.pool.limits import domains_of, lane_of

    claim, lane, where, asked = None, "", "1 = 1", dict[str, object]()
    if "@" in who:
        row, claim = _person(reader, who)
        where, asked = "r.row = :row", {"row": row}
        lane = lane_of(claim.domain) if claim else ""
    elif who:
        lane = lane_of(who.lower())
        asked = {f"domain{number}": name for number, name in enumerate(domains_of(lane))}
        where = f"r.domain IN ({', '.join(f':{name}' for name in asked)})"
    counts: dict[str, int] = {}
    due_s = 0.0
    for each in (reader, *reader.archives()):
        for state, count, due in each.ask(
            "SELECT s.state, count(*), min(s.due) FROM standings s"
            f" JOIN recipients r ON r.row = s.row WHERE {where} GROUP BY s.state",
            **asked,
        ):
            counts[str(state)] = counts.get(str(state), 0) + int(count)
            if state == State.DEFERRED:
                due_s = float(due)
    if not counts and not who:  # an open campaign of which nothing was asked yet
        return counts, _of_the_run(campaign)
    if not counts:
        raise UsageError(
            f"the plan has nobody at {who}",
            remedy="name a domain of the list, or an address; `campaign plan` shows the domains",
        )
    if not any(state in counts for state in _OPEN):
        return counts, []
    held = [*_of_the_run(campaign), *hindrances(campaign, reader, now_s, lane, claim)]
    if State.PLANNED not in counts and due_s > now_s:
        ((reason,),) = reader.ask(
            "SELECT l.reason FROM letters l JOIN recipients r ON r.row = l.row"
            f" WHERE {where} AND l.state = 'deferred' ORDER BY l.due LIMIT 1",
            **asked,
        )
        held.append(_due(str(reason), due_s, is_one=claim is not None))
    return counts, held


def _person(reader: ClaimReader, who: str) -> tuple[int, Claim | None]:
    """The row of an address, and its claim where it may still be sent to."""
    from campaign.addresses.syntax import AddressError, parse_address

    try:
        row = reader.row_of(parse_address(who).key)
    except AddressError as error:
        raise UsageError(str(error), remedy="name a domain or one address") from error
    if row is None:
        raise UsageError(
            f"{who} is not in the plan",
            remedy="`campaign results` lists everybody, skipped rows with their reason too",
        )
    claims = [*reader.claim_rows([row], State.PLANNED), *reader.claim_rows([row], State.DEFERRED)]
    return row, claims[0] if claims else None


def _of_the_run(campaign: Campaign) -> list[Hindrance]:
    """A pause, or that nobody runs."""
    from campaign.cli.journals import glance_at, has_begun
    from campaign.journal.holding.pausing import PauseMark
    from campaign.planning.timing.hindrances import Hindrance

    if pause := PauseMark(*campaign.journal).read():
        return [Hindrance(str(pause), math.inf, "`campaign resume`")]
    with glance_at(campaign.journal) as seen:
        if seen.is_running() is False:
            command = "resume" if has_begun(campaign.journal) else "run"
            return [Hindrance("no run is under way", math.inf, f"`campaign {command}`")]
    return []


def _due(reason: str, due_s: float, *, is_one: bool) -> Hindrance:
    """A time that has not come: of the next try, or the one that a letter was asked for."""
    from campaign.journal.states import LATER
    from campaign.planning.timing.hindrances import Hindrance

    if reason == LATER:
        return Hindrance(reason, due_s, "nothing: whoever asked for the letter set this time")
    why = f": {reason}" if is_one else ""
    return Hindrance(
        f"waits for a retry{why}", due_s, "`campaign resume --now`, once the cause is gone"
    )


def _pace(campaign: Campaign, reader: ClaimReader, now_s: float) -> str:
    """What a run that goes on keeps to, as its progress line says it."""
    from campaign.clock import SystemClock
    from campaign.planning.timing.awaited import Waits

    ((sent,),) = reader.ask(_JUST_SENT, since=now_s - _JUST_S)
    return Waits(campaign, SystemClock()).ask(reader, now_s, sent / _JUST_S).words


def lines(
    name: str,
    who: str,
    counts: dict[str, int],
    held: Sequence[Hindrance],
    paced: str = "",
) -> list[str]:
    """The answer for a terminal; `paced` is what keeps the run to its speed."""
    stand = ", ".join(f"{count:,} {state}" for state, count in counts.items())
    stand = stand and f": {stand}"
    about = f"{name}, {who}" if who else name
    shown = [legible(f"{about}: {counted(sum(counts.values()), 'row')}{stand}")]
    for each in held:
        shown.append(f"  {legible(each.what)}")
        until = f"until {_stamp(each)}" if _stamp(each) else "does not end by itself"
        shown.append(f"    {until}; what changes it: {legible(each.change)}")
    if not held:
        is_open = any(state in counts for state in _OPEN)
        going = "nothing of ours holds it up; what a run waits for stands in its progress line"
        if paced:
            going = f"mail is going; {paced}"
        shown.append(f"  {legible(going) if is_open else 'everybody is settled'}")
    return shown


def _stamp(hindrance: Hindrance) -> str | None:
    return iso(hindrance.until_s) if math.isfinite(hindrance.until_s) else None
