"""Whom `campaign verify` asks: nameservers, and with --probe mail servers.

In: a list whose domains are counted, a campaign.  Out: findings in the notebook.
Touches: the DNS; with a prober, the mail servers of the list's domains.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from campaign.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from campaign.addresses.disposable import Disposables
    from campaign.cli.terminal.progress import PlanProgress
    from campaign.clock import Clock
    from campaign.preflight.verify.etiquette import Prober
    from campaign.preflight.verify.notebook import Notebook
    from campaign.preflight.verify.verification import Verification
    from campaign.routing.pace import QuestionPace
    from campaign.routing.resolver import Resolver


class Means(NamedTuple):
    """With what is asked."""

    nameservers: tuple[str, ...] = ()  # empty: the system's
    timeout_s: float = 5.0
    allow_private: bool = False
    prober: Prober | None = None  # None: no mail server is asked


def probing_means(path: Path, sender: str, ask_all: bool) -> Means:
    """As [direct] and [dns] of a campaign say.  Raises ConfigError where it has no [direct]."""
    from campaign.addresses.syntax import AddressError, parse_address, parse_mailbox
    from campaign.config.loader import load
    from campaign.preflight.verify.etiquette import Prober

    settings = load(path).settings
    if settings.direct is None:
        raise ConfigError(
            "--probe needs [direct] with hello, the name that your address's PTR has",
            remedy="write it, or name the campaign that has it by --campaign",
        )
    own = sender or settings.message.sender
    try:
        author = parse_address(own) if own else parse_mailbox(settings.message.from_).address
    except AddressError as error:
        raise UsageError(
            f"no sender for the questions: {error}", remedy="--from ADDRESS that takes bounces"
        ) from None
    source, hello = settings.direct.sources[0]
    prober = Prober(hello, author.spec, settings.direct.port, source)
    if ask_all:
        prober = prober.asking_all()
    private = settings.direct.allow_private
    return Means(settings.dns.nameservers, settings.dns.timeout, private, prober)


def ask_servers(
    verification: Verification,
    means: Means,
    disposables: Disposables,
    notebook: Notebook,
    clock: Clock,
    progress: PlanProgress,
    pace: QuestionPace,
) -> None:
    """Everything that can be found out, into the notebook.  DnsError, ConfigError."""
    import asyncio  # 50 ms

    from campaign.loops import fastest_loop
    from campaign.preflight.verify.etiquette import check_sender
    from campaign.routing.resolver import Resolver

    async def probe(resolver: Resolver, prober: Prober) -> None:
        from random import SystemRandom

        from campaign.preflight.verify.probing import Probing
        from campaign.routing.mx import speaks_ipv6
        from campaign.routing.route import Router

        random = SystemRandom()
        router = Router(
            resolver,
            clock=clock,
            random=random,
            allow_private=means.allow_private,
            ipv6=speaks_ipv6([prober.source] if prober.source else []),
            port=prober.port,
        )
        verification.collect_names(disposables, prober)
        await Probing(prober, router, notebook, clock, random, progress).run()

    async def ask() -> None:
        resolver = Resolver(means.nameservers, clock=clock, timeout_s=means.timeout_s, pace=pace)
        if means.prober:
            await check_sender(resolver, means.prober.hello, means.prober.source)
        await verification.look_up_domains(resolver, allow_private=means.allow_private)
        if means.prober:
            await probe(resolver, means.prober)

    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(ask())
