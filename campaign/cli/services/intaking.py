"""Letters taken in by a process that lasts: by SMTP, from queues.

In: the path of an open campaign.  Out: nothing; it ends with SIGINT or SIGTERM.
Touches: what the intake touches, signals.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.cli.services.metering import figures_of, metrics_beside
from campaign.cli.terminal.streams import complain, tell
from campaign.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from campaign.config.loader import Campaign, LateCheck
    from campaign.config.settings import Settings
    from campaign.config.settings.outlets import Tls
    from campaign.config.wording import Mistake


def load_open(path: Path, what: str, also: Iterable[LateCheck] = ()) -> Campaign:
    """An open campaign; `what` takes its letters.  Raises ConfigErrors, also where its letters
    come from a list."""
    from campaign.config.loader import load
    from campaign.config.wording import Mistake

    def check_kind(settings: Settings, folder: Path) -> Iterator[Mistake]:
        if not settings.is_open:
            yield Mistake(
                ("kind",),
                f"{what} is for letters that come one by one, and this campaign has a list",
                'docs/api.md shows a campaign with kind = "open"',
            )

    return load(path, need_letters=True, also=[check_kind, *also])


def until_told(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run until it ends by itself, or sees the event that SIGINT and SIGTERM set."""

    async def run() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        await main(stopping)

    asyncio.run(run())


def serve_submissions(path: Path, where: str, metrics: str) -> None:
    """`campaign serve --smtp HOST:PORT`."""
    from campaign.clock import SystemClock
    from campaign.config.checking.servers import check_api_keys
    from campaign.config.values import read_listen
    from campaign.config.wording import Mistake
    from campaign.intake.accepting import Intake
    from campaign.intake.api.keys import Keys
    from campaign.intake.smtp.listening import refuse_clear_text, taking_submissions
    from campaign.intake.troubles import Troubles
    from campaign.webhooks.lasting import telling_on

    try:
        host, _, port = read_listen(where).rpartition(":")
        if host.startswith("unix"):
            raise ValueError(f"'{where}' is a socket; write an address and a port: 127.0.0.1:2525")
    except ValueError as error:
        what, _, remedy = str(error).partition("; ")
        raise UsageError(f"--smtp: {what}", remedy=remedy) from None
    host = host.removeprefix("[").removesuffix("]")

    def check_certificate(settings: Settings, folder: Path) -> Iterator[Mistake]:
        try:
            refuse_clear_text(host, has_certificate=settings.serve.certificate is not None)
            _context_of(settings.serve.certificate, folder)
        except ConfigError as error:
            yield Mistake(("serve", "certificate"), error.what, error.remedy)

    campaign = load_open(path, "--smtp", [check_api_keys, check_certificate])
    context = _context_of(campaign.settings.serve.certificate, campaign.folder)
    keys = Keys.of(campaign.settings, campaign.folder)
    clock = SystemClock()

    async def serve(stopping: asyncio.Event) -> None:
        async with (
            Intake(campaign, clock=clock) as intake,
            taking_submissions(
                intake,
                keys,
                host,
                int(port),
                size_max=campaign.settings.intake.max_body,
                troubles=Troubles(complain, clock),
                context=context,
            ) as taken,
        ):
            shown = f"[{host}]" if ":" in host else host
            print(f"Taking mail on {shown}:{taken}; Ctrl-C ends it.", flush=True)
            await stopping.wait()
            tell("what is being accepted is finished first", sys.stderr)

    figures = figures_of(metrics, campaign)
    with metrics_beside(metrics, *figures), telling_on(campaign, complain):
        until_told(serve)


def _context_of(certificate: Tls | None, folder: Path) -> Any:
    """Raises ConfigError for a certificate that cannot be used."""
    from campaign.smtp.tls import server_context

    if certificate is None:
        return None
    return server_context(str(folder / certificate.cert), str(folder / certificate.key))
