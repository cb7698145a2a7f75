"""Letters as they would be sent, for looking at.

In: a planned campaign, a row or an address.  Out: RFC 5322 bytes, and the branches they took.
Touches: the journal, for reading; a render worker.

They are rendered from the planned rows with the templates as they are now, so a template can be
mended and looked at again without a new plan.  They are signed as in a run; where a key cannot be
had, `on_note` is told so and they are shown without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

from campaign.addresses.syntax import AddressError, parse_address
from campaign.config.loader import Campaign
from campaign.errors import RenderError, UsageError
from campaign.journal.reading.browsing import Browser, RecipientStanding
from campaign.journal.reading.claiming import ClaimReader
from campaign.planning.inputs import render_spec
from campaign.planning.keys import signing_spec
from campaign.records import Job
from campaign.rendering.render import RenderSpec
from campaign.rendering.templating.branches import Sampled, Sampling, Traced, covering
from campaign.signing.spec import SigningSpec
from campaign.workers.traced_pool import TracedPool

_BATCH = 100

Note = Callable[[str], None]


def _let_be(note: str) -> None:
    """Nobody wants to know."""


def render_one(
    campaign: Campaign, row: int | None, address: str | None, on_note: Note = _let_be
) -> Sampled:
    """The letter of one row, of one address, or of the first who is to get one.

    Raises UsageError where the plan has no such recipient, RenderError where it cannot be made.
    """
    with closing(Browser.open(campaign.settings.journal.url, campaign.folder)) as browser:
        press = _Press.of(campaign, browser, on_note)
        job = _job_of(browser, row, address)
    return next(map(_shown, press.letters(iter([[job]]))))


def render_all(campaign: Campaign, on_note: Note = _let_be) -> Iterator[Sampled]:
    """The letters of everybody who is still to be sent to, in the order of the plan."""
    with closing(ClaimReader.open(campaign.settings.journal.url, campaign.folder)) as reader:
        press = _Press.of(campaign, reader, on_note)
        yield from map(_shown, press.letters(reader.planned_jobs(0, _BATCH)))


def render_sample(campaign: Campaign, count: int, on_note: Note = _let_be) -> Sampling:
    """Up to `count` letters of those still to be sent that show every branch of the templates.

    Letters are rendered until nothing is left to find: of a list where nobody takes some branch
    all of them.  Places that are left over go to rows spread over the list.  Raises RenderError.
    """
    with closing(Browser.open(campaign.settings.journal.url, campaign.folder)) as browser:
        press = _Press.of(campaign, browser, on_note)
        first, every = _kinds_of(press, browser, count)
        chosen = dict(covering(first, count))
        found = frozenset().union(*first)
        shown = {branch for adds in chosen.values() for branch in adds}
        _fill(chosen, browser, count)
        rows = sorted(chosen)
        jobs = (browser.jobs(rows[at : at + _BATCH]) for at in range(0, len(rows), _BATCH))
        letters = [_shown(one) for one in press.letters(jobs)]
    return Sampling(
        letters=[one._replace(adds=_added(one, chosen[one.row])) for one in letters],
        shown=len(shown),
        left_out=[branch for branch in every if branch in found - shown],
        untaken=[branch for branch in every if branch not in found],
    )


def _kinds_of(
    press: _Press, browser: Browser, count: int
) -> tuple[dict[frozenset[str], int], list[str]]:
    """The first row that takes just these branches, for every set of them; and all branches."""
    first: dict[frozenset[str], int] = {}
    every: dict[str, bool] = {}
    found: set[str] = set()
    letters = press.letters(browser.planned_jobs(0, _BATCH), are_shown=False)
    for at, one in enumerate(letters, 1):
        first.setdefault(one.taken, one.message.row)
        every |= one.branches
        found |= one.taken
        if at % _BATCH == 0 and len(found) == len(every) == _covered(first, count):
            break
    return first, list(every)


def _covered(first: dict[frozenset[str], int], count: int) -> int:
    return sum(len(adds) for _, adds in covering(first, count))


def _added(one: Sampled, adds: list[str]) -> tuple[str, ...]:
    """In the order of the templates."""
    return tuple(branch for branch in one.taken if branch in adds)


def _fill(chosen: dict[int, list[str]], browser: Browser, count: int) -> None:
    last, missing = browser.last_row(), count - len(chosen)
    for at in range(missing):
        claims = browser.claim_planned(at * last // missing, count)
        row = next((claim.row for claim in claims if claim.row not in chosen), 0)
        if row:
            chosen[row] = []


def _job_of(browser: Browser, row: int | None, address: str | None) -> Job:
    """Also of somebody who was sent to already: what did Ada get?"""
    if address is not None:
        row = _row_of(browser, address)
    return standing_of(browser, row).job


def standing_of(browser: Browser, row: int | None) -> RecipientStanding:
    """The recipient of a row, or the first who is to get a letter.  UsageError without a letter."""
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
    return standing


def _row_of(reader: ClaimReader, address: str) -> int:
    try:
        key = parse_address(address).key
    except AddressError as error:
        raise UsageError(str(error), remedy="--to wants one address") from error
    row = reader.row_of(key)
    if row is None:
        raise UsageError(f"{address} is not in the plan", remedy="`campaign results` lists who is")
    return row


class _Press(NamedTuple):
    """What letters are made with."""

    spec: RenderSpec
    signing: SigningSpec | None
    on_note: Note

    @classmethod
    def of(cls, campaign: Campaign, reader: ClaimReader, on_note: Note) -> _Press:
        spec = render_spec(campaign, reader.plan_record(), reader.sources())
        return cls(spec, signing_spec(campaign), on_note)

    def letters(self, batches: Iterator[list[Job]], *, are_shown: bool = True) -> Iterator[Traced]:
        """Raises RenderError."""
        pool = TracedPool(self.spec, self.signing, self.on_note)
        with asyncio.Runner() as runner:
            runner.run(pool.__aenter__())
            try:
                for jobs in batches:
                    for one in runner.run(pool.trace(jobs, is_shown=are_shown)):
                        if one.message.problem:
                            raise RenderError(f"row {one.message.row}: {one.message.problem}")
                        yield one
            finally:
                runner.run(pool.close())


def _shown(one: Traced) -> Sampled:
    taken = tuple(branch for branch, is_taken in one.branches.items() if is_taken)
    return Sampled(one.message.row, one.message.wire, taken)
