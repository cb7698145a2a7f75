"""Servers that offer an extension and do not keep to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.mail.scripted_smtp import Act, ScriptedServer, drop, on, say
from fakes.prepared.sending import Ending, Mailing, relay

Through = Callable[..., tuple[Ending, ScriptedServer]]
Serve = Callable[..., ScriptedServer]

OFFERED = ("PIPELINING", "SIZE 10485760", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES")


def attempts(ending: Ending) -> set[int]:
    """Every count of attempts that stands in the journal for a letter not sent."""
    return {
        step.attempts
        for steps in ending.steps.values()
        for step in steps
        if step.class_ != "accepted"
    }


def everybody_got_one_copy(ending: Ending, server: ScriptedServer) -> None:
    assert ending.all_but() == {"sent"}
    assert sorted(letter.recipient for letter in server.accepted) == sorted(ending.states)
    assert attempts(ending) <= {0}


@pytest.mark.parametrize(
    ("reply", "gone"),
    [
        ("555 5.5.4 unsupported option: SIZE", "SIZE"),
        ("501 5.5.4 syntax error in parameters", "DSN and SIZE"),
        ("504 parameter not implemented", "DSN and SIZE"),
        ("500 unrecognized", "DSN and SIZE"),
    ],
)
def test_parameters_of_mail_that_are_refused_are_left_out(
    through: Through, reply: str, gone: str
) -> None:
    """Fault 12: MAIL with parameters meets 500, 501, 504 or 555, although they were offered.
    By: scripted server.
    Then: done without for the rest of the run, one sentence says so; everybody is sent, no attempt
    is used up.
    """
    refused = on("MAIL", say(reply), test=lambda line: "SIZE=" in line)
    ending, server = through(
        refused, script={"extensions": OFFERED}, relay={"more": 'ret = "hdrs"'}, people=8
    )
    everybody_got_one_copy(ending, server)
    assert len([line for line in server.commands if "SIZE=" in line]) == 1
    (said,) = [line for line in ending.heard.lines if "done without" in line]
    assert f"offers {gone} but" in said
    assert reply in said


def test_parameters_of_rcpt_that_are_refused_are_left_out(through: Through) -> None:
    """Fault 12: RCPT with NOTIFY meets 555, although DSN was offered.
    By: scripted server.
    Then: done without DSN for the rest of the run, one sentence says so; everybody is sent, no
    attempt is used up.
    """
    refused = on("RCPT", say("555 5.5.4 not recognized"), test=lambda line: "NOTIFY" in line)
    ending, server = through(
        refused, script={"extensions": OFFERED}, relay={"more": 'notify = ["failure"]'}, people=8
    )
    everybody_got_one_copy(ending, server)
    assert len([line for line in server.commands if "NOTIFY" in line]) == 1
    assert [line for line in ending.heard.lines if "offers DSN but" in line]


def test_ten_connections_that_meet_the_same_refusal_learn_it_once(
    serve: Serve, tmp_path: Path
) -> None:
    """Fault 12: MAIL with SIZE meets 501 on every one of several connections.
    By: scripted server that lets every connection in before it refuses; five connections.
    Then: said once, no rest; everybody is sent once, no attempt is used up.
    """
    slowly = say("501 5.5.4 SIZE what", delay_s=0.1)
    server = serve(
        on("MAIL", slowly, test=lambda line: "SIZE=" in line), on("MAIL", Act(delay_s=0.02))
    )
    ending = Mailing(tmp_path, relay(server, connections=5), people=40).send()
    everybody_got_one_copy(ending, server)
    assert len([line for line in ending.heard.lines if "done without" in line]) == 1
    assert not any("cools down" in wait for wait in ending.heard.waits)


@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
def test_a_server_that_loses_its_place_when_pipelined_is_spoken_to_slowly(
    serve: Serve, tmp_path: Path, stage: str
) -> None:
    """Fault 13: PIPELINING is offered, and a pipelined RCPT or DATA meets 503.
    By: scripted server, whenever MAIL, RCPT and DATA came in one packet.
    Then: one command at a time from then on, one sentence says so; everybody is sent, no attempt
    is used up.
    """
    servers: list[ScriptedServer] = []

    def is_pipelined(_line: str) -> bool:
        return servers[0].sessions[-1].chunks[-1].count(b"\r\n") > 2

    lost = on(stage, drop("503 5.5.1 bad sequence of commands"), test=is_pipelined)
    servers.append(serve(lost, extensions=OFFERED))
    ending = Mailing(tmp_path, relay(servers[0]), people=8).send()
    everybody_got_one_copy(ending, servers[0])
    assert len(servers[0].sessions) == 2
    assert [line for line in ending.heard.lines if "offers PIPELINING but" in line]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
def test_replies_out_of_step_end_what_rides_behind_the_dot(through: Through, stage: str) -> None:
    """Fault 13: PIPELINING is offered, and the server says 354 where it should say 250.
    By: scripted server, third letter, once.
    Then: the envelope is no longer written with the dot before it, one sentence says so; everybody
    is sent once, no attempt is used up.
    """
    ending, server = through(on(stage, say("354 go ahead"), nth=3, times=1), people=8)
    everybody_got_one_copy(ending, server)
    assert len([line for line in ending.heard.lines if "offers PIPELINING but" in line]) == 1
    second = server.sessions[1]
    assert not [chunk for chunk in second.chunks if b"\r\n.\r\nMAIL" in chunk]
    assert [chunk for chunk in second.chunks if chunk.startswith(b"MAIL") and b"DATA" in chunk]


def test_what_no_extension_explains_is_judged_as_ever(through: Through) -> None:
    """Fault 12: 501 to every MAIL, with parameters and without.
    By: scripted server that offers everything.
    Then: the parameters are left out once; then it is the sender that is refused: nobody is failed.
    """
    ending, server = through(
        on("MAIL", say("501 5.5.4 syntax error")), script={"extensions": OFFERED}, people=8
    )
    assert ending.all_but() == {"deferred", "planned"}
    assert {result.class_ for result in ending.results.values()} == {"policy", ""}
    assert len([line for line in server.commands if line.startswith("MAIL")]) == 4
    assert len([line for line in ending.heard.lines if "done without" in line]) == 1


def test_one_bad_letter_costs_no_extension_that_has_worked(through: Through) -> None:
    """Fault 12: 501 to RCPT for one recipient, after letters went through with NOTIFY.
    By: scripted server, third letter.
    Then: that one fails (protocol) after three tries; DSN stays in use, the others are sent.
    """
    ending, server = through(
        on("RCPT", say("501 what"), where="r3@"),
        script={"extensions": OFFERED},
        relay={"more": 'notify = ["failure"]'},
    )
    assert ending.states["r3@example.com"] == "failed"
    assert ending.all_but("r3@example.com") == {"sent"}
    assert all("NOTIFY" in line for line in server.commands if line.startswith("RCPT"))
    assert not [line for line in ending.heard.lines if "done without" in line]
