"""`campaign webhooks`: how those stand who are told what happens to letters, and telling them.

In: the [[webhook]] tables of a campaign.  Out: a line for each, the exit code.
Touches: the outbox beside the journal; with --deliver, --follow and --retry the network.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption, MetricsOption, PathArgument
from campaign.cli.services.metering import figures_of, metrics_beside
from campaign.cli.terminal.tables import legible
from campaign.errors import EXIT_DONE, EXIT_SOME_FAILED, ConfigError, Interrupted, UsageError

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.webhooks.standing import EndpointStanding

EXAMPLES = ("campaign webhooks spring", "campaign webhooks --new-secret")


def command(
    path: PathArgument = HERE,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="Tell what waits and is due, then end.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on telling what happens until Ctrl-C.")
    ] = False,
    retry: Annotated[
        bool,
        typer.Option(
            "--retry", help="Tell everything that waits now, also those disabled or given up."
        ),
    ] = False,
    new_secret: Annotated[
        bool, typer.Option("--new-secret", help="Print a secret for a [[webhook]], and end.")
    ] = False,
    metrics: MetricsOption = "",
    beside: Annotated[bool, typer.Option("--beside", hidden=True)] = False,
    as_json: JsonOption = False,
) -> int:
    """Show how webhooks stand, or tell them what waits.

    `campaign run`, `resume` and `retry` tell them by themselves while they run. The exit code is
    1 where one is disabled, or has refused something for three days.
    """
    if metrics and not follow:
        raise UsageError("--metrics is for what lasts", remedy="say --follow with it")
    if new_secret:
        from campaign.webhooks.signature import new_secret as made

        print(made())
        return EXIT_DONE
    if sum((deliver, follow, retry)) > 1:
        raise UsageError("--deliver, --follow and --retry exclude each other", remedy="keep one")
    from campaign.config.loader import load

    campaign = load(path)
    is_telling = deliver or follow or retry or beside
    if is_telling and not campaign.settings.webhook:
        raise ConfigError(
            "there is no [[webhook]] in this campaign",
            file=str(campaign.file),
            remedy="docs/webhooks.md shows one",
        )
    if retry:
        _enable_all(campaign)
    if is_telling:
        with metrics_beside(metrics, *figures_of(metrics, campaign)):
            is_alone = _tell(campaign, follow=follow or beside, until_input_ends=beside)
        if not is_alone and not beside:
            raise Interrupted(
                "another process tells these webhooks just now",
                remedy="it goes on with what waits; without options this command shows how",
            )
    return _show(campaign, as_json)


def _enable_all(campaign: Campaign) -> None:
    from campaign.webhooks.outbox import Outbox

    with closing(Outbox.open(*campaign.journal)) as outbox:
        for each in outbox.standings():
            outbox.enable(each.endpoint)


def _tell(campaign: Campaign, *, follow: bool, until_input_ends: bool) -> bool:
    import asyncio
    import signal

    from campaign.clock import SystemClock
    from campaign.webhooks.beside import DRAIN_S
    from campaign.webhooks.courier import HookCourier

    async def main() -> bool:
        courier = HookCourier(campaign, SystemClock())
        loop = asyncio.get_running_loop()

        def leave() -> None:
            courier.leave()
            loop.call_later(DRAIN_S, running.cancel)

        def at_end() -> None:
            if not os.read(sys.stdin.fileno(), 4096):
                loop.remove_reader(sys.stdin.fileno())
                leave()

        running = asyncio.ensure_future(courier.run(follow=follow))
        if until_input_ends:
            loop.add_reader(sys.stdin.fileno(), at_end)
        else:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, leave)
        try:
            return await running
        except asyncio.CancelledError:
            return True  # what was not told is told the next time

    return asyncio.run(main())


def _show(campaign: Campaign, as_json: bool) -> int:
    from campaign.webhooks.standing import standings

    urls = [webhook.url for webhook in campaign.settings.webhook]
    found = standings(*campaign.journal, urls)
    if as_json:
        told = {
            "campaign": campaign.settings.name,
            "webhooks": [each.as_object() for each in found],
        }
        print(json.dumps(told, ensure_ascii=False))
    else:
        print("\n".join(_lines(found)))
    return EXIT_SOME_FAILED if any(each.needs_a_person for each in found) else EXIT_DONE


def _lines(found: list[EndpointStanding]) -> list[str]:
    if not found:
        return ["nobody is told what happens: there is no [[webhook]]"]
    lines = [legible(each.sentence()) for each in found]
    if any(each.needs_a_person for each in found):
        lines.append("`campaign webhooks --retry` tells them everything that waits")
    return lines
