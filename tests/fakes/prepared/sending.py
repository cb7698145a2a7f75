"""A whole campaign against servers that fail: planned, sent in this process, read back.

In: a folder, relays or [direct], people, how patient to be.  Out: an `Ending` with the journal's
word on every recipient.  Touches: the folder, loopback, one render worker.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tenacity import wait_fixed

from campaign.clock import SystemClock
from campaign.config.loader import Campaign, load
from campaign.delivery.run import run_campaign
from campaign.delivery.run_records import RunOptions, RunResult, RunView
from campaign.errors import CampaignError
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.reader import Reader
from campaign.outcomes import Result
from campaign.planning.plan import make_plan
from campaign.pool.terms import Patience
from campaign.records import Change
from campaign.smtp.endpoint import Timeouts
from fakes.at_work import others_at_work
from fakes.mail.scripted_smtp import ScriptedServer

PATIENT = Timeouts(**dict.fromkeys(Timeouts.__dataclass_fields__, 10.0))
QUICK = Patience(wait_fixed(0.02), first_tries=3, outage_s=1.0, timeouts=PATIENT)

TOML = """\
name = "{name}"
[recipients]
files = ["list.csv"]
suppress = {suppress}
duplicates = "{duplicates}"
[message]
from = "Ada <ada@example.org>"
subject = "Letter {{{{ number }}}}"
text = "body.txt"
{way}
[delivery]
in_doubt = "{in_doubt}"
retry = [{retry}]
expire_after = "{expire_after}"
{more}
"""
RELAY = """\
[[relay]]
host = "127.0.0.1"
port = {port}
security = "{security}"
hello = "client.example"
connections = {connections}
{more}
"""
DIRECT = """\
[direct]
hello = "client.example"
port = {port}
allow_private = true
{more}
[dns]
nameservers = ["{nameserver}"]
timeout = "{dns_timeout}"
"""


def relay(
    server: ScriptedServer | int, *, connections: int = 1, security: str = "none", more: str = ""
) -> str:
    """A [[relay]] of the file; `more` lines at its end."""
    port = server if isinstance(server, int) else server.port
    return RELAY.format(port=port, connections=connections, security=security, more=more)


def direct(port: int, nameserver: str, more: str = "", dns_timeout: str = "0.3s") -> str:
    """[direct] and [dns] of the file."""
    return DIRECT.format(port=port, nameserver=nameserver, more=more, dns_timeout=dns_timeout)


def hasty(**seconds: float) -> Patience:
    """Quick, and with these timeouts short."""
    return replace(QUICK, timeouts=replace(PATIENT, **seconds))


class Heard:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.views: list[RunView] = []
        self.waits: set[str] = set()
        self.most_connections = 0

    def update(self, view: RunView) -> None:
        self.views.append(view)
        self.waits.add(view.waiting_for)
        self.most_connections = max(self.most_connections, view.connections)

    def say(self, line: str) -> None:
        self.lines.append(line)


@dataclass
class Ending:
    """What a run came to, as the journal has it."""

    exit_code: int
    sentence: str
    heard: Heard
    results: dict[str, Result]  # by address
    steps: dict[str, list[Change]]
    result: RunResult | None = None

    @property
    def states(self) -> dict[str, str]:
        return {address: str(result.state) for address, result in self.results.items()}

    def all_but(self, *addresses: str) -> set[str]:
        """The states of the others."""
        return {state for address, state in self.states.items() if address not in addresses}

    def passed(self, address: str) -> list[str]:
        """Every state a recipient went through."""
        return [str(step.state) for step in self.steps[address]]

    def copies(self, address: str) -> int:
        """How often the final dot was permitted."""
        return self.passed(address).count("sending")


@dataclass
class Mailing:
    """A campaign in a folder."""

    folder: Path
    way: str
    people: int | Sequence[str] = 6
    retry: Sequence[str] = ("50ms",)
    expire_after: str = "1h"
    in_doubt: str = "resend"
    suppress: Sequence[str] = ()
    duplicates: str = "first"
    more: str = ""
    body: str = "Hello {{ number }}\n"
    name: str = "faults"
    patience: Patience = field(default_factory=lambda: QUICK)
    clock: Any = field(default_factory=SystemClock)
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None

    @property
    def addresses(self) -> list[str]:
        if isinstance(self.people, int):
            return [f"r{number}@example.com" for number in range(1, self.people + 1)]
        return list(self.people)

    def write(self) -> Campaign:
        """The files."""
        rows = [f"{address},{n}" for n, address in enumerate(self.addresses, 1)]
        (self.folder / "list.csv").write_text("\n".join(["email,number", *rows, ""]))
        (self.folder / "body.txt").write_text(self.body)
        retry = ", ".join(f'"{wait}"' for wait in self.retry)
        (self.folder / "campaign.toml").write_text(
            TOML.format(
                name=self.name,
                way=self.way,
                suppress=list(self.suppress),
                duplicates=self.duplicates,
                in_doubt=self.in_doubt,
                retry=retry,
                expire_after=self.expire_after,
                more=self.more,
            )
        )
        return load(self.folder)

    def plan(self) -> Campaign:
        campaign = self.write()
        make_plan(campaign, clock=self.clock, render=False)
        return campaign

    def send(self, **options: Any) -> Ending:
        """Plan where that was not done, run, read back; the journal must add up."""
        if not (self.folder / "state").exists():
            self.plan()
        campaign = load(self.folder)
        heard = Heard()
        given = RunOptions(workers=1, patience=self.patience, **options)
        result, code, sentence = None, 0, ""
        try:
            result = run_campaign(
                campaign, given, clock=self.clock, observer=heard, loop_factory=self.loop_factory
            )
            code, sentence = result.exit_code, result.sentence
        except CampaignError as error:
            code, sentence = error.exit_code, str(error)
        with closing(Reader.open(campaign.settings.journal.url, self.folder)) as reader:
            results = {each.address: each for each in reader.results()}
            steps = {address: reader.history(each.row) for address, each in results.items()}
        found = audit(campaign.settings.journal.url, self.folder)
        assert found.is_clean, found.checks
        return Ending(code, sentence, heard, results, steps, result)


# -- time that skips -------------------------------------------------------------------------------


class Skipping:
    """A clock and an event loop whose time jumps ahead when nothing happens, once it has begun.

    As a `test` of a server's rule, `begins` starts it when that rule is acted on; with `jumps` so
    many follow each time.  What is under way is not overtaken on a machine that is busy: a jump is
    made only when the loop has waited in vain, and no server, worker or disk is at work.
    """

    def __init__(self, step_s: float, *, jumps: int | None = None) -> None:
        self.ahead_s = 0.0
        self._step_s = step_s
        self._jumps = sys.maxsize if jumps is None else jumps
        self._left = 0
        self.spent = threading.Event()  # the last of its jumps was made

    def now_s(self) -> float:
        return time.time() + self.ahead_s

    def tick_s(self) -> float:
        return time.monotonic() + self.ahead_s

    passed_s = tick_s

    def begins(self, _command: str = "") -> bool:
        self.spent.clear()
        self._left = self._jumps
        return True

    def jump(self) -> None:
        if self._left:
            self._left -= 1
            self.ahead_s += self._step_s
            if not self._left:
                self.spent.set()

    def make_loop(self) -> asyncio.AbstractEventLoop:
        return _SkippingLoop(self)

    @property
    def fields(self) -> dict[str, Any]:
        """For a `Mailing`, with the waits of RFC 5321."""
        patience = Patience(wait_fixed(1.0), first_tries=5, outage_s=1800.0)
        return {"clock": self, "loop_factory": self.make_loop, "patience": patience}


class _SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self, skipping: Skipping) -> None:
        super().__init__(_Watchful(skipping.jump))
        self._skipping = skipping

    def time(self) -> float:
        return self._skipping.tick_s()


class _Watchful(selectors.DefaultSelector):
    """Tells when a loop that could wait has waited in vain, and nobody else was at work."""

    _LOOKS = 5  # several, so that whoever was to answer had a turn on the processor in between
    _LOOK_S = 0.01

    def __init__(self, in_vain: Callable[[], None]) -> None:
        super().__init__()
        self._in_vain = in_vain

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout < self._LOOKS * self._LOOK_S:
            return super().select(timeout)
        looks = 0
        while looks < self._LOOKS:
            if events := super().select(self._LOOK_S):
                return events
            looks = 0 if others_at_work() else looks + 1
        self._in_vain()
        return []
