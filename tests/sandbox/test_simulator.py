"""What each mailbox of the sandbox answers."""

from __future__ import annotations

import pytest

from campaign.sandbox.simulator import MAILBOXES, AtDot, Simulator, mailbox_of
from fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def simulator(clock: FakeClock) -> Simulator:
    return Simulator(clock, greylist_s=2.0, slow_s=1.5, throttles=2)


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("bounce@sandbox.example", "bounce"),
        ("Bounce+17@sandbox.example", "bounce"),
        ("ada.bounce@sandbox.example", "ada.bounce"),
        ("王@例子.example", "王"),
    ],
)
def test_the_local_part_before_any_tag_names_the_mailbox(address: str, mailbox: str) -> None:
    assert mailbox_of(address) == mailbox


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("bounce+1@x.example", "550 5.1.1 "),
        ("full@x.example", "552 5.2.2 "),
        ("policy@x.example", "550 5.7.1 "),
        ("ada@x.example", ""),
        ("spam@x.example", ""),
    ],
)
def test_a_recipient_is_refused_by_its_mailbox(
    simulator: Simulator, address: str, code: str
) -> None:
    reply = simulator.at_rcpt(address)
    assert reply[:10] == code
    assert not code or address in reply


def test_a_greylisted_address_is_taken_when_it_comes_again_later(
    simulator: Simulator, clock: FakeClock
) -> None:
    assert simulator.at_rcpt("greylist+1@x").startswith("450 4.7.1")
    clock.sleep(1.9)
    assert simulator.at_rcpt("greylist+1@x").startswith("450 4.7.1")
    clock.sleep(0.1)
    assert simulator.at_rcpt("greylist+1@x") == ""
    assert simulator.at_rcpt("greylist+1@x") == ""
    assert simulator.at_rcpt("greylist+2@x").startswith("450 4.7.1")


def test_a_throttled_address_is_taken_after_its_tries(simulator: Simulator) -> None:
    replies = [simulator.at_rcpt("throttle@x")[:9] for _ in range(4)]
    assert replies == ["421 4.7.0", "421 4.7.0", "", ""]
    assert simulator.at_rcpt("throttle+2@x").startswith("421")


def test_what_happens_at_the_dot_is_the_mailboxes_too(simulator: Simulator) -> None:
    assert simulator.at_dot(["ada@x"]) == AtDot()
    assert simulator.at_dot(["ada@x", "slow@x"]) == AtDot(delay_s=1.5)
    assert simulator.at_dot(["drop+1@x"]) == AtDot(hangs_up=True)
    assert simulator.at_dot(["spam@x"]).refusal.startswith("554 5.7.1")


def test_every_mailbox_that_people_are_told_of_plays_its_part(simulator: Simulator) -> None:
    for name, what in MAILBOXES[:-1]:
        address = f"{name}x.example"
        plays = simulator.at_rcpt(address) or simulator.at_dot([address]) != AtDot()
        assert plays, what
