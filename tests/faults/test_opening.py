"""Faults before the first letter: connecting, greeting, EHLO, STARTTLS, AUTH."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fakes.certificates import Authority
from fakes.mail.scripted_smtp import SILENCE, Act, ScriptedServer, drop, on, say
from fakes.ports import own_port
from fakes.prepared.sending import Ending, Mailing, Skipping, hasty, relay

Through = Callable[..., tuple[Ending, ScriptedServer]]

HURRY = replace(hasty(greeting=0.5, hello=0.5, starttls=0.5, auth=0.5, connect=0.5), first_tries=20)
ACTS = {
    "4xx": say("450 4.3.0 not now", end="drop"),
    "5xx": say("554 5.3.0 no", end="drop"),
    "421": drop("421 4.3.2 shutting down"),
    "silence": SILENCE,
    "lost": drop(),
    "reset": Act(b"", end="reset"),
}


@pytest.fixture
def secured(authority: Authority) -> dict[str, Any]:
    """Fields of `through` for a relay with a good certificate."""
    return {
        "script": {"certificate": authority.issue("127.0.0.1")},
        "relay": {"security": "starttls", "more": f'ca_file = "{authority.ca_file}"'},
    }


@pytest.fixture
def logging_in(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Fields of `through` for a relay that wants a login."""
    monkeypatch.setenv("SMTP_PASSWORD", "secret")
    return {
        "script": {"mechanisms": ("PLAIN",), "users": {"ada": "secret"}},
        "relay": {
            "connections": 10,
            "more": 'username = "ada"\npassword = { env = "SMTP_PASSWORD" }',
        },
    }


@pytest.mark.parametrize("how", ACTS)
def test_a_bad_greeting_is_followed_by_another_attempt(through: Through, how: str) -> None:
    """Fault 8, 9: the first greeting is a 4xx, 5xx, 421, silence, or the connection is lost.
    By: scripted server, first connection only.
    Then: connected again; everybody is sent, no attempt is used up, nobody is in doubt.
    """
    ending, server = through(on("CONNECT", ACTS[how], times=1), patience=HURRY)
    assert ending.all_but() == {"sent"}
    assert {ending.copies(address) for address in ending.states} == {1}
    assert len(server.sessions) >= 2
    assert ending.exit_code == 0


@pytest.mark.parametrize("how", ACTS)
def test_a_bad_reply_to_ehlo_is_followed_by_another_attempt(through: Through, how: str) -> None:
    """Fault 8: EHLO meets a 4xx, 5xx, 421, silence, or the connection is lost.
    By: scripted server, first connection only.
    Then: connected again; everybody is sent, nobody is in doubt.
    """
    ending, _ = through(on("EHLO", ACTS[how], times=1), patience=HURRY)
    assert ending.all_but() == {"sent"}
    assert {ending.copies(address) for address in ending.states} == {1}


@pytest.mark.parametrize("how", ACTS)
def test_a_bad_reply_to_starttls_never_leads_to_clear_text(
    through: Through, secured: dict[str, Any], how: str
) -> None:
    """Fault 23: STARTTLS meets a 454, 5xx, 421, silence, or the connection is lost.
    By: scripted server with a certificate, first connection only.
    Then: connected again; everybody is sent over TLS, nothing in clear text.
    """
    act = say("454 4.7.0 TLS not available", end="drop") if how == "4xx" else ACTS[how]
    ending, server = through(on("STARTTLS", act, times=1), patience=HURRY, **secured)
    assert ending.all_but() == {"sent"}
    assert all(session.tls_version for session in server.sessions if session.letters)


@pytest.mark.parametrize("how", ["silence", "lost", "reset"])
def test_a_login_that_is_not_answered_is_tried_again(
    through: Through, logging_in: dict[str, Any], how: str
) -> None:
    """Fault 8: AUTH meets silence, or the connection is lost.
    By: scripted server, first connection only.
    Then: that is no refusal: connected again, everybody is sent.
    """
    ending, _ = through(on("AUTH", ACTS[how], times=1), patience=HURRY, **logging_in)
    assert ending.all_but() == {"sent"}


