"""Faults while a letter is under way: MAIL, RCPT, DATA, the body, the dot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fakes.mail.scripted_smtp import SILENCE, Act, ScriptedServer, drop, on, say
from fakes.prepared.sending import Ending, Skipping, hasty

Through = Callable[..., tuple[Ending, ScriptedServer]]

R3 = "r3@example.com"
BEFORE_THE_DOT = ["MAIL", "RCPT", "DATA"]
HURRY = hasty(mail=0.5, rcpt=0.5, data=0.5)  # a machine that is busy only makes it try again
GARBAGE = {
    "endless multiline": b"250-and on\r\n" * 3000,
    "a line of 100 KB": b"250 " + b"x" * 100_000 + b"\r\n",
    "codes that differ": b"250-one\r\n550 two\r\n",
    "two digits": b"25 short\r\n",
    "code 999": b"999 what\r\n",
    "an empty line": b"\r\n",
}


def others_went_on(ending: Ending, server: ScriptedServer) -> None:
    """Everybody else got exactly one copy, and the journal says so."""
    assert ending.all_but(R3) == {"sent"}
    arrived = [letter.recipient for letter in server.accepted if letter.recipient != R3]
    assert sorted(arrived) == sorted(set(ending.states) - {R3})


@pytest.mark.parametrize("stage", [*BEFORE_THE_DOT, "DOT"])
def test_a_4xx_defers_one_letter(through: Through, stage: str) -> None:
    """Fault 3, 10: 450 to MAIL, RCPT, DATA or the dot.
    By: scripted server, third letter, once.
    Then: deferred with an attempt used, at MAIL without; never sent on it; sent on the next try.
    """
    ending, server = through(on(stage, say("450 4.2.0 mailbox busy"), nth=3, times=1))
    others_went_on(ending, server)
    first = ["sending"] if stage == "DOT" else []
    assert ending.passed(R3) == [*first, "deferred", "sending", "sent"]
    deferred = next(step for step in ending.steps[R3] if step.state == "deferred")
    about = (0, 450, "throttle") if stage == "MAIL" else (1, 450, "recipient-transient")
    assert (deferred.attempts, deferred.code, deferred.class_) == about
    assert len(server.sessions) <= 2
    assert ending.exit_code == 0


@pytest.mark.parametrize(
    ("stage", "reply", "class_"),
    [
        ("RCPT", "550 5.1.1 no such user", "recipient-gone"),
        ("RCPT", "552 5.2.2 mailbox full", "recipient-refuses"),
        ("RCPT", "550 what", "unknown"),
        ("DOT", "550 5.1.1 no such user", "recipient-gone"),
        ("DOT", "554 5.6.0 cannot be parsed", "message"),
    ],
)
def test_a_5xx_fails_one_letter(through: Through, stage: str, reply: str, class_: str) -> None:
    """Fault 4: 5xx about the recipient or the message, to RCPT or the dot.
    By: scripted server, third letter.
    Then: failed with class, code and text of the reply; the others are sent; exit 1.
    """
    ending, server = through(on(stage, say(reply), where="r3@"))
    others_went_on(ending, server)
    result = ending.results[R3]
    assert (result.state, result.class_, result.code) == ("failed", class_, int(reply[:3]))
    assert ending.exit_code == 1
    assert len(server.sessions) == 1


@pytest.mark.parametrize("stage", ["MAIL", "DATA"])
def test_a_5xx_that_is_not_about_the_recipient_fails_nobody(through: Through, stage: str) -> None:
    """Fault 4: an unknown 5xx to MAIL or DATA.
    By: scripted server, third letter, once.
    Then: that is about us: deferred, no attempt used up, sent on the next try.
    """
    ending, server = through(on(stage, say("554 5.0.0 no"), nth=3, times=1))
    others_went_on(ending, server)
    assert ending.passed(R3) == ["deferred", "sending", "sent"]
    assert ending.steps[R3][0].attempts == 0
    assert ending.steps[R3][0].class_ == "policy"


@pytest.mark.parametrize("stage", [*BEFORE_THE_DOT, "DOT"])
def test_a_421_drops_the_connection_only(through: Through, stage: str) -> None:
    """Fault 2: 421 to MAIL, RCPT, DATA or the dot.
    By: scripted server, third letter, once.
    Then: not accepted, deferred without an attempt, sent over a new connection; nobody in doubt.
    """
    ending, server = through(on(stage, drop("421 4.3.2 shutting down"), nth=3, times=1))
    others_went_on(ending, server)
    deferred = next(step for step in ending.steps[R3] if step.state == "deferred")
    assert (deferred.attempts, deferred.class_) == (0, "connection")
    assert ending.states[R3] == "sent"
    assert {step.resends for step in ending.steps[R3]} == {0}
    assert len(server.sessions) >= 2


@pytest.mark.parametrize("end", ["drop", "reset"])
@pytest.mark.parametrize("stage", BEFORE_THE_DOT)
def test_a_connection_lost_before_the_dot_is_a_plain_retry(
    through: Through, stage: str, end: str
) -> None:
    """Fault 8, 28: the connection is lost at MAIL, RCPT or DATA.
    By: scripted server, third letter, once.
    Then: sent over a new connection, one copy, no attempt used up; nobody is in doubt.
    """
    ending, server = through(on(stage, Act(b"", end=end), nth=3, times=1))
    others_went_on(ending, server)
    assert ending.passed(R3)[-2:] == ["sending", "sent"]
    assert {step.resends for step in ending.steps[R3]} == {0}
    assert [letter.recipient for letter in server.letters].count(R3) == 1


@pytest.mark.parametrize("stage", BEFORE_THE_DOT)
def test_silence_before_the_dot_is_a_plain_retry(through: Through, stage: str) -> None:
    """Fault 8: no reply to MAIL, RCPT or DATA.
    By: scripted server, third letter, once; short timeouts.
    Then: the connection is given up at its deadline; sent over a new one, nobody is in doubt.
    """
    ending, server = through(on(stage, SILENCE, nth=3, times=1), patience=HURRY)
    others_went_on(ending, server)
    assert ending.states[R3] == "sent"
    assert {step.resends for step in ending.steps[R3]} == {0}


@pytest.mark.parametrize("policy", ["resend", "hold"])
@pytest.mark.parametrize("how", ["drop", "reset", "silence", "354"])
def test_no_reply_to_the_dot_is_doubt(through: Through, how: str, policy: str) -> None:
    """Fault 1, 7, 16: after the dot the connection is lost, silent, or the reply makes no sense.
    By: scripted server, third letter, once; time skips ahead where it is silent.
    Then: in doubt: sent again as a counted resend, or held, as the policy says.
    """
    act = {"silence": SILENCE, "354": say("354 more")}.get(how, Act(b"", end=how))
    skipping = Skipping(60.0)
    ending, server = through(
        on("DOT", act, nth=3, times=1, test=skipping.begins if how == "silence" else None),
        in_doubt=policy,
        **skipping.fields,
    )
    others_went_on(ending, server)
    doubtful = next(step for step in ending.steps[R3] if step.class_ == "in-doubt")
    if policy == "hold":
        assert ending.passed(R3) == ["sending", "held"]
        assert ending.exit_code == 1
    else:
        assert ending.passed(R3) == ["sending", "deferred", "sending", "sent"]
        assert doubtful.resends == 1
        assert ending.exit_code == 0


def test_a_reply_to_the_dot_after_nine_minutes_is_waited_for(through: Through) -> None:
    """Fault 6: the reply to the dot takes nine minutes.
    By: scripted server, third letter; time skips ahead.
    Then: waited for (RFC 5321, 4.5.3.2.6); sent, one copy.
    """
    skipping = Skipping(54.0, jumps=10)

    def after_nine_minutes(_recipient: str) -> bool:
        return skipping.begins() and skipping.spent.wait(10)

    slow = on("DOT", say("250 2.0.0 at last"), nth=3, times=1, test=after_nine_minutes)
    ending, server = through(slow, in_doubt="hold", **skipping.fields)
    others_went_on(ending, server)
    assert ending.passed(R3) == ["sending", "sent"]


def test_a_reply_to_the_dot_that_never_comes_is_doubt_after_ten_minutes(through: Through) -> None:
    """Fault 7: the reply to the dot never comes.
    By: scripted server, third letter; time skips ahead.
    Then: given up after 600 s, held; the others are sent over a new connection.
    """
    skipping = Skipping(60.0)
    mute = on("DOT", SILENCE, nth=3, times=1, test=skipping.begins)
    ending, server = through(mute, in_doubt="hold", **skipping.fields)
    others_went_on(ending, server)
    assert ending.passed(R3) == ["sending", "held"]
    assert ending.steps[R3][1].at - ending.steps[R3][0].at >= 590
    assert "600 s" in ending.results[R3].reason


def test_an_early_refusal_of_the_body_is_the_verdict(through: Through) -> None:
    """Fault 5: 550 while the body is under way, then the connection is closed.
    By: scripted server, third letter, a body of 300 KB.
    Then: the 550 is read and is the verdict, not the broken pipe: failed; the others are sent.
    """
    act = say("550 5.3.4 message too big", end="drop", after_bytes=50_000)
    body = "{% if number == '3' %}{{ 'long words ' * 30000 }}{% endif %}hello\n"
    ending, server = through(on("BODY", act, where="r3@"), body=body)
    others_went_on(ending, server)
    result = ending.results[R3]
    assert (result.state, result.code, result.class_) == ("failed", 550, "message")


def test_a_window_that_stays_shut_is_a_plain_retry(through: Through) -> None:
    """Fault 18: the server stops reading in the middle of a large body.
    By: scripted server with a small receive buffer, third letter, once.
    Then: given up after the block timeout; sent over a new connection, nobody is in doubt.
    """
    body = (
        "{% for n in range(7 if number == '3' else 0) %}{{ 'long words ' * 90000 }}{% endfor %}hi\n"
    )
    ending, server = through(
        on("BODY", Act(b"", end="stall", after_bytes=1), where="r3@", times=1),
        script={"receive_buffer": 4096},
        body=body,
        patience=hasty(block=1.0),
    )
    others_went_on(ending, server)
    assert ending.states[R3] == "sent"
    assert {step.resends for step in ending.steps[R3]} == {0}


def test_a_reply_that_drips_is_cut_off_at_its_deadline(through: Through) -> None:
    """Fault 17: one byte at a time.
    By: scripted server, reply to the third RCPT, once.
    Then: the deadline is for the whole reply; sent over a new connection.
    """
    act = say("250 2.1.5 as slow as can be", drip_s=0.2)
    ending, server = through(on("RCPT", act, nth=3, times=1), patience=hasty(rcpt=1.0))
    others_went_on(ending, server)
    assert ending.states[R3] == "sent"
    assert len(server.sessions) >= 2


def test_a_late_reply_is_never_paired_with_the_next_command(through: Through) -> None:
    """Fault 14: a 550 that comes after our deadline.
    By: scripted server, reply to the third RCPT, once.
    Then: the connection is discarded with it: nobody is failed, everybody is sent.
    """
    act = say("550 5.1.1 gone", delay_s=1.2)
    ending, server = through(on("RCPT", act, nth=3, times=1), patience=hasty(rcpt=0.6))
    others_went_on(ending, server)
    assert ending.states[R3] == "sent"
    assert ending.exit_code == 0


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_before_the_dot_is_a_plain_retry(through: Through, what: str) -> None:
    """Fault 15, 16: what no reply may be: endless, too long, contradicting itself, no code.
    By: scripted server, reply to the third RCPT, once.
    Then: connection dropped; sent over a new one, nobody is in doubt or failed.
    """
    ending, server = through(on("RCPT", say(GARBAGE[what]), nth=3, times=1))
    others_went_on(ending, server)
    assert ending.states[R3] == "sent"
    assert {step.resends for step in ending.steps[R3]} == {0}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_in_reply_to_the_dot_is_doubt(through: Through, what: str) -> None:
    """Fault 15, 16: the same after the dot.
    By: scripted server, third letter, once; policy hold.
    Then: in doubt: held; the others are sent.
    """
    ending, server = through(on("DOT", say(GARBAGE[what]), nth=3, times=1), in_doubt="hold")
    others_went_on(ending, server)
    assert ending.passed(R3) == ["sending", "held"]
    assert ending.results[R3].class_ == "in-doubt"


def test_a_reply_that_is_no_text_is_kept_escaped(through: Through) -> None:
    """Fault 15: NUL, ESC and bytes that are not UTF-8 in a refusal.
    By: scripted server, reply to the third RCPT.
    Then: judged by its code; the text is stored escaped; the others are sent.
    """
    ending, server = through(on("RCPT", say(b"550 5.1.1 \x00\x1b[2J \xff gone\r\n"), where="r3@"))
    others_went_on(ending, server)
    assert ending.states[R3] == "failed"
    assert ending.results[R3].reply.isprintable()


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_an_extra_reply_ends_the_connection(through: Through, stage: str) -> None:
    """Fault 13: PIPELINING is offered, but one reply too many comes.
    By: scripted server, third letter, once.
    Then: out of step: connection dropped, everybody sent in the end; nobody sent without a 250.
    """
    act = Act(extra=b"250 2.0.0 one more\r\n")
    ending, server = through(on(stage, act, nth=3, times=1))
    assert ending.all_but() == {"sent"}
    assert {letter.recipient for letter in server.accepted} >= set(ending.states)


def test_a_354_after_all_recipients_were_refused_gets_a_lone_dot(through: Through) -> None:
    """Fault 11: RCPT is refused, but the pipelined DATA gets 354.
    By: scripted server, third letter.
    Then: an empty message (RFC 2920, 3.1), its reply settles nobody: failed by the 550.
    """
    ending, server = through(
        on("RCPT", say("550 5.1.1 gone"), where="r3@"),
        on("DATA", say("354 go on"), nth=3, times=1),
    )
    assert ending.all_but(R3) == {"sent"}
    assert (ending.states[R3], ending.results[R3].code) == ("failed", 550)
    assert [letter.recipient for letter in server.accepted].count(R3) == 0


def test_452_too_many_recipients_defers_that_recipient(through: Through) -> None:
    """Fault 10: 452 4.5.3 to RCPT.
    By: scripted server, third letter, once.
    Then: one recipient a transaction: it alone is deferred, and sent on the next try.
    """
    ending, server = through(on("RCPT", say("452 4.5.3 too many recipients"), nth=3, times=1))
    others_went_on(ending, server)
    assert ending.passed(R3) == ["deferred", "sending", "sent"]
    assert ending.steps[R3][0].class_ == "too-many-recipients"


def test_a_4xx_without_end_expires(through: Through) -> None:
    """Fault 10: 450 to RCPT at every try.
    By: scripted server, third letter; retries of 10 s, expiry after a minute; time skips ahead.
    Then: tried several times, then expired; the others are sent; exit 1.
    """
    skipping = Skipping(5.0)
    busy = on("RCPT", say("450 4.2.0 busy"), where="r3@", test=skipping.begins)
    ending, server = through(busy, retry=("10s",), expire_after="1m", **skipping.fields)
    others_went_on(ending, server)
    assert ending.states[R3] == "expired"
    assert ending.passed(R3).count("deferred") >= 2
    assert ending.exit_code == 1


def test_a_letter_a_server_cannot_make_sense_of_fails_after_three_tries(through: Through) -> None:
    """Fault 16: 501 to RCPT at every try.
    By: scripted server, third letter.
    Then: three tries over new connections, then failed(protocol); the others are sent.
    """
    ending, server = through(on("RCPT", say("501 5.5.4 syntax"), where="r3@"))
    others_went_on(ending, server)
    assert ending.passed(R3) == ["deferred", "deferred", "failed"]
    assert ending.results[R3].class_ == "protocol"
