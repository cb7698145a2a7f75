"""Servers nobody here wrote, each strict in its own way.

`make foreign` sends to 300 recipients, `make test` to 60.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from fakes.foreign import SERVERS, can_run
from fakes.foreign.exim import exim
from fakes.prepared.sending import Mailing, hasty, relay

PEOPLE = int(os.environ.get("FOREIGN_PEOPLE", "60"))


def only_if(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not can_run(name), reason=f"{name} of its own needs root, and {name}")


@pytest.mark.parametrize(
    ("name", "held"),
    [
        pytest.param("dovecot", 1, marks=only_if("dovecot")),
        pytest.param("chasquid", 0, marks=only_if("chasquid")),
        pytest.param("courier", 0, marks=only_if("courier")),
        pytest.param("haraka", 0, marks=only_if("haraka")),
    ],
)
def test_a_real_server_that_cannot_bear_it_delivers_every_letter_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, held: int
) -> None:
    """Fault 1, 13: an envelope in the same packet as a dot crashes, is thrown away, is refused.
    By: Dovecot's submission service, chasquid, Courier, Haraka; ten connections, policy hold.
    Then: every letter arrives once; at Dovecot one is in doubt and held, at the others none; one
    sentence says that each envelope waits from then on.
    """
    monkeypatch.setenv("SMTP_PASSWORD", "any")
    login = 'username = "ada"\npassword = { env = "SMTP_PASSWORD" }' if name == "dovecot" else ""
    start, _ = SERVERS[name]
    with start() as server:
        way = relay(server.port, connections=10, more=login)
        patience = hasty(behind_dot=1.0, mail=60.0, rcpt=60.0, data=60.0, dot=60.0)
        ending = Mailing(tmp_path, way, PEOPLE, in_doubt="hold", patience=patience).send()
        found = server.delivered_at_last(PEOPLE)
    assert found == {f"Letter {number}": 1 for number in range(1, PEOPLE + 1)}
    states = Counter(ending.states.values())
    assert (states["held"], states["sent"]) == (held, PEOPLE - held)
    assert len([line for line in ending.heard.lines if "offers PIPELINING but" in line]) == 1


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=only_if(each)) for each in ("sendmail", "opensmtpd")],
)
def test_a_real_server_that_bears_every_step_delivers_every_letter_once(
    tmp_path: Path, name: str
) -> None:
    """Fault 1, 13: what is right for one server must not cost another anything.
    By: Sendmail, OpenSMTPD; ten connections, policy hold.
    Then: every letter arrives once at the first attempt; nobody is held; no step is taken back.
    """
    start, _ = SERVERS[name]
    with start() as server:
        way = relay(server.port, connections=10)
        ending = Mailing(tmp_path, way, PEOPLE, in_doubt="hold").send()
        found = server.delivered_at_last(PEOPLE)
    assert found == {f"Letter {number}": 1 for number in range(1, PEOPLE + 1)}
    assert set(ending.states.values()) == {"sent"}
    assert {result.attempts for result in ending.results.values()} == {1}
    assert not [line for line in ending.heard.lines if "offers PIPELINING but" in line]


@only_if("exim")
def test_a_real_exim_gets_every_letter_once_whatever_it_thinks_of_resets(tmp_path: Path) -> None:
    """Fault 4, 28: Exim ends a connection after ten RSETs without a message.
    By: Exim 4; two thirds of the list are unknown users, and come first; four connections.
    Then: the unknown fail, the others are sent once; no attempt is used up for it, nothing rests;
    envelopes ride behind the dots.
    """
    dead = [f"dead{number}@example.com" for number in range(2 * PEOPLE // 3)]
    good = [f"r{number}@example.com" for number in range(len(dead) + 1, PEOPLE + 1)]
    with exim() as server:
        ending = Mailing(tmp_path, relay(server.port, connections=4), dead + good).send()
        found = server.delivered_at_last(len(good))
    assert found == {f"Letter {number}": 1 for number in range(len(dead) + 1, PEOPLE + 1)}
    assert {ending.states[address] for address in dead} == {"failed"}
    assert {ending.states[address] for address in good} == {"sent"}
    assert {result.attempts for result in ending.results.values()} == {1}
    assert not any("cools down" in wait for wait in ending.heard.waits)
    assert not [line for line in ending.heard.lines if "offers PIPELINING but" in line]
