"""A run from the first letter to the summary, for `run`, `resume` and `retry`.

In: a campaign and how to send it.  Out: progress on stderr, a summary on stdout, an exit code.
Touches: whatever a run touches.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from campaign.cli.services.metering import figures_of, metrics_beside
from campaign.cli.services.serving import NO_PAGE, LivePage, live_page
from campaign.cli.summary import as_object, next_steps, summary
from campaign.cli.terminal.paint import Paint
from campaign.cli.terminal.streams import complain, tell
from campaign.cli.terminal.tables import counted, legible
from campaign.errors import Interrupted, LoginError, RelayError

if TYPE_CHECKING:
    from campaign.clock import Clock
    from campaign.config.loader import Campaign
    from campaign.config.settings import Relay
    from campaign.delivery.run_records import RunOptions
    from campaign.workers.start import WorkerProcess


class Showing(NamedTuple):
    """How a run is shown, and to whom."""

    path: Path  # as the user names the campaign
    sandbox: bool = False  # it is a rehearsal
    page: LivePage = NO_PAGE
    metrics: str = ""  # HOST:PORT; "" for none
    as_json: bool = False


def send(
    campaign: Campaign, options: RunOptions, ahead: deque[WorkerProcess], showing: Showing
) -> int:
    """Send, report, and return the exit code; `ahead`: render workers that were started already."""
    from campaign.cli.rehearsal import sandbox_relay
    from campaign.cli.terminal.progress import RunProgress
    from campaign.clock import SystemClock
    from campaign.delivery.run import run_campaign

    path, sandbox, page, metrics, as_json = showing
    clock = SystemClock()
    relay: contextlib.AbstractContextManager[Relay | None] = (
        sandbox_relay(campaign) if sandbox else contextlib.nullcontext()
    )
    with (
        relay as override,
        live_page(campaign, page),
        metrics_beside(metrics, *figures_of(metrics, campaign)),
        telling_webhooks(campaign, clock, path, sandbox=sandbox),
        RunProgress(sys.stderr, clock) as progress,
    ):
        options = replace(options, relay_override=override)
        if campaign.settings.webhook and not sandbox:
            from campaign.webhooks.source import seen_by_all

            options = replace(options, seen_by_all=partial(seen_by_all, campaign))
        try:
            with contextlib.nullcontext() if sandbox else told_by_line(campaign):
                result = run_campaign(
                    campaign, options, clock=clock, observer=progress, ahead=ahead
                )
        except BrokenPipeError as error:  # `main` would take it for a reader who has seen enough
            raise RuntimeError("a pipe between the parts of the run broke") from error
    if as_json:
        told = as_object(result, campaign.settings.name, sandbox)
        tell(json.dumps(told, ensure_ascii=False))
        return result.exit_code
    tell("\n".join(summary(result, Paint.on(sys.stdout))))
    tell("\n".join(next_steps(result, path, sandbox, is_open=campaign.settings.is_open)))
    return result.exit_code


@contextlib.contextmanager
def telling_webhooks(
    campaign: Campaign, clock: Clock, path: Path, *, sandbox: bool
) -> Iterator[None]:
    """Those of [[webhook]] are told meanwhile; what was not told in the end is said.

    A rehearsal tells nobody.
    """
    if sandbox or not campaign.settings.webhook:
        yield
        return
    from campaign.webhooks.beside import telling
    from campaign.webhooks.standing import standings

    with telling(campaign, clock) as beside:
        yield
    urls = [webhook.url for webhook in campaign.settings.webhook]
    if beside and beside.trouble:
        complain(f"webhooks: {beside.trouble}")
    left = [each for each in standings(*campaign.journal, urls) if each.is_behind]
    for each in left:
        tell(f"webhook {legible(each.sentence(), sys.stderr)}", sys.stderr)
    if left:
        where = f" {shlex.quote(str(path))}" if path != Path() else ""
        tell(f"`campaign webhooks{where} --deliver` tells them what waits", sys.stderr)


@contextlib.contextmanager
def told_by_line(campaign: Campaign) -> Iterator[None]:
    """What a relay cannot do is told with the line of campaign.toml that names it."""
    try:
        yield
    except (RelayError, LoginError) as error:
        relays = campaign.settings.relay
        if error.file or not relays:
            raise
        is_login = isinstance(error, LoginError)
        at = next((at for at, each in enumerate(relays) if each.host in error.what), 0)
        (line,) = campaign.first_lines([("relay", at, "username" if is_login else "host")])
        remedy = error.remedy or ("" if is_login else "look at host and port in [relay]")
        kind = LoginError if is_login else RelayError
        raise kind(error.what, file=str(campaign.file), line=line, remedy=remedy) from error


def can_ask() -> bool:
    """Is there a terminal where somebody may type the number?"""
    return sys.stdin is not None and sys.stdin.isatty()


def ask(campaign: Campaign, count: int, *, sandbox: bool) -> None:
    """Raises Interrupted without a yes."""
    through = _through(campaign, sandbox)
    type_number(f"Send {counted(count, 'message')} through {through}?", count, "nothing was sent")


def type_number(question: str, count: int, otherwise: str) -> None:
    """A typed number is harder to give by habit than a y.  Raises Interrupted."""
    print(f"\n{question} Type {count} to go on: ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip().replace(",", "")
    if answer != str(count):
        raise Interrupted(otherwise, remedy=f"type {count} at the question, or say --yes")


def _through(campaign: Campaign, sandbox: bool) -> str:
    """What the letters go through, for the question."""
    if sandbox:
        return "the sandbox"
    hosts = [relay.host for relay in campaign.settings.relay]
    return " and ".join(hosts) or "the mail servers of each domain"