@pytest.mark.parametrize(
    "reply", ["535 5.7.8 wrong", "534 5.7.9 needs an application password", "550 5.7.1 no"]
)
def test_a_refused_login_stops_the_run_after_one_try(
    through: Through, logging_in: dict[str, Any], reply: str
) -> None:
    """Fault 21: AUTH is refused for good: 535, 534, 5xx.
    By: scripted server; ten connections are allowed.
    Then: exit 77 after exactly one attempt; everybody stays planned.
    """
    ending, server = through(on("AUTH", say(reply)), **logging_in)
    assert ending.exit_code == 77
    assert reply[:3] in ending.sentence
    assert ending.all_but() == {"planned"}
    assert [line for line in server.commands if line.startswith("AUTH")] == [server.commands[1]]


@pytest.mark.parametrize("reply", ["454 4.7.0 temporary failure", "421 4.7.0 try again later"])
def test_a_login_put_off_is_tried_again_after_five_minutes(
    through: Through, logging_in: dict[str, Any], reply: str
) -> None:
    """Fault 21: AUTH is put off: 454, 421.
    By: scripted server, first connection only; time skips ahead.
    Then: five minutes of rest, one more try; everybody is sent.
    """
    skipping = Skipping(60.0)
    start_s = skipping.tick_s()
    act = on("AUTH", drop(reply), times=1, test=skipping.begins)
    ending, server = through(act, **logging_in, **skipping.fields)
    assert skipping.tick_s() - start_s > 300
    assert ending.all_but() == {"sent"}
    assert len([line for line in server.commands if line.startswith("AUTH")]) >= 2


def test_a_login_put_off_for_hours_does_not_end_the_run(
    through: Through, logging_in: dict[str, Any]
) -> None:
    """Fault 21: AUTH meets 454 seven times, "too many login attempts" the last time.
    By: scripted server; ten connections are allowed, time skips ahead.
    Then: five minutes of rest and one attempt each time, an hour after the last; everybody is sent,
    no attempt is used up.
    """
    at_s: list[float] = []
    skipping = Skipping(120.0)

    def noted(_line: str) -> bool:
        at_s.append(skipping.tick_s())
        return skipping.begins()

    later = drop("454 4.7.0 temporary authentication failure")
    many = drop("454 4.7.0 too many login attempts, please try again later")
    ending, server = through(
        on("AUTH", later, times=6, test=noted),
        on("AUTH", many, times=1, test=noted),
        on("AUTH", Act(), test=noted),
        **logging_in,
        **skipping.fields,
    )
    assert ending.all_but() == {"sent"}
    assert {step.attempts for steps in ending.steps.values() for step in steps} <= {0, 1}
    waits_s = [after - before for before, after in pairwise(at_s[:8])]
    assert min(waits_s) >= 300
    assert waits_s[-1] >= 3600
    assert len(server.sessions) <= 8 + 10


def test_a_login_put_off_beside_a_good_connection_costs_only_connections(
    through: Through, logging_in: dict[str, Any]
) -> None:
    """Fault 21: AUTH meets 454 on every connection but the first.
    By: scripted server; ten connections are allowed.
    Then: goes on with the one, without a rest and without hammering; everybody is sent.
    """
    ending, server = through(
        on("AUTH", Act(), times=1),
        on("AUTH", drop("454 4.7.0 temporary authentication failure")),
        on("DOT", Act(delay_s=0.01)),
        people=30,
        **logging_in,
    )
    assert ending.all_but() == {"sent"}
    assert len(server.accepted) == 30
    assert not any("cools down" in wait for wait in ending.heard.waits)
    assert len(server.sessions) <= 11


