"""`campaign consume`: messages of a broker become letters of an open campaign.

In: the url of a queue.  Out: sentences on stderr.
Touches: the broker, the intake, the store of dead letters.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli.arguments import HERE, JsonOption, MetricsOption, PathArgument
from campaign.cli.services.intaking import load_open, until_told
from campaign.cli.services.metering import figures_of, metrics_beside
from campaign.cli.terminal.streams import complain, tell
from campaign.cli.terminal.tables import counted, escape
from campaign.errors import EXIT_DONE, EXIT_SOME_FAILED, UsageError

if TYPE_CHECKING:
    from campaign.config.loader import Campaign
    from campaign.intake.queues.deadletters import DeadLetters

EXAMPLES = (
    "campaign consume 'amqp://app@localhost/?queue=letters' shop",
    "campaign consume --dead shop",
    "campaign consume --dead --retry shop",
)
PASSWORD = "CAMPAIGN_QUEUE_PASSWORD"


def command(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="amqp, redis, nats, kafka or stomp://USER@HOST:PORT/?queue=NAME; the password"
            f" stands in {PASSWORD}.",
            show_default=False,
        ),
    ] = "",
    path: PathArgument = HERE,
    dead: Annotated[
        bool, typer.Option("--dead", help="List the messages that no letter could be made of.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="With --dead: try to make letters of them again.")
    ] = False,
    drop: Annotated[
        bool, typer.Option("--drop", help="With --dead: forget them for good.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--id", metavar="ID", help="Only this one; may be repeated.", show_default=False
        ),
    ] = None,
    metrics: MetricsOption = "",
    as_json: JsonOption = False,
) -> int:
    """Take in the messages of a queue, each as a letter, until Ctrl-C.

    A message is JSON as the API takes it. It is acknowledged when its letter is kept for good, so
    nothing is lost, and its id is the key, so nothing is sent twice. `campaign run` sends them.
    """
    from pathlib import Path

    if dead:
        if retry and drop:
            raise UsageError("--retry and --drop exclude each other", remedy="keep one")
        campaign, ids = load_open(Path(url) if url else path, "--dead"), only or []
        if not (retry or drop):
            return _show_dead(campaign, as_json, ids)
        (_try_again if retry else _drop)(campaign, ids)
        return _show_dead(campaign, as_json)  # what is left
    if retry or drop or only:
        raise UsageError("--retry, --drop and --id are for dead letters", remedy="add --dead")
    if not url:
        raise UsageError("there is no url of a queue", remedy="`campaign consume --help` has one")
    from campaign.intake.queues.addresses import read_queue_url
    from campaign.intake.queues.opening import source_of

    address = read_queue_url(url, os.environ.get(PASSWORD, ""))
    campaign = load_open(path, "a queue")
    source = source_of(address)

    from campaign.clock import SystemClock
    from campaign.intake.accepting import Intake
    from campaign.intake.queues.consuming import QueueConsumer
    from campaign.intake.queues.deadletters import DeadLetters
    from campaign.metrics.figures import Counts
    from campaign.webhooks.lasting import telling_on

    counts, clock = Counts("campaign_consumed_total"), SystemClock()

    async def consume(stopping: asyncio.Event) -> None:
        with closing(DeadLetters.open(*campaign.journal)) as store:
            async with Intake(campaign, clock=clock) as intake:
                consumer = QueueConsumer(
                    source, address.shown, intake, store, clock, say=_say, count=counts.add
                )
                print(f"Taking messages of {address.shown}; Ctrl-C ends it.", flush=True)
                await consumer.run(stopping)

    figures = figures_of(metrics, campaign)
    with metrics_beside(metrics, counts, *figures), telling_on(campaign, complain):
        until_told(consume)
    return EXIT_DONE


def _say(sentence: str) -> None:
    tell(escape(sentence), sys.stderr)


def _try_again(campaign: Campaign, ids: list[str]) -> None:
    """Raises UsageError for an id that is not there, and what `Intake` raises."""
    from campaign.clock import SystemClock
    from campaign.intake.accepting import Intake
    from campaign.intake.queues.again import TriedAgain, try_again
    from campaign.intake.queues.deadletters import DeadLetters

    async def main(store: DeadLetters) -> TriedAgain:
        async with Intake(campaign, clock=SystemClock(), workers=1) as intake:
            return await try_again(store, intake, ids)

    with closing(DeadLetters.open(*campaign.journal)) as store:
        _refuse_unknown(store, ids)
        tried = asyncio.run(main(store))
    _say(f"letters now: {len(tried.letters):,}")


def _drop(campaign: Campaign, ids: list[str]) -> None:
    """Raises UsageError for an id that is not there."""
    from campaign.intake.queues.deadletters import DeadLetters

    with closing(DeadLetters.open(*campaign.journal)) as store:
        _refuse_unknown(store, ids)
        dropped = store.chosen(ids)
        for each in dropped:
            store.forget(each)
    _say(f"dropped: {len(dropped):,}")


def _refuse_unknown(store: DeadLetters, ids: list[str]) -> None:
    unknown = sorted(set(ids) - {each.id for each in store.all()})
    if unknown:
        raise UsageError(
            f"there is no dead letter with the id {', '.join(unknown)}",
            remedy="`campaign consume --dead` lists them",
        )


def _show_dead(campaign: Campaign, as_json: bool, ids: Sequence[str] = ()) -> int:
    from campaign.clock import iso
    from campaign.intake.queues.deadletters import dead_letters

    found = dead_letters(*campaign.journal, ids)
    if as_json:
        told = [each._asdict() | {"at": iso(each.at)} for each in found]
        print(json.dumps({"campaign": campaign.settings.name, "dead": told}, ensure_ascii=False))
    else:
        print(counted(len(found), "dead letter"))
        for each in found:
            print(escape(f"{iso(each.at)}  {each.queue}  {each.id}: {each.reason}"))
    return EXIT_SOME_FAILED if found else EXIT_DONE
