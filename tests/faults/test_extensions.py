"""Servers that offer an extension and do not keep to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.scripted_smtp import CHUNKING, SILENCE, Act, ScriptedServer, drop, on, say
from fakes.sending import Ending, Mailing, Skipping, hasty, relay

Through = Callable[..., tuple[Ending, ScriptedServer]]
Serve = Callable[..., ScriptedServer]

OFFERED = ("PIPELINING", "SIZE 10485760", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES")
QUIET = {"more": 'rates = ["12/min"]'}  # with `pause`: between two letters the connection idles


def pause() -> Skipping:
    """From MAIL to the next letter's turn, but shorter than what lets a connection grow stale."""
    return Skipping(5.0, jumps=1)


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
def test_replies_out_of_step_end_pipelining(through: Through, stage: str) -> None:
    """Fault 13: PIPELINING is offered, and the server says 354 where it should say 250.
    By: scripted server, third letter, once.
    Then: one command at a time from then on, one sentence says so; everybody is sent once, no
    attempt is used up.
    """
    ending, server = through(on(stage, say("354 go ahead"), nth=3, times=1), people=8)
    everybody_got_one_copy(ending, server)
    assert len([line for line in ending.heard.lines if "offers PIPELINING but" in line]) == 1
    second = server.sessions[1]
    assert all(chunk.count(b"MAIL FROM") + chunk.count(b"RCPT TO") < 2 for chunk in second.chunks)


def test_what_no_extension_explains_is_judged_as_ever(through: Through) -> None:
    """Fault 12: 501 to every MAIL, with parameters and without.
    By: scripted server that offers everything.
    Then: the parameters are left out once; then three tries, then failed(protocol).
    """
    ending, server = through(
        on("MAIL", say("501 5.5.4 syntax error")), script={"extensions": OFFERED}, people=1
    )
    assert ending.all_but() == {"failed"}
    assert {result.class_ for result in ending.results.values()} == {"protocol"}
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


@pytest.mark.parametrize(
    "script",
    [{"knows_bdat": False}, {}],
    ids=["takes the octets for commands", "reads the octets, then refuses"],
)
def test_a_server_without_the_chunking_it_offers_gets_every_letter(
    through: Through, script: dict[str, object]
) -> None:
    """Fault 12: CHUNKING is offered, and BDAT meets 502.
    By: scripted server.
    Then: DATA for the rest of the run, one sentence says so; everybody is sent once, no attempt is
    used up, nobody is in doubt.
    """
    ending, server = through(
        on("BDAT", say("502 5.5.1 unknown command")),
        script={"extensions": CHUNKING, **script},
        people=8,
    )
    everybody_got_one_copy(ending, server)
    assert len([line for line in server.commands if line.startswith("BDAT")]) == 1
    assert len([line for line in ending.heard.lines if "offers CHUNKING but" in line]) == 1


@pytest.mark.parametrize("act", [SILENCE, drop()], ids=["silence", "closed"])
def test_a_bdat_that_is_swallowed_puts_one_letter_in_doubt(
    serve: Serve, tmp_path: Path, act: Act
) -> None:
    """Fault 1, 12: CHUNKING is offered, and BDAT is never answered, or the connection is closed.
    By: scripted server; five connections, policy hold, short timeouts.
    Then: one letter finds that out and is held; DATA for the rest of the run, one sentence says so;
    the others are sent once.
    """
    server = serve(on("BDAT", act), extensions=CHUNKING)
    way = relay(server, connections=5)
    ending = Mailing(tmp_path, way, people=40, in_doubt="hold", patience=hasty(dot=2.0)).send()
    states = list(ending.states.values())
    assert (states.count("held"), states.count("sent")) == (1, 39)
    assert len(server.accepted) == 39
    assert len([line for line in server.commands if line.startswith("BDAT")]) == 1
    assert len([line for line in ending.heard.lines if "offers CHUNKING but" in line]) == 1


def test_a_paced_campaign_sends_every_letter_whole(serve: Serve, tmp_path: Path) -> None:
    """Fault 12: no fault: CHUNKING and PIPELINING, a rate that leaves the connection quiet.
    By: scripted server.
    Then: each letter is one packet and one round trip; everybody is sent once.
    """
    skipping = pause()
    server = serve(on("MAIL", Act(), test=skipping.begins), extensions=CHUNKING)
    way = relay(server, **QUIET)
    ending = Mailing(tmp_path, way, people=6, **skipping.fields).send()
    everybody_got_one_copy(ending, server)
    assert len(server.whole) == 6
    letters = [chunk for chunk in server.sessions[0].chunks if chunk.startswith(b"MAIL")]
    assert len(letters) == 6


@pytest.mark.parametrize("stage", ["RCPT", "DOT"])
def test_a_letter_refused_whole_is_refused_alone(through: Through, stage: str) -> None:
    """Fault 4, 11: RCPT or the end of the data of a letter sent by BDAT meets 550.
    By: scripted server, third letter; a rate that leaves the connection quiet.
    Then: that one is failed; the reply to its BDAT settles nobody; the others are sent.
    """
    skipping = pause()
    ending, server = through(
        on(stage, say("550 5.1.1 no such user"), where="r3@"),
        on("MAIL", Act(), test=skipping.begins),
        script={"extensions": CHUNKING},
        relay=QUIET,
        **skipping.fields,
    )
    assert ending.states["r3@example.com"] == "failed"
    assert ending.results["r3@example.com"].enhanced == "5.1.1"
    assert ending.all_but("r3@example.com") == {"sent"}
    assert len([line for line in server.commands if line.startswith("BDAT")]) == 6
    assert len(server.accepted) == 5
    assert len(server.sessions) == 1


def test_a_whole_letter_whose_connection_is_lost_is_in_doubt(through: Through) -> None:
    """Fault 1, 8: the connection is lost at MAIL, its letter's BDAT in the same packet.
    By: scripted server, third letter, once; a rate that leaves the connection quiet; policy hold.
    Then: the end of its data was sent: in doubt, held; the others are sent.
    """
    skipping = pause()
    ending, server = through(
        on("MAIL", drop(), nth=3, times=1, test=skipping.begins),
        on("MAIL", Act(), test=skipping.begins),
        script={"extensions": CHUNKING},
        relay=QUIET,
        in_doubt="hold",
        **skipping.fields,
    )
    assert ending.states["r3@example.com"] == "held"
    assert ending.all_but("r3@example.com") == {"sent"}
    assert len(server.accepted) == 5
