"""Connections that the system does not give, and connections lost while nothing is under way."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakes.mail.scripted_smtp import SILENCE, Act, ScriptedServer, on
from fakes.prepared.sending import Ending, Mailing, Skipping, hasty, relay

Through = Callable[..., tuple[Ending, ScriptedServer]]
Serve = Callable[..., ScriptedServer]

QUIET = {"more": 'rates = ["10/s"]'}  # between two letters the connection idles
IDLE_TOO_LONG = b"421 4.4.2 idle too long, closing\r\n"


class Unwilling(asyncio.SelectorEventLoop):
    """Connects as the system lets it; those attempts fail that are named."""

    def __init__(self, code: int, fails: Callable[[int], bool]) -> None:
        super().__init__()
        self.attempts = 0
        self._code = code
        self._fails = fails

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        self.attempts += 1
        if self._fails(self.attempts):
            raise OSError(self._code, f"Connect call failed {address}")
        await super().sock_connect(sock, address)


def attempts_used(ending: Ending) -> set[int]:
    return {step.attempts for steps in ending.steps.values() for step in steps[:-1]}


@pytest.mark.parametrize(
    "code", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EADDRNOTAVAIL]
)
def test_a_connection_the_system_refuses_is_tried_again(through: Through, code: int) -> None:
    """Fault 26: EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL, twice.
    By: an event loop whose first two attempts to connect fail.
    Then: connected again; everybody is sent, no attempt is used up.
    """
    ending, server = through(loop_factory=lambda: Unwilling(code, lambda number: number <= 2))
    assert ending.all_but() == {"sent"}
    assert attempts_used(ending) == {0}
    assert len(server.accepted) == 6


@pytest.mark.parametrize("code", [errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EMFILE])
def test_a_connection_the_system_never_gives_is_told_in_plain_words(
    through: Through, code: int
) -> None:
    """Fault 26: EHOSTUNREACH, EADDRNOTAVAIL or EMFILE at every attempt.
    By: an event loop that never connects.
    Then: exit 69 with the system's words for it; everybody stays planned.
    """
    ending, server = through(loop_factory=lambda: Unwilling(code, lambda number: True))
    assert ending.exit_code == 69
    assert os.strerror(code) in ending.sentence
    assert "Connect call failed" not in ending.sentence
    assert ending.all_but() == {"planned"}
    assert not server.sessions


@pytest.mark.parametrize("code", [errno.EADDRNOTAVAIL, errno.EMFILE])
def test_what_this_machine_runs_out_of_shrinks_the_pool(through: Through, code: int) -> None:
    """Fault 26: EADDRNOTAVAIL (no port left) or EMFILE (no file) from the third connection on.
    By: an event loop that connects twice; ten connections are allowed by the config.
    Then: goes on with two, does not try on and on; everybody is sent, no attempt is used up.
    """
    loops: list[Unwilling] = []

    def make_loop() -> Unwilling:
        loops.append(Unwilling(code, lambda number: number > 2))
        return loops[-1]

    ending, server = through(
        on("DOT", Act(delay_s=0.01)),
        people=60,
        relay={"connections": 10},
        loop_factory=make_loop,
    )
    assert ending.all_but() == {"sent"}
    assert attempts_used(ending) == {0}
    assert len(server.sessions) == 2
    assert loops[0].attempts <= 2 + 10


def test_a_host_that_cannot_be_reached_beside_good_connections_rests_nothing(
    through: Through,
) -> None:
    """Fault 26: EHOSTUNREACH for a while, after two connections were made.
    By: an event loop whose third to fifth attempt fail; four connections are allowed.
    Then: the two go on meanwhile; everybody is sent, no attempt is used up.
    """
    ending, server = through(
        on("DOT", Act(delay_s=0.01)),
        people=40,
        relay={"connections": 4},
        loop_factory=lambda: Unwilling(errno.EHOSTUNREACH, lambda number: 2 < number <= 5),
    )
    assert ending.all_but() == {"sent"}
    assert attempts_used(ending) == {0}
    assert not any("cools down" in wait for wait in ending.heard.waits)
    assert len(server.accepted) == 40


@pytest.mark.parametrize(
    "act",
    [Act(end="drop"), Act(end="reset"), Act(extra=IDLE_TOO_LONG, end="drop")],
    ids=["closed", "reset", "421"],
)
def test_an_idle_connection_the_server_ends_costs_nothing(through: Through, act: Act) -> None:
    """Fault 28: an idle connection is closed or reset by the server, or ended with 421 4.4.2.
    By: scripted server after its second letter; a rate that leaves the connection idle.
    Then: a new connection without a word; everybody is sent once, no attempt is used up, nobody is
    in doubt, nothing rests.
    """
    ending, server = through(on("DOT", act, nth=2, times=1), relay=QUIET)
    assert ending.all_but() == {"sent"}
    assert {tuple(ending.passed(address)) for address in ending.states} == {("sending", "sent")}
    assert len(server.accepted) == 6
    assert len(server.sessions) == 2
    assert not any("cools down" in wait for wait in ending.heard.waits)


def test_an_idle_connection_forgotten_on_the_way_costs_a_deadline(through: Through) -> None:
    """Fault 28: an idle connection is dead without a word (NAT): what is written goes nowhere.
    By: scripted server that reads and says no more after its second letter; short timeouts.
    Then: the connection is given up at the deadline of MAIL; everybody is sent once over a new one,
    no attempt is used up, nobody is in doubt.
    """
    ending, server = through(
        on("MAIL", SILENCE, nth=3, times=1), relay=QUIET, patience=hasty(mail=0.3)
    )
    assert ending.all_but() == {"sent"}
    assert attempts_used(ending) == {0}
    assert {step.resends for steps in ending.steps.values() for step in steps} == {0}
    assert len(server.accepted) == 6
    assert len(server.sessions) == 2


def test_a_connection_idle_for_long_says_goodbye_first(serve: Serve, tmp_path: Path) -> None:
    """Fault 28: nothing to send for longer than middleboxes remember a connection.
    By: scripted server, a letter a minute; time skips ahead.
    Then: QUIT, and a new connection for each letter; everybody is sent once.
    """
    skipping = Skipping(55.0)  # an idle connection is kept for 50 s
    server = serve(on("MAIL", Act(), test=skipping.begins))
    way = relay(server, more='rates = ["1/min"]')
    ending = Mailing(tmp_path, way, people=3, **skipping.fields).send()
    assert ending.all_but() == {"sent"}
    assert len(server.accepted) == 3
    assert len(server.sessions) == 3
    assert [session.commands[-1] for session in server.sessions] == ["QUIT"] * 3
