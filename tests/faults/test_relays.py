"""Several relays: who carries what, and what happens when one is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.mail.scripted_smtp import Act, ScriptedServer, drop, on
from fakes.prepared.sending import QUICK, Mailing, Skipping, relay

Serve = Callable[..., ScriptedServer]


def test_weights_share_the_letters(serve: Serve, tmp_path: Path) -> None:
    """Fault 29: two relays, weights 3 and 1.
    By: two servers that take everything.
    Then: three quarters go through the first; everybody is sent once.
    """
    slow = on("DOT", Act(delay_s=0.005))
    first, second = serve(slow), serve(slow)
    way = relay(first, connections=2, more="weight = 3") + relay(second, connections=2)
    ending = Mailing(tmp_path, way, people=200).send()
    assert ending.all_but() == {"sent"}
    assert len(first.accepted) + len(second.accepted) == 200
    assert 110 <= len(first.accepted) <= 180


@pytest.mark.parametrize("stage", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_relay_that_dies_leaves_its_letters_to_the_other(
    serve: Serve, tmp_path: Path, stage: str
) -> None:
    """Fault 9, 29: one of two relays loses every connection, at the greeting up to DATA.
    By: scripted server beside one that takes everything.
    Then: everybody is sent through the other, once; nobody is in doubt.
    """
    bad, good = serve(on(stage, drop())), serve()
    ending = Mailing(tmp_path, relay(bad) + relay(good), people=30).send()
    assert ending.all_but() == {"sent"}
    arrived = [letter.recipient for letter in good.accepted]
    assert sorted(arrived) == sorted(ending.states)
    assert not bad.letters
    assert not {s.class_ for steps in ending.steps.values() for s in steps} & {"in-doubt"}


def test_a_letter_never_changes_relays_after_its_dot(serve: Serve, tmp_path: Path) -> None:
    """Fault 1: one of two relays is lost after every dot.
    By: scripted server beside one that takes everything; policy hold.
    Then: what it had is held, never given to the other; nobody gets two copies.
    """
    bad, good = serve(on("DOT", drop())), serve()
    way = relay(bad) + relay(good)
    ending = Mailing(tmp_path, way, people=30, in_doubt="hold").send()
    held = {a for a, state in ending.states.items() if state == "held"}
    assert held == {letter.recipient for letter in bad.letters}
    assert ending.all_but(*held) == {"sent"}
    arrived = [letter.recipient for letter in good.accepted]
    assert len(arrived) == len(set(arrived))
    assert not held & set(arrived)


def test_when_every_relay_is_out_of_reach_the_run_says_so(serve: Serve, tmp_path: Path) -> None:
    """Fault 29: both relays refuse every connection.
    By: two scripted servers.
    Then: exit 69; everybody stays planned.
    """
    refuse = on("CONNECT", drop("554 5.3.2 closed"))
    way = relay(serve(refuse)) + relay(serve(refuse))
    ending = Mailing(tmp_path, way).send()
    assert ending.exit_code == 69
    assert "554 5.3.2 closed" in ending.sentence
    assert ending.all_but() == {"planned"}
    assert any("is out" in line for line in ending.heard.lines)


def test_a_relay_out_of_reach_comes_back(serve: Serve, tmp_path: Path) -> None:
    """Fault 26, 29: one of two relays refuses its first seven connections.
    By: scripted server beside a paced one; time skips ahead.
    Then: out after five attempts, tried again with one connection after one minute and after two
    more, then it is back; each time one sentence; everybody is sent once.
    """
    skipping = Skipping(10.0)
    refuse = on("CONNECT", drop("554 5.3.2 closed"), times=7, test=skipping.begins)
    lame, good = serve(refuse), serve()
    way = relay(lame, connections=3) + relay(good, more='rates = ["1/s"]')
    ending = Mailing(tmp_path, way, people=60, **skipping.fields).send()
    assert ending.all_but() == {"sent"}
    arrived = [letter.recipient for letter in (*lame.accepted, *good.accepted)]
    assert sorted(arrived) == sorted(ending.states)
    assert lame.accepted
    said = [line for line in ending.heard.lines if f":{lame.port} is" in line]
    assert [line.split(";")[-1].strip() for line in said] == [
        "tried again in 1m",
        "tried again in 2m",
        "tried again in 4m",
        f"127.0.0.1:{lame.port} is back",
    ]


def test_a_relay_that_cannot_be_used_as_configured_stays_out(serve: Serve, tmp_path: Path) -> None:
    """Fault 22, 29: one of two relays does not offer the STARTTLS that is required.
    By: scripted server beside a paced one; time skips ahead.
    Then: out for the whole run, never tried again; everybody is sent through the other.
    """
    skipping = Skipping(10.0)
    lame = serve(on("EHLO", Act(), test=skipping.begins))
    good = serve()
    way = relay(lame, security="starttls") + relay(good, more='rates = ["1/s"]')
    ending = Mailing(tmp_path, way, people=20, **skipping.fields).send()
    assert ending.all_but() == {"sent"}
    assert len(good.accepted) == 20
    assert len(lame.sessions) == 1
    assert not any("tried again" in line for line in ending.heard.lines)


def test_a_relay_that_comes_back_with_a_refusal_stays_out(serve: Serve, tmp_path: Path) -> None:
    """Fault 26, 29: one of two relays is out of reach, then back without the STARTTLS required.
    By: scripted server beside a paced one; time skips ahead.
    Then: tried again once, then out for good; everybody is sent through the other.
    """
    skipping = Skipping(10.0)
    refuse = on("CONNECT", drop("554 5.3.2 closed"), times=5, test=skipping.begins)
    lame, good = serve(refuse), serve()
    way = relay(lame, security="starttls") + relay(good, more='rates = ["1/s"]')
    ending = Mailing(tmp_path, way, people=20, **skipping.fields).send()
    assert ending.all_but() == {"sent"}
    assert len(good.accepted) == 20
    assert len(lame.sessions) == 6
    assert len([line for line in ending.heard.lines if f":{lame.port} is out" in line]) == 2


def test_a_letter_that_one_relay_gives_back_goes_by_the_other(serve: Serve, tmp_path: Path) -> None:
    """Fault 12: the connection is lost at RCPT and its relay is not to be had again.
    By: two relays; the other one is idle and has no letter to wait for.
    Then: the letter goes by the other relay at once; everybody is sent.
    """
    lost: list[str] = []

    def first(name: str) -> Callable[[str], bool]:
        def is_hit(command: str) -> bool:
            if "r6@" in command and not lost:
                lost.append(name)
                return True
            return False

        return is_hit

    def is_down(name: str) -> Callable[[str], bool]:
        return lambda command: name in lost

    one, two = (
        serve(on("RCPT", drop(), test=first(name)), on("CONNECT", drop(), test=is_down(name)))
        for name in ("one", "two")
    )
    ending = Mailing(
        tmp_path, relay(one) + relay(two), patience=replace(QUICK, outage_s=6.0)
    ).send()
    assert ending.all_but() == {"sent"}
    assert max(len(one.sessions), len(two.sessions)) < 60
