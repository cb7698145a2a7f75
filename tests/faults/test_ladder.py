"""Servers that offer PIPELINING and cannot bear an envelope in the same write as a dot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.mail.scripted_smtp import Act, ScriptedServer, on, say
from fakes.prepared.sending import Ending, Mailing, hasty, relay

Serve = Callable[..., ScriptedServer]

BEHIND = b"\r\n.\r\nMAIL"
ALL = 60
CONNECTIONS = 10


def sentences(ending: Ending) -> list[str]:
    return [line for line in ending.heard.lines if "offers PIPELINING but" in line]


def attempts(ending: Ending) -> set[int]:
    return {
        step.attempts
        for steps in ending.steps.values()
        for step in steps
        if step.class_ not in ("accepted", "in-doubt")
    }


def rides(server: ScriptedServer) -> int:
    """How often an envelope came in the same read as a dot."""
    return sum(BEHIND in chunk for session in server.sessions for chunk in session.chunks)


def copies(server: ScriptedServer) -> Counter[str]:
    return Counter(letter.recipient for letter in server.accepted)


def test_a_server_that_dies_of_an_envelope_behind_a_dot_puts_one_letter_in_doubt(
    serve: Serve, tmp_path: Path
) -> None:
    """Fault 1, 13: MAIL in the same packet as a dot kills the session, after the letter was taken.
    By: scripted server, as Dovecot's submission service does; ten connections, policy hold.
    Then: one letter finds that out and is held; every other envelope waits for the reply to the
    dot, one sentence says so; the others are sent once, no attempt is used up.
    """
    server = serve(on("BEHIND", Act(b"", end="die")))
    way = relay(server, connections=CONNECTIONS)
    ending = Mailing(tmp_path, way, people=ALL, in_doubt="hold").send()
    states = Counter(ending.states.values())
    assert states == {"held": 1, "sent": ALL - 1}
    assert copies(server) == dict.fromkeys(ending.states, 1)
    assert attempts(ending) == {0}
    assert len(sentences(ending)) == 1
    assert rides(server) == 1


def test_a_server_that_throws_away_what_comes_behind_a_dot_is_waited_for_once(
    serve: Serve, tmp_path: Path
) -> None:
    """Fault 13: an envelope in the same packet as a dot is thrown away; the dot is answered.
    By: scripted server, as Courier and chasquid do; ten connections, short timeouts.
    Then: one connection is given up after a while; every other envelope waits for the reply to the
    dot, one sentence says so; everybody is sent once, no attempt is used up, nobody is in doubt.
    """
    server = serve(swallows=True)
    way = relay(server, connections=CONNECTIONS)
    ending = Mailing(tmp_path, way, people=ALL, patience=hasty(behind_dot=0.3)).send()
    assert set(ending.states.values()) == {"sent"}
    assert copies(server) == dict.fromkeys(ending.states, 1)
    assert attempts(ending) <= {0}
    assert {ending.copies(address) for address in ending.states} == {1}
    (said,) = sentences(ending)
    assert "no reply to MAIL within 0.3 s" in said
    assert rides(server) == 1


@pytest.mark.parametrize(
    "reply",
    [
        "503 Bad sequence of commands - pipelined after end of DATA",
        "554 SMTP synchronization error",
    ],
)
def test_a_server_that_refuses_an_envelope_behind_a_dot_still_gets_it_in_one_write(
    serve: Serve, tmp_path: Path, reply: str
) -> None:
    """Fault 13: the commands in the same packet as a dot meet 503, or 554.
    By: scripted server, as Haraka and Exim do; ten connections.
    Then: MAIL, RCPT and DATA still go in one write, after the reply to the dot; one sentence says
    so; everybody is sent once, no attempt is used up.
    """
    server = serve(on("BEHIND", say(reply)))
    way = relay(server, connections=CONNECTIONS)
    ending = Mailing(tmp_path, way, people=ALL).send()
    assert set(ending.states.values()) == {"sent"}
    assert copies(server) == dict.fromkeys(ending.states, 1)
    assert attempts(ending) <= {0}
    assert len(sentences(ending)) == 1
    assert rides(server) == 1
    chunks = [chunk for session in server.sessions for chunk in session.chunks]
    together = [chunk for chunk in chunks if chunk.startswith(b"MAIL") and b"\r\nDATA" in chunk]
    assert len(together) > ALL / 2


def test_what_a_run_learns_of_a_server_the_next_one_knows(serve: Serve, tmp_path: Path) -> None:
    """Fault 1, 13: two runs against a server that dies of an envelope behind a dot.
    By: scripted server; ten connections, policy hold.
    Then: the second run never writes one there; one letter is in doubt over both.
    """
    server = serve(on("BEHIND", Act(b"", end="die")))
    way = relay(server, connections=CONNECTIONS)
    mailing = Mailing(tmp_path, way, people=ALL, in_doubt="hold")
    mailing.send(limit=ALL // 2)
    ending = mailing.send()
    assert Counter(ending.states.values()) == {"held": 1, "sent": ALL - 1}
    assert rides(server) == 1
    assert not sentences(ending)


def test_what_a_campaign_learns_of_a_server_the_next_one_knows(
    serve: Serve, tmp_path: Path
) -> None:
    """Fault 1, 13: two campaigns with one suppression store, a server that dies as above.
    By: scripted server; ten connections, policy hold.
    Then: the second campaign never writes an envelope behind a dot there.
    """
    server = serve(on("BEHIND", Act(b"", end="die")))
    way = relay(server, connections=CONNECTIONS)
    shared = '[suppression]\nurl = "sqlite:///../suppression.sqlite"\n'
    for name, held in (("spring", 1), ("summer", 0)):
        folder = tmp_path / name
        folder.mkdir()
        ending = Mailing(folder, way, people=ALL, in_doubt="hold", more=shared).send()
        assert Counter(ending.states.values())["held"] == held
    assert rides(server) == 1
    assert (tmp_path / "hosts.sqlite").exists()


def test_a_server_that_bears_it_gets_the_envelopes_behind_the_dots(
    serve: Serve, tmp_path: Path
) -> None:
    """Fault 13: no fault: a server that keeps to PIPELINING.
    By: scripted server; one connection.
    Then: the first envelope that goes with a dot is that of the third letter; the others follow
    wherever a letter is ready.
    """
    server = serve()
    ending = Mailing(tmp_path, relay(server), people=20).send()
    assert set(ending.states.values()) == {"sent"}
    assert not sentences(ending)
    assert 12 <= rides(server) <= 18  # the lane may run empty for a moment


@pytest.mark.parametrize("most", [1, 3])
def test_a_server_that_closes_without_a_word_after_some_letters_is_no_trouble(
    serve: Serve, tmp_path: Path, most: int
) -> None:
    """Fault 28: the server closes the connection after each letter, or each third, without a word.
    By: scripted server; four connections.
    Then: everybody is sent once over new connections, no attempt is used up, nothing rests; the
    number is learned, and connections end with QUIT before it.
    """
    server = serve(on("MAIL", Act(b"", end="drop"), nth=most + 1))
    ending = Mailing(tmp_path, relay(server, connections=4), people=ALL).send()
    assert set(ending.states.values()) == {"sent"}
    assert copies(server) == dict.fromkeys(ending.states, 1)
    assert attempts(ending) <= {0}
    assert not any("cools down" in wait for wait in ending.heard.waits)
    mails = [sum(c.startswith("MAIL") for c in session.commands) for session in server.sessions]
    assert 2 <= sum(count > most for count in mails) <= 2 + 4