@pytest.mark.parametrize(
    ("stage", "act"),
    [
        ("CONNECT", drop("554 5.7.1 we do not want you")),
        ("CONNECT", drop()),
        ("EHLO", drop("421 4.3.2 closed")),
    ],
    ids=["554 greeting", "no greeting", "421 to EHLO"],
)
def test_a_relay_that_never_lets_us_in_is_out_of_reach(
    through: Through, stage: str, act: Act
) -> None:
    """Fault 9, 26: the only relay refuses every connection.
    By: scripted server.
    Then: exit 69 with the server's words; everybody stays planned, nobody is failed.
    """
    ending, server = through(on(stage, act))
    assert ending.exit_code == 69
    assert "127.0.0.1" in ending.sentence
    assert ending.all_but() == {"planned"}
    assert len(server.sessions) == 3


def test_a_port_where_nobody_listens_is_out_of_reach(tmp_path: Path) -> None:
    """Fault 26: connection refused.
    By: a closed port.
    Then: exit 69 with the reason; everybody stays planned.
    """
    ending = Mailing(tmp_path, relay(own_port())).send()
    assert ending.exit_code == 69
    assert "cannot connect" in ending.sentence
    assert ending.all_but() == {"planned"}


def test_a_host_that_swallows_packets_is_out_of_reach(tmp_path: Path) -> None:
    """Fault 26: connecting times out.
    By: a listening port whose queue is full.
    Then: exit 69 with the time waited; everybody stays planned.
    """
    with ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        mailing = Mailing(tmp_path, relay(hole.getsockname()[1]), patience=hasty(connect=0.2))
        ending = mailing.send()
    assert ending.exit_code == 69
    assert "does not answer within 0.2 s" in ending.sentence
    assert ending.all_but() == {"planned"}


def test_starttls_that_is_not_offered_stops_the_run(through: Through) -> None:
    """Fault 22: STARTTLS is required and not offered.
    By: scripted server without a certificate.
    Then: exit 69 with the remedy; not one MAIL, everybody stays planned.
    """
    ending, server = through(relay={"security": "starttls"})
    assert ending.exit_code == 69
    assert "does not offer STARTTLS" in ending.sentence
    assert ending.all_but() == {"planned"}
    assert not [line for line in server.commands if line.startswith("MAIL")]


@pytest.mark.parametrize(
    ("names", "days", "words"),
    [(("127.0.0.1",), -1, "has expired"), (("other.test",), 30, "is for another host")],
    ids=["expired", "another host"],
)
def test_a_certificate_that_does_not_hold_stops_the_run(
    through: Through, authority: Authority, names: tuple[str], days: int, words: str
) -> None:
    """Fault 23: the certificate has expired, or is for another host.
    By: scripted server.
    Then: exit 69 with what is wrong; nothing is sent, everybody stays planned.
    """
    pair = authority.issue(*names, days=days, file=words.replace(" ", "-"))
    ending, server = through(
        script={"certificate": pair},
        relay={"security": "starttls", "more": f'ca_file = "{authority.ca_file}"'},
    )
    assert ending.exit_code == 69
    assert words in ending.sentence
    assert ending.all_but() == {"planned"}
    assert not server.letters


def test_clear_text_injected_before_the_handshake_aborts_the_connection(
    through: Through, secured: dict[str, Any]
) -> None:
    """Fault 24: a reply in clear text rides behind `220 go ahead`.
    By: scripted server.
    Then: connection cut, exit 69; nothing is sent, everybody stays planned.
    """
    act = say("220 go ahead", extra=b"250 injected\r\n")
    ending, server = through(on("STARTTLS", act), **secured)
    assert ending.exit_code == 69
    assert "tampering" in ending.sentence
    assert ending.all_but() == {"planned"}
    assert not server.letters


def test_tls_that_ends_without_close_notify_is_no_trouble(
    through: Through, secured: dict[str, Any]
) -> None:
    """Fault 25: the server closes without close_notify at QUIT.
    By: scripted server.
    Then: ignored; everybody is sent once.
    """
    ending, server = through(on("QUIT", drop()), **secured)
    assert ending.exit_code == 0
    assert ending.all_but() == {"sent"}
    assert len(server.accepted) == 6
