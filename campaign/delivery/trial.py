"""One real message to ourselves, as a recipient would get it; the journal is only read.

In: a planned campaign, a row, an address of ours.  Out: what the relay said.
Touches: the journal (read-only), a render worker, the relay.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from campaign.addresses.syntax import Address
from campaign.clock import Clock, SystemClock
from campaign.config.loader import Campaign
from campaign.config.settings import Relay
from campaign.errors import ConfigError, RelayError, RenderError
from campaign.journal.reading.browsing import Browser
from campaign.planning.inputs import envelope_senders, render_spec
from campaign.planning.keys import signing_spec
from campaign.planning.sample import standing_of
from campaign.pool.endpoints import endpoint_of
from campaign.records import Claim, Job, Letter, Message, Reply, Stage
from campaign.rendering.render import RenderSpec
from campaign.smtp.connection import Connection
from campaign.smtp.ends import End
from campaign.smtp.opening.connect import connect
from campaign.workers.pool import RenderPool

_MARK = "[test] "
_CLOCK = SystemClock()
_WAIT_S = 700.0  # the reply to the dot may take 600 s (RFC 5321, 4.5.3.2.6)


@dataclass(frozen=True)
class Trial:
    """What became of the message."""

    row: int
    meant_for: str  # the recipient it was made for
    stage: Stage
    reply: Reply
    size_bytes: int
    wire: bytes = field(repr=False)  # as it was sent

    @property
    def is_accepted(self) -> bool:
        return self.stage is Stage.DOT and 200 <= self.reply.code < 300


def send_trial(
    campaign: Campaign, to: Address, row: int | None, *, exact: bool, clock: Clock = _CLOCK
) -> Trial:
    """Render the row for the address, and send it through the first relay.

    Name, text and attachments are the recipient's; To, Message-ID and the unsubscribe token are
    not, so that trying them out does nobody harm.  Raises UsageError, RenderError, RelayError,
    LoginError, ConfigError.
    """
    settings = campaign.settings
    if not settings.relay:
        raise ConfigError("a test goes through a relay, and there is no [relay]")
    marked = campaign if exact else _marked(campaign)
    with closing(Browser.open(settings.journal.url, campaign.folder)) as browser:
        standing = standing_of(browser, row)
        record = browser.plan_record()
        spec = render_spec(marked, record, browser.sources())
    key = f"{to.key} test {secrets.token_hex(8)}"  # two tests are two messages
    date_s = float(int(clock.now_s()))
    job = Job(standing.row, standing.source, to.spec, key, standing.data, date_s=date_s)
    sender = envelope_senders(campaign, record)(0)
    return asyncio.run(_send(campaign, settings.relay[0], spec, job, standing.address, sender))


def returning_address(campaign: Campaign) -> str:
    """Where the bounces of a trial go: its envelope sender.  Raises JournalError without a plan."""
    with closing(Browser.open(campaign.settings.journal.url, campaign.folder)) as browser:
        return envelope_senders(campaign, browser.plan_record())(0)


def _marked(campaign: Campaign) -> Campaign:
    message = campaign.settings.message
    marked = message.model_copy(update={"subject": _MARK + message.subject})
    settings = campaign.settings.model_copy(update={"message": marked})
    return dataclasses.replace(campaign, settings=settings)


async def _send(
    campaign: Campaign, relay: Relay, spec: RenderSpec, job: Job, meant_for: str, sender: str
) -> Trial:
    async with RenderPool(spec, workers=1, signing=signing_spec(campaign)) as pool:
        (message,) = await pool.render([job])
    if message.problem:
        raise RenderError(f"row {job.row}: {message.problem}")
    courier = _OneLetter(_letter(message, job, sender))
    connection = await connect(endpoint_of(relay, campaign.folder), courier, limit=1)
    connection.wake()
    stage, reply = await asyncio.wait_for(courier.told, _WAIT_S)
    await courier.gone.wait()
    return Trial(job.row, meant_for, stage, reply, message.size_bytes, message.wire)


def _letter(message: Message, job: Job, sender: str) -> Letter:
    claim = Claim(job.row, job.source, job.address, job.key, "", job.data, 0, 0, 0, 0.0)
    return Letter(
        job.row, sender, job.address, message.wire, message.size_bytes, message.needs_smtputf8,
        claim,
    )  # fmt: skip


class _OneLetter:
    """Hands one letter to a connection and keeps what became of it (a Courier)."""

    def __init__(self, letter: Letter) -> None:
        self._letter: Letter | None = letter
        self.told: asyncio.Future[tuple[Stage, Reply]] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()

    def next_letter(self, connection: Connection) -> Letter | None:
        letter, self._letter = self._letter, None
        if letter is None:
            connection.finish()
        return letter

    def permit_dot(self, connection: Connection, letter: Letter, go: Callable[[], None]) -> None:
        go()

    def answered(self, connection: Connection, letter: Letter, stage: Stage, reply: Reply) -> None:
        self.told.set_result((stage, reply))

    def lost(
        self, connection: Connection, letter: Letter, stage: Stage, dot_written: bool, why: str
    ) -> None:
        remedy = "the letter may have arrived: look into your mailbox" if dot_written else ""
        error = RelayError(f"the connection was lost at {stage}: {why}", remedy=remedy)
        self.told.set_exception(error)

    def closed(self, connection: Connection, end: End) -> None:
        if not self.told.done():
            why = f"the connection was closed at {end.stage}: {end.why}"
            self.told.set_exception(RelayError(why))
        self.gone.set()
