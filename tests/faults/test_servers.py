"""Servers that can do less than others, or take only so much."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.mail.scripted_smtp import Act, ScriptedServer, drop, on, say
from fakes.mail.sink import smtp_sink
from fakes.prepared.sending import Ending, Mailing, Skipping, relay

Through = Callable[..., tuple[Ending, ScriptedServer]]
Serve = Callable[..., ScriptedServer]


@pytest.mark.parametrize(
    "script",
    [
        {"extensions": ("SIZE", "8BITMIME")},
        {"esmtp": False},
        {"extensions": ("PIPELINING",)},
        {"extensions": ()},
    ],
    ids=["no PIPELINING", "no ESMTP", "no 8BITMIME", "no extension"],
)
def test_a_server_that_can_do_less_gets_every_letter(
    through: Through, script: dict[str, object]
) -> None:
    """Fault 12: no PIPELINING, no ESMTP, no 8BITMIME, nothing.
    By: scripted server.
    Then: one command at a time, seven bits where needed; everybody is sent once.
    """
    ending, server = through(script=script, body="Grüße, 王小明 {{ number }}\n")
    assert ending.all_but() == {"sent"}
    assert len(server.accepted) == 6
    if script.get("extensions") in ((), ("PIPELINING",)) or "esmtp" in script:
        assert all(letter.data.isascii() for letter in server.accepted)


def test_without_smtputf8_an_address_that_needs_it_fails(through: Through) -> None:
    """Fault 12: an address beyond ASCII, and a server without SMTPUTF8.
    By: scripted server.
    Then: that one is failed with 5.6.7 without a word to the server; the others are sent.
    """
    people = ("ada@example.com", "grüße@example.com", "bob@example.com")
    ending, server = through(script={"extensions": ("PIPELINING", "8BITMIME")}, people=people)
    assert ending.states["grüße@example.com"] == "failed"
    assert ending.results["grüße@example.com"].enhanced == "5.6.7"
    assert ending.all_but("grüße@example.com") == {"sent"}
    assert len(server.commands) == len([c for c in server.commands if "SMTPUTF8" not in c])


def test_a_letter_larger_than_size_is_failed_before_mail(through: Through) -> None:
    """Fault 19: EHLO says SIZE 70000, one message is larger.
    By: scripted server.
    Then: that one is failed (message) without a MAIL; the others are sent.
    """
    body = "{% if number == '3' %}{{ 'x ' * 40000 }}{% endif %}hello\n"
    ending, server = through(script={"extensions": ("PIPELINING", "SIZE 70000")}, body=body)
    assert ending.states["r3@example.com"] == "failed"
    assert ending.results["r3@example.com"].class_ == "message"
    assert ending.all_but("r3@example.com") == {"sent"}
    assert len([line for line in server.commands if line.startswith("MAIL")]) == 5


def test_messages_per_connection_are_learned(through: Through) -> None:
    """Fault 20: 421 after two messages on a connection.
    By: scripted server.
    Then: reconnects at once, learns the number, uses up no attempt; everybody is sent once.
    """
    ending, server = through(script={"max_letters": 2}, people=12)
    assert ending.all_but() == {"sent"}
    assert len(server.accepted) == 12
    assert {step.attempts for steps in ending.steps.values() for step in steps} <= {0, 1}
    assert {tuple(ending.passed(a)) for a in ending.states} == {("sending", "sent")}
    assert len(server.sessions) <= 7


def test_a_server_that_takes_not_even_one_message_is_left_alone(through: Through) -> None:
    """Fault 20: "too many messages per connection" to the first of every connection.
    By: scripted server, once; time skips ahead.
    Then: that is not a number to be learned: the relay rests in between; everybody is sent.
    """
    act = drop("421 4.7.0 too many messages per connection")
    skipping = Skipping(1.0)
    once = on("MAIL", act, times=1, test=skipping.begins)
    ending, server = through(once, retry=("1s",), **skipping.fields)
    assert ending.all_but() == {"sent"}
    assert any("cools down" in wait for wait in ending.heard.waits)
    assert len(server.sessions) == 2


def test_connections_at_the_same_time_are_learned(serve: Serve, tmp_path: Path) -> None:
    """Fault 20: "exceeded the maximum number of connections" to the third and later ones.
    By: scripted server; ten are allowed by the config.
    Then: goes on with two, does not hammer; everybody is sent, no attempt is used up.
    """
    servers: list[ScriptedServer] = []

    def is_third(_command: str) -> bool:
        return sum(not session.ended.is_set() for session in servers[0].sessions) > 2

    too_many = drop("421 4.3.2 you have exceeded the maximum number of connections")
    servers.append(serve(on("CONNECT", too_many, test=is_third), on("DOT", Act(delay_s=0.02))))
    ending = Mailing(tmp_path, relay(servers[0], connections=10), people=60).send()
    assert ending.all_but() == {"sent"}
    assert len(servers[0].accepted) == 60
    assert len(servers[0].sessions) <= 20
    assert not any("deferred" in ending.passed(address) for address in ending.states)


def test_no_file_descriptor_left_shrinks_the_pool(tmp_path: Path) -> None:
    """Fault 26: EMFILE.
    By: a limit on open files; a hundred connections are allowed by the config.
    Then: goes on with as many as there are; everybody is sent, nobody is failed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with smtp_sink() as sink:
        mailing = Mailing(tmp_path, relay(sink.port, connections=100), people=400)
        mailing.plan()
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 30, hard))
        try:
            ending = mailing.send()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert ending.all_but() == {"sent"}, ending.sentence
    assert ending.heard.most_connections < 100


