"""Replies that are about the relay, its sessions or the sender, never about a recipient."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fakes.mail.scripted_smtp import ScriptedServer, drop, on, say
from fakes.prepared.sending import Ending, Skipping

Through = Callable[..., tuple[Ending, ScriptedServer]]


def attempts(ending: Ending) -> set[int]:
    """Every count of attempts that stands in the journal for a letter not sent."""
    return {
        step.attempts
        for steps in ending.steps.values()
        for step in steps
        if step.class_ != "accepted"
    }


def count(server: ScriptedServer, verb: str) -> int:
    return sum(command.startswith(verb) for command in server.commands)


def test_a_relay_out_of_order_rests_and_is_tried_with_one_letter(through: Through) -> None:
    """Fault 4, 11: every MAIL meets 451 for a while, as with a broken map of Sendmail's.
    By: scripted server, six times; four connections; time skips ahead.
    Then: the relay rests, then one letter tries; everybody is sent, no attempt is used up, no
    provider of the recipients is slowed down.
    """
    skipping = Skipping(20.0)
    reply = say("451 4.3.0 Temporary system failure")
    ending, server = through(
        on("MAIL", reply, times=6, test=skipping.begins),
        people=30,
        relay={"connections": 4},
        **skipping.fields,
    )
    assert ending.all_but() == {"sent"}
    assert attempts(ending) <= {0}
    assert count(server, "MAIL") == 30 + 6
    assert {step.class_ for steps in ending.steps.values() for step in steps} <= {
        "", "accepted", "throttle",
    }  # fmt: skip
    assert any("127.0.0.1" in wait and "cools down" in wait for wait in ending.heard.waits)
    assert not any("example.com cools down" in wait for wait in ending.heard.waits)


@pytest.mark.parametrize("end", ["", "drop"])
def test_a_connection_that_takes_no_further_rset_is_replaced_at_once(
    through: Through, end: str
) -> None:
    """Fault 4, 28: the fourth RSET of a connection meets 554, as Exim's limit of commands has it.
    By: scripted server; 40 dead addresses before 20 good ones, two connections.
    Then: a new connection at once, the number is learned; the dead fail, the good are sent, no
    attempt is used up, nothing rests.
    """
    dead = [f"dead{number}@example.com" for number in range(40)]
    good = [f"good{number}@example.com" for number in range(20)]
    refusal = say("554 Too many nonmail commands", end=end)
    ending, server = through(
        on("RSET", refusal, from_nth=4),
        on("RCPT", say("550 5.1.1 no such user"), where="dead"),
        people=dead + good,
        relay={"connections": 2},
    )
    assert {ending.states[address] for address in dead} == {"failed"}
    assert {ending.states[address] for address in good} == {"sent"}
    assert {ending.results[address].attempts for address in dead + good} == {1}
    assert {ending.results[address].class_ for address in dead} == {"recipient-gone"}
    assert not any("cools down" in wait for wait in ending.heard.waits)
    refused = sum(
        sum(command == "RSET" for command in session.commands) > 3 for session in server.sessions
    )
    assert 1 <= refused <= 2


@pytest.mark.parametrize(
    "reply",
    [
        "452 4.4.5 Maximum number of messages per session exceeded.",
        "452 4.5.3 Too many recipients: Too many messages sent",
        "421 4.7.0 this session has had its share",
    ],
)
def test_a_limit_of_messages_in_whatever_words_is_learned(through: Through, reply: str) -> None:
    """Fault 28: the sixth MAIL of a connection meets a limit of the session, in words of its own.
    By: scripted server; four connections, no wait for retries.
    Then: new connections at once, ended before the limit as soon as it is known; everybody is sent
    in this run, no attempt is used up, nothing rests.
    """
    act = drop(reply) if reply.startswith("421") else say(reply)
    ending, server = through(
        on("MAIL", act, from_nth=6),
        people=60,
        relay={"connections": 4},
        options={"no_wait": True},
    )
    assert ending.all_but() == {"sent"}
    assert attempts(ending) <= {0}
    assert not any("cools down" in wait for wait in ending.heard.waits)
    assert 60 < count(server, "MAIL") <= 60 + 4


@pytest.mark.parametrize("reply", ["501 5.5.4 syntax error", "550 mailbox unavailable", "503 what"])
def test_a_refusal_of_every_sender_fails_nobody(through: Through, reply: str) -> None:
    """Fault 12, 62: every MAIL is refused for good, with parameters and without.
    By: scripted server.
    Then: stopped after a few; nobody is failed.
    """
    ending, _ = through(on("MAIL", say(reply)), people=20, script={"extensions": ("SIZE",)})
    assert ending.exit_code == 75
    assert ending.all_but() <= {"planned", "deferred"}
    assert "refuses this sender" in ending.sentence
