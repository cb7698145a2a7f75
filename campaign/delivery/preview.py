"""Letters as they would be sent, for looking at.

In: a planned campaign, a row or an address.  Out: RFC 5322 bytes.
Touches: the journal, for reading; a render worker.

They are rendered from the planned rows with the templates as they are now, so a template can be
mended and looked at again without a new plan.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

from campaign.addresses.syntax import AddressError, parse_address
from campaign.config.loader import Campaign
from campaign.delivery.inputs import render_spec
from campaign.delivery.render_pool import RenderPool
from campaign.errors import RenderError, UsageError
from campaign.journal.browsing import Browser
from campaign.journal.reader import Reader
from campaign.records import Job
from campaign.rendering.render import RenderSpec

_BATCH = 100


def render_one(campaign: Campaign, row: int | None, address: str | None) -> bytes:
    """The letter of one row, of one address, or of the first who is to get one.

    Raises UsageError where the plan has no such recipient, RenderError where it cannot be made.
    """
    with closing(Browser.open(campaign.settings.journal.url, campaign.folder)) as browser:
        spec = _spec(campaign, browser)
        job = _job_of(browser, row, address)
    ((_, letter),) = _rendered(spec, iter([[job]]))
    return letter


def render_all(campaign: Campaign) -> Iterator[tuple[int, bytes]]:
    """Row and letter of everybody who is still to be sent to, in the order of the plan."""
    with closing(Reader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        yield from _rendered(_spec(campaign, reader), _batches(reader))


def _job_of(browser: Browser, row: int | None, address: str | None) -> Job:
    """Also of somebody who was sent to already: what did Ada get?"""
    if address is not None:
        row = _row_of(browser, address)
    if row is None:
        claims = browser.claim_planned(0, 1)
        row = claims[0].row if claims else 1
    standing = browser.standing(row)
    if standing is None:
        raise UsageError(
            f"there is no row {row}", remedy=f"the plan has rows 1 to {browser.last_row()}"
        )
    if not standing.key:
        raise UsageError(f"row {row} has no letter: {standing.reason}", remedy="name another row")
    return standing.job


def _row_of(reader: Reader, address: str) -> int:
    try:
        key = parse_address(address).key
    except AddressError as error:
        raise UsageError(str(error), remedy="--to wants one address") from error
    row = reader.row_of(key)
    if row is None:
        raise UsageError(f"{address} is not in the plan", remedy="`campaign results` lists who is")
    return row


def _spec(campaign: Campaign, reader: Reader) -> RenderSpec:
    return render_spec(campaign, reader.plan_record(), reader.sources())


def _batches(reader: Reader) -> Iterator[list[Job]]:
    after = 0
    while claims := reader.claim_planned(after, _BATCH):
        after = claims[-1].row
        yield [Job(c.row, c.source, c.address, c.key, c.data) for c in claims]


def _rendered(spec: RenderSpec, batches: Iterator[list[Job]]) -> Iterator[tuple[int, bytes]]:
    pool = RenderPool(spec, workers=1)
    with asyncio.Runner() as runner:
        runner.run(pool.__aenter__())
        try:
            for jobs in batches:
                for message in runner.run(pool.render(jobs)):
                    if message.problem:
                        raise RenderError(f"row {message.row}: {message.problem}")
                    yield message.row, message.wire.replace(b"\r\n..", b"\r\n.")
        finally:
            runner.run(pool.close())