def test_a_server_that_breaks_every_connection_is_left_alone(through: Through) -> None:
    """Fault 8: every connection is lost at MAIL, five times.
    By: scripted server.
    Then: after three in a row the relay rests; everybody is sent in the end, nobody in doubt.
    """
    skipping = Skipping(1.0)
    four_times = on("MAIL", drop(), times=4, test=skipping.begins)
    ending, server = through(four_times, retry=("1s",), **skipping.fields)
    assert ending.all_but() == {"sent"}
    assert any("cools down" in wait for wait in ending.heard.waits)
    assert len(server.sessions) == 5


@pytest.mark.parametrize(
    ("option", "states"),
    [
        (("-Q", "MAIL"), {"deferred", "planned"}),
        (("-r", "RCPT"), {"deferred"}),
        (("-r", "."), {"deferred"}),
        (("-f", "RCPT"), {"failed"}),
        (("-q", "MAIL"), {"deferred", "planned"}),
        (("-q", "."), {"held"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_sink_that_fails_every_letter_leaves_each_in_its_state(
    tmp_path: Path, option: tuple[str, ...], states: set[str]
) -> None:
    """Fault 1, 2, 3, 4, 8: every letter meets 421, 4xx, 5xx or a lost connection.
    By: smtp-sink with `-Q MAIL`, `-r RCPT`, `-r .`, `-f RCPT`, `-q MAIL`, `-q .`; time skips
    ahead where the relay is left alone for a while.
    Then: deferred, failed or (policy hold) held as the fault says; nobody is ever sent.
    """
    skipping = Skipping(2.0)
    with smtp_sink(*option) as sink:
        if "planned" in states:  # the relay rests in between
            skipping.begins()
        mailing = Mailing(
            tmp_path,
            relay(sink.port),
            people=3,
            in_doubt="hold",
            retry=("1h",),
            expire_after="2h",
            **skipping.fields,
        )
        ending = mailing.send(no_wait=True)
    assert ending.all_but() <= states
    assert "sent" not in ending.all_but()


@pytest.mark.parametrize("option", ["-p", "-e", "-8", "-W .:1"])
def test_a_sink_that_can_do_less_gets_every_letter(tmp_path: Path, option: str) -> None:
    """Fault 12: no pipelining, no ESMTP, no 8BITMIME, a slow dot.
    By: smtp-sink with `-p`, `-e`, `-8`, `-W .:1`.
    Then: everybody is sent once.
    """
    with smtp_sink(*option.split(), dump=True) as sink:
        ending = Mailing(tmp_path, relay(sink.port, connections=3), people=3).send()
        arrived = sorted(dumped.recipient for dumped in sink.messages())
    assert ending.all_but() == {"sent"}
    assert arrived == sorted(ending.states)


def test_a_sink_that_refuses_early_is_read_before_the_broken_pipe(tmp_path: Path) -> None:
    """Fault 5: the connection is aborted with a 5xx in the middle of DATA.
    By: smtp-sink with `-A 0`, a body of 600 KB.
    Then: nobody is sent and nobody is in doubt.
    """
    with smtp_sink("-A", "0") as sink:
        mailing = Mailing(
            tmp_path, relay(sink.port), people=2, body="{{ 'words ' * 100000 }}", retry=("1h",)
        )
        ending = mailing.send(no_wait=True)
    assert "sent" not in ending.all_but()
    assert not {step.class_ for steps in ending.steps.values() for step in steps} & {"in-doubt"}


def test_a_530_that_asks_for_tls_stops_the_run(through: Through) -> None:
    """Fault 22: 530 must issue STARTTLS first, and the config says none.
    By: scripted server.
    Then: the breaker stops the run (75) with the server's words; everybody is deferred or planned.
    """
    ending, _ = through(on("MAIL", say("530 5.7.0 Must issue a STARTTLS command first")))
    assert ending.exit_code == 75
    assert "STARTTLS" in ending.sentence
    assert ending.all_but() <= {"deferred", "planned"}


@pytest.mark.parametrize(("no_wait", "least_s", "most_s"), [(True, 60, 200), (False, 1800, 2400)])
def test_a_relay_that_dies_is_given_up_sooner_with_no_wait(
    through: Through, no_wait: bool, least_s: float, most_s: float
) -> None:
    """Fault 23: the relay is gone after two letters, with and without `--no-wait`.
    By: scripted server, which then closes each connection at once; time skips ahead.
    Then: given up after a minute, or after half an hour; nobody is lost.
    """
    skipping, begun = Skipping(20.0), list[str]()

    def is_third(command: str) -> bool:
        begun.append(command)
        return len(begun) > 2 and skipping.begins()

    ending, _ = through(
        on("MAIL", drop(), test=is_third),
        on("CONNECT", drop(), test=lambda _: len(begun) > 2),
        options={"no_wait": no_wait},
        **{**skipping.fields, "patience": None},
    )
    assert list(ending.states.values()).count("sent") == 2
    assert ending.all_but() == {"sent", "planned"}
    assert ending.exit_code == 69
    assert least_s <= skipping.ahead_s <= most_s
