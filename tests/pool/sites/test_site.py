"""What a site learns from replies, and how it forgets again."""

from __future__ import annotations

from typing import Any, cast

from tenacity import wait_fixed

from campaign.pool.lanes import Lanes
from campaign.pool.pacing.allowance import Allowance
from campaign.pool.pacing.governor import QUIET_S
from campaign.pool.servers.hosts import KnownHosts, NoMemory
from campaign.pool.sites.flight import Slot
from campaign.pool.sites.site import Site
from campaign.pool.terms import Patience, Terms
from campaign.records import Letter, Reply, Stage, Verdict
from campaign.smtp.endpoint import Endpoint
from campaign.smtp.protocol import Client
from fakes.clock import FakeClock
from fakes.mail.postman import letter

FULL = Reply(421, ("too many messages per connection",), "4.7.0")


class Book:
    """A ledger that remembers."""

    def __init__(self) -> None:
        self.settlings: list[tuple[int, Verdict, float | None]] = []

    def settled(
        self, letter: Letter, relay: str, verdict: Verdict, reply: Reply, *, wait_s: float | None
    ) -> None:
        self.settlings.append((letter.row, verdict, wait_s))


class Nowhere:
    """As much of a connection as a site looks at."""

    def __init__(self, letters: int) -> None:
        self.endpoint = Endpoint("relay", "127.0.0.1", 25, "none")
        self.session = Client()
        self.letters = letters
        self.is_finishing = False

    def finish(self) -> None:
        self.is_finishing = True


def wire(letters: int) -> Any:
    """It has begun so many envelopes."""
    return Nowhere(letters)


class Alone:
    """The siblings of an only site."""

    def may_take(self, site: Site) -> bool:
        return True

    def elsewhere_s(self, site: Site, now_s: float) -> float | None:
        return None


def terms(clock: FakeClock, book: Book) -> Terms:
    return Terms(
        cast(Any, book),
        cast(Any, None),
        clock,
        KnownHosts(NoMemory(), clock, lambda line: None),
        Patience(wait_fixed(1)),
        give_back=lambda letters: None,
        on_low=lambda: None,
        must_stop=lambda error: None,
        say=lambda line: None,
    )


def site_with(clock: FakeClock, book: Book, messages: int) -> Site:
    return Site(
        "relay",
        Lanes(lambda name: ((), 10)),
        cast(Any, None),
        Allowance("relay", 10, ()),
        terms(clock, book),
        messages_per_connection=messages,
        siblings=Alone(),
        on_failure=lambda site, error: None,
    )


def answer(site: Site, over: Any, row: int, stage: Stage, reply: Reply) -> None:
    taken = letter(row)
    site.connections[over] = slot = Slot(site._hosts.of(over.endpoint))
    slot.host.connections[over] = None
    site._lanes.put([taken])
    site.next_letter(over)
    site.answered(over, taken, stage, reply)


def test_a_learned_number_of_messages_is_felt_for_again_after_a_quiet_while() -> None:
    clock, book = FakeClock(), Book()
    site = site_with(clock, book, 100)
    over = wire(letters=3)
    answer(site, over, 1, Stage.MAIL, FULL)
    assert over.is_finishing
    assert not book.settlings  # the letter waits for another connection, in memory
    assert site._lanes.ready == 1
    assert site.endings.messages.most == 2
    site.recover(clock.tick_s() + QUIET_S - 1)
    assert site.endings.messages.most == 2
    site.recover(clock.tick_s() + QUIET_S)
    site.recover(clock.tick_s() + QUIET_S + 1)
    assert site.endings.messages.most == 3


def test_what_was_configured_is_never_passed() -> None:
    clock = FakeClock()
    site = site_with(clock, Book(), 3)
    answer(site, wire(letters=3), 1, Stage.MAIL, FULL)
    for times in range(1, 9):
        site.recover(clock.tick_s() + times * QUIET_S)
    assert site.endings.messages.most == 3


def test_a_relay_that_cannot_be_reached_has_no_places_for_a_provider_to_fill() -> None:
    site = site_with(FakeClock(), Book(), 100)
    assert site.places == 10
    site._openings.trouble = "waiting for relay: connection refused"
    assert site.places == 0
    site.connections[wire(letters=0)] = cast(Any, None)
    assert site.places == 10
