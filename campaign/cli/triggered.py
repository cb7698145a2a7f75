"""Commands of a campaign without a list: what `plan` and `run` do for an open one.

In: an open campaign.  Out: its plan on the screen; letters sent as they come.
Touches: the journal, the relay.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.cli.checked import next_with_run, run_refusals
from campaign.cli.terminal.streams import tell
from campaign.cli.terminal.tables import table
from campaign.errors import EXIT_DONE, UsageError
from campaign.units import show_duration

if TYPE_CHECKING:
    from campaign.config.loader import Campaign


def refuse_open(campaign: Campaign, what: str, remedy: str) -> None:
    """Raises UsageError where a command needs a list, and the campaign has none."""
    if campaign.settings.is_open:
        raise UsageError(
            f"{campaign.settings.name} is an open campaign and has no list {what}", remedy=remedy
        )


def refuse_of_lists(campaign: Campaign, given: Mapping[str, object]) -> None:
    """Raises UsageError for an option that was given and means nothing without a list."""
    for option, value in given.items():
        if value is not None and value is not False:
            refuse_open(
                campaign, f"for {option} to act on", f"leave {option} out; docs/api.md has the rest"
            )


def plan_open(campaign: Campaign, path: Path, *, as_json: bool) -> int:
    """The templates, each compiled once; nothing waits for a question."""
    import asyncio
    from contextlib import closing

    from campaign.clock import SystemClock
    from campaign.journal.reading.reader import Reader
    from campaign.planning.inputs import render_spec
    from campaign.planning.opening import ensure_open_plan, sources_of
    from campaign.workers.pool import RenderPool

    record = ensure_open_plan(campaign, SystemClock())

    async def compile_all() -> None:
        async with RenderPool(render_spec(campaign, record, sources_of(campaign)), workers=1):
            pass

    asyncio.run(compile_all())
    with closing(Reader.open(*campaign.journal)) as reader:
        waiting = reader.open_count(0)
    refusals = run_refusals(campaign)
    if as_json:
        print(
            json.dumps(
                _as_object(campaign, waiting) | {"run_refusals": refusals}, ensure_ascii=False
            )
        )
        return EXIT_DONE
    templates = campaign.settings.template
    tell(f"{campaign.settings.name}: an open campaign with {len(templates)} templates")
    rows = [
        (name, _policy(campaign, name), template.subject)
        for name, template in sorted(templates.items())
    ]
    tell("\n".join(table(rows)))
    where = f" {shlex.quote(str(path))}" if path != Path() else ""
    first = f"campaign serve{where} --api accepts letters"
    tell("\n".join(next_with_run(first, f"campaign run{where}", refusals)))
    return EXIT_DONE


def begin_open(campaign: Campaign) -> None:
    """Its plan, where nobody made it yet.  A run goes on with an open campaign as `resume` does."""
    from campaign.clock import SystemClock
    from campaign.planning.opening import ensure_open_plan

    ensure_open_plan(campaign, SystemClock())


def _policy(campaign: Campaign, name: str) -> str:
    template, delivery = campaign.settings.template[name], campaign.settings.delivery
    lasts_s = delivery.expire_after if template.expire_after is None else template.expire_after
    doubt = template.in_doubt or delivery.in_doubt
    return f"{template.lane}, in doubt {doubt}, {show_duration(lasts_s)}"


def _as_object(campaign: Campaign, waiting: int) -> dict[str, Any]:
    delivery = campaign.settings.delivery
    return {
        "campaign": campaign.settings.name,
        "kind": "open",
        "left": waiting,
        "templates": [
            {
                "name": name,
                "subject": template.subject,
                "lane": template.lane,
                "in_doubt": template.in_doubt or delivery.in_doubt,
                "expire_after_s": (
                    delivery.expire_after
                    if template.expire_after is None
                    else template.expire_after
                ),
            }
            for name, template in sorted(campaign.settings.template.items())
        ],
    }
