"""What goes wrong on the wire, and what each recipient is told to be afterwards."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from campaign.records import ReplyClass, Stage
from campaign.smtp.endpoint import ConnectRefused, Endpoint
from campaign.smtp.opening.connect import connect
from campaign.smtp.opening.dial import dial, first_to_answer, in_turns
from campaign.smtp.replies.verdicts import judge
from fakes.certificates import Authority
from fakes.mail.postman import PATIENT, Postman, endpoint_of, letter, run
from fakes.mail.scripted_smtp import SILENCE, Act, Script, ScriptedServer, drop, on, say

Journey = Callable[..., tuple[Postman, ScriptedServer]]
Serve = Callable[[Script], ScriptedServer]

ENVELOPE = [("MAIL", Stage.MAIL), ("RCPT", Stage.RCPT), ("DATA", Stage.DATA)]
LETTER = [*ENVELOPE, ("DOT", Stage.DOT)]
MODES = [("PIPELINING", "SIZE"), ("SIZE",)]


def everyone(postman: Postman) -> list[int]:
    """The rows of all letters handed out; nobody may be missing or told of twice."""
    return sorted([s.row for s in postman.settled] + [loss.row for loss in postman.losses])


# -- the connection goes -----------------------------------------------------------------------


@pytest.mark.parametrize("end", ["drop", "reset"])
@pytest.mark.parametrize("extensions", MODES)
def test_a_connection_lost_after_the_dot_leaves_that_letter_in_doubt(
    journey: Journey, end: str, extensions: tuple[str]
) -> None:
    postman, server = journey(
        Script(on("DOT", Act(b"", end=end), nth=3, times=1), extensions=extensions),
        20,
        connections=2,
    )
    (doubt,) = postman.in_doubt
    assert any(
        each.recipient == f"{doubt}@example.com" and not each.reply for each in server.letters
    )
    assert len(postman.lost_plainly) <= 1
    assert everyone(postman) == list(range(1, 21))
    assert len(postman.sent) >= 18


@pytest.mark.parametrize(("where", "stage"), ENVELOPE)
@pytest.mark.parametrize("extensions", MODES)
def test_a_connection_lost_before_the_dot_is_a_plain_loss(
    journey: Journey, where: str, stage: Stage, extensions: tuple[str]
) -> None:
    postman, _ = journey(
        Script(on(where, drop(), nth=3, times=1), extensions=extensions), 20, connections=2
    )
    assert postman.in_doubt == []
    assert everyone(postman) == list(range(1, 21))
    assert len(postman.losses) <= 2
    assert {loss.stage for loss in postman.losses} <= {stage, Stage.MAIL, Stage.RCPT}


@pytest.mark.parametrize("body", [b"small", b"large " * 900_000])
def test_a_connection_lost_while_the_body_is_under_way_is_a_plain_loss_or_a_doubt(
    journey: Journey, body: bytes
) -> None:
    act = Act(b"", end="drop", after_bytes=1)
    postman, server = journey(Script(on("BODY", act, nth=2)), [letter(1), letter(2, body=body)])
    assert postman.sent == [1]
    assert [loss.row for loss in postman.losses] == [2]
    # Small bodies travel with their dot, so nobody can know; of a large one the dot was not out.
    assert postman.in_doubt == ([2] if len(body) < 100 else [])
    assert len(server.letters) == 1


@pytest.mark.parametrize(("where", "stage"), LETTER)
@pytest.mark.parametrize("extensions", MODES)
def test_421_refuses_that_letter_and_drops_only_that_connection(
    journey: Journey, where: str, stage: Stage, extensions: tuple[str]
) -> None:
    postman, _ = journey(
        Script(on(where, drop("421 4.3.2 shutting down"), nth=3, times=1), extensions=extensions),
        20,
        connections=2,
    )
    assert [code for _, code in postman.refused.values()] == [421]
    assert {where_ for where_, _ in postman.refused.values()} == {stage.value}
    assert postman.in_doubt == []
    assert everyone(postman) == list(range(1, 21))
    assert sorted(closing.why for closing in postman.closings) == [
        "after 421 4.3.2 shutting down",
        "finished",
    ]
    assert not judge(stage, postman.settled[-1].reply).suppresses


def test_421_after_n_letters_is_told_with_the_number_of_letters(journey: Journey) -> None:
    postman, server = journey(Script(max_letters=3), 6)
    assert postman.sent == [1, 2, 3]
    assert postman.refused == {4: ("mail", 421)}
    assert judge(Stage.MAIL, postman.settled[-1].reply).class_ is ReplyClass.RECONNECT
    assert postman.in_doubt == []
    assert len(server.sessions) == 1


def test_a_server_that_wants_a_new_connection_gets_a_quit(journey: Journey) -> None:
    postman, server = journey(
        Script(on("MAIL", say("451 MI:DMC too many"), nth=3), extensions=("SIZE",)), 5
    )
    assert postman.sent == [1, 2]
    assert postman.refused == {3: ("mail", 451)}
    assert not postman.losses
    assert server.commands[-1] == "QUIT"


def test_a_reused_connection_that_died_is_a_plain_loss_before_mail_was_answered(
    journey: Journey,
) -> None:
    postman, _ = journey(Script(on("MAIL", Act(b"", end="reset"), nth=2)), 2)
    assert postman.sent == [1]
    (loss,) = postman.losses
    assert (loss.row, loss.stage, loss.dot_written) == (2, Stage.MAIL, False)


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("where", "stage"), LETTER)
@pytest.mark.parametrize("code", ["450 4.2.0 later", "550 5.7.1 no", "452-4.2.2 a\n452 4.2.2 b"])
@pytest.mark.parametrize("extensions", MODES)
def test_a_refusal_settles_one_letter_and_the_others_of_the_connection_go_on(
    journey: Journey, where: str, stage: Stage, code: str, extensions: tuple[str]
) -> None:
    postman, server = journey(Script(on(where, say(code), nth=2), extensions=extensions), 4)
    assert postman.sent == [1, 3, 4]
    assert postman.refused == {2: (stage.value, int(code[:3]))}
    assert [each.recipient for each in server.accepted] == [f"{n}@example.com" for n in (1, 3, 4)]
    assert len(server.sessions) == 1
    assert (2 in postman.asked) == (where == "DOT")


def test_refused_letters_in_a_row_leave_the_session_in_step(journey: Journey) -> None:
    postman, server = journey(
        Script(
            on("RCPT", say("550 5.1.1 no"), test=lambda line: int(line[9:].split("@")[0]) % 3 > 0)
        ),
        30,
    )
    assert postman.sent == list(range(3, 31, 3))
    assert [int(each.recipient.split("@")[0]) for each in server.accepted] == postman.sent


def test_data_accepted_although_every_recipient_was_refused_sends_nobody_anything(
    journey: Journey,
) -> None:
    postman, server = journey(
        Script(on("RCPT", say("550 5.1.1 no"), nth=2), on("DATA", say("354 go"), nth=2)), 3
    )
    assert postman.sent == [1, 3]
    assert [(each.recipients, each.data) for each in server.letters if not each.recipients] == [
        ([], b"")
    ]


@pytest.mark.parametrize("size", [10, 40_000, 5_000_000])
@pytest.mark.parametrize("end", ["drop", "reset"])
@pytest.mark.parametrize("security", ["none", "tls"])
def test_an_early_550_during_data_is_the_verdict(
    journey: Journey, authority: Authority, size: int, end: str, security: str
) -> None:
    act = say("550 5.7.1 content refused", end=end, after_bytes=1 if size < 100 else 20_000)
    letters = [letter(1), letter(2, body=(b"x" * 76 + b"\r\n") * (size // 78 + 1))]
    certificate = authority.issue("127.0.0.1") if security == "tls" else None
    postman, _ = journey(
        Script(on("BODY", act, nth=2), certificate=certificate, implicit_tls=security == "tls"),
        letters,
        endpoint={"security": security, "ca_file": authority.ca_file},
    )
    assert postman.sent == [1]
    # Even where our own write fails first: what the server said is read before the loss is told.
    assert {row: code for row, (_, code) in postman.refused.items()} == {2: 550}
    assert not postman.losses


def test_too_many_recipients_puts_one_letter_off(journey: Journey) -> None:
    postman, _ = journey(Script(on("RCPT", say("452 4.5.3 too many recipients"), nth=2)), 3)
    assert postman.sent == [1, 3]
    assert judge(Stage.RCPT, postman.settled[1].reply).class_ is ReplyClass.TOO_MANY_RECIPIENTS


# -- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("where", "stage"), ENVELOPE)
@pytest.mark.parametrize("extensions", MODES)
def test_silence_ends_at_the_deadline_of_its_stage(
    journey: Journey, where: str, stage: Stage, extensions: tuple[str]
) -> None:
    short = replace(PATIENT, **{stage.value: 0.5})  # which the first letter must keep, too
    postman, _ = journey(
        Script(on(where, SILENCE, nth=2), extensions=extensions), 2, timeouts=short
    )
    assert postman.sent == [1]
    (loss,) = postman.losses
    assert (loss.row, loss.dot_written) == (2, False)
    assert "within 0.5 s" in loss.why


def test_a_late_reply_to_the_dot_is_waited_for_beyond_the_time_of_a_block(journey: Journey) -> None:
    patient = replace(PATIENT, block=0.05)
    postman, _ = journey(
        Script(on("DOT", say("250 late", delay_s=0.4), nth=1)), 1, timeouts=patient
    )
    assert postman.sent == [1]


def test_no_reply_to_the_dot_ever_is_a_doubt(journey: Journey) -> None:
    short = replace(PATIENT, dot=0.5, block=0.1)
    postman, _ = journey(Script(on("DOT", SILENCE, nth=2)), 3, timeouts=short)
    assert postman.sent == [1]
    assert postman.in_doubt == [2]
    assert postman.lost_plainly == [3]
    assert postman.losses[0].why == "no reply to DOT within 0.5 s"


def test_a_reply_after_its_deadline_is_never_paired_with_the_next_command(
    journey: Journey,
) -> None:
    short = replace(PATIENT, rcpt=0.1)
    postman, server = journey(
        Script(on("RCPT", say("250 late", delay_s=0.25), nth=1, session=0), extensions=("SIZE",)),
        1,
        timeouts=short,
    )
    assert postman.lost_plainly == [1]
    assert postman.settled == []
    assert "DATA" not in server.commands


def test_a_reply_that_drips_is_ended_by_the_deadline_of_the_whole(journey: Journey) -> None:
    short = replace(PATIENT, rcpt=0.6)
    postman, _ = journey(
        Script(on("RCPT", say("250 " + "x" * 100, drip_s=0.02), nth=2)), 2, timeouts=short
    )
    assert postman.sent == [1]
    assert postman.lost_plainly == [2]


def test_a_window_that_stays_shut_is_a_plain_loss_with_bounded_memory(
    serve: Serve, uv: bool
) -> None:
    server = serve(Script(on("BODY", Act(b"", end="stall"), nth=1), extensions=("PIPELINING",)))
    held: list[int] = []

    async def main() -> Postman:
        postman = Postman([letter(1, body=b"x" * 30_000_000), letter(2)])
        endpoint = endpoint_of(server.port)
        postman._open = 1
        connection = await connect(endpoint, postman, limit=9, timeouts=replace(PATIENT, block=0.3))
        connection.wake()
        while not postman.closings:
            held.append(connection._wire.unsent)
            await asyncio.sleep(0.02)
        return postman

    postman = run(main(), uv=uv)
    assert postman.lost_plainly == [1]
    assert postman.losses[0].why == "the server took nothing for 0.3 s"
    assert max(held) < 300_000


async def narrow_dial(endpoint: Endpoint, timeout_s: float) -> socket.socket:
    """A connection whose kernel takes almost nothing off our hands."""
    made = await dial(endpoint, timeout_s)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
    return made


def test_a_dot_that_never_left_our_own_buffer_is_no_doubt(journey: Journey) -> None:
    postman, _ = journey(
        Script(on("BODY", Act(b"", end="stall"), nth=2), receive_buffer=2048),
        [letter(1), letter(2, body=b"x" * 31_000), letter(3)],
        timeouts=replace(PATIENT, block=0.3),
        dial=narrow_dial,
    )
    assert postman.sent == [1]
    assert postman.asked == [1, 2]
    assert postman.lost_plainly == [2, 3]


# -- replies out of step, and what is no reply --------------------------------------------------


@pytest.mark.parametrize(("where", "_stage"), LETTER)
@pytest.mark.parametrize("extra", ["250 2.0.0 one more", "354 one more"])
def test_an_extra_reply_is_noticed_and_ends_the_connection(
    journey: Journey, where: str, _stage: Stage, extra: str
) -> None:
    postman, server = journey(
        Script(on(where, Act(extra=f"{extra}\r\n".encode()), nth=2, times=1)), 20, connections=2
    )
    assert everyone(postman) == list(range(1, 21))
    assert sum(closing.why != "finished" for closing in postman.closings) == 1
    # What was told as sent was really accepted.
    assert set(postman.sent) <= {int(each.recipient.split("@")[0]) for each in server.accepted}
    assert len(postman.in_doubt) <= 1


GARBAGE = [
    b"25\r\n",
    b"999 what\r\n",
    b"\r\n",
    b"250-one\r\n550 two\r\n",
    b"\x00\x00\x00\r\n",
    b"\xff\xfe\xfd\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"2" * 70_000,
    b"250-" + b"y" * 70_000,
    b"250-x\r\n" * 1001,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_before_the_dot_is_a_plain_loss(journey: Journey, garbage: bytes) -> None:
    postman, _ = journey(Script(on("RCPT", say(garbage), nth=2, times=1)), 8, connections=2)
    assert postman.in_doubt == []
    assert len(postman.lost_plainly) in (1, 2)
    assert everyone(postman) == list(range(1, 9))


@pytest.mark.parametrize("garbage", [*GARBAGE, b"354 go on\r\n"], ids=range(len(GARBAGE) + 1))
def test_garbage_in_reply_to_the_dot_is_a_doubt(journey: Journey, garbage: bytes) -> None:
    postman, _ = journey(Script(on("DOT", say(garbage), nth=2, times=1)), 8, connections=2)
    assert len(postman.in_doubt) == 1
    assert everyone(postman) == list(range(1, 9))


def test_a_reply_in_pieces_without_end_is_cut_off(journey: Journey) -> None:
    endless = b"250-and on\r\n" * 900 + b"250-" + b"z" * 60_000
    postman, _ = journey(Script(on("RCPT", say(endless), nth=1)), 1)
    assert postman.lost_plainly == [1]


# -- less than a modern server ------------------------------------------------------------------


@pytest.mark.parametrize("extensions", [("8BITMIME",), ("SIZE",), (), ("PIPELINING",)])
def test_letters_arrive_with_whatever_a_server_offers(
    journey: Journey, extensions: tuple[str]
) -> None:
    postman, server = journey(Script(extensions=extensions), 5)
    assert postman.sent == [1, 2, 3, 4, 5]
    assert [each.data for each in server.accepted] == [letter(n).wire for n in range(1, 6)]


def test_a_server_without_smtputf8_fails_that_address_only(journey: Journey) -> None:
    letters = [letter(1), letter(2, "用户@example.com", needs_smtputf8=True), letter(3)]
    postman, _ = journey(Script(extensions=("PIPELINING",)), letters)
    assert postman.sent == [1, 3]
    (refused,) = [s for s in postman.settled if s.row == 2]
    assert (refused.stage, refused.reply.code, refused.reply.enhanced) == (Stage.RCPT, 553, "5.6.7")
    assert judge(refused.stage, refused.reply).class_ is ReplyClass.RECIPIENT_REFUSES


# -- TLS ends without a word --------------------------------------------------------------------


def test_tls_that_ends_without_close_notify_after_quit_is_no_trouble(
    journey: Journey, authority: Authority
) -> None:
    script = Script(
        on("QUIT", Act(b"", end="reset")), certificate=authority.issue("127.0.0.1"),
        implicit_tls=True,
    )  # fmt: skip
    postman, _ = journey(script, 2, endpoint={"security": "tls", "ca_file": authority.ca_file})
    assert postman.sent == [1, 2]
    assert [closing.why for closing in postman.closings] == ["finished"]


def test_a_tls_connection_lost_after_the_dot_leaves_the_letter_in_doubt(
    journey: Journey, authority: Authority
) -> None:
    script = Script(
        on("DOT", drop(), nth=2), certificate=authority.issue("127.0.0.1"), implicit_tls=True
    )
    postman, _ = journey(script, 3, endpoint={"security": "tls", "ca_file": authority.ca_file})
    assert postman.sent == [1]
    assert postman.in_doubt == [2]
    assert postman.lost_plainly == [3]


# -- no connection ------------------------------------------------------------------------------


def refused_connect(endpoint: Endpoint, uv: bool, **how: Any) -> ConnectRefused:
    async def main() -> ConnectRefused:
        with pytest.raises(ConnectRefused) as caught:
            await connect(endpoint, Postman(), limit=1, **how)
        return caught.value

    return run(main(), uv=uv)


def test_a_port_where_nobody_listens_is_refused_with_its_errno(uv: bool) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = refused_connect(endpoint_of(unused.getsockname()[1]), uv)
    assert (error.stage, error.errno) == (Stage.CONNECT, errno.ECONNREFUSED)
    assert error.exit_code == 69


def full_listener(family: int = socket.AF_INET) -> tuple[socket.socket, list[socket.socket]]:
    """A port whose queue is full: packets to it fall into a black hole."""
    listener = socket.socket(family)
    listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket(family)
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    return listener, fillers


def test_a_host_that_does_not_answer_is_given_up_at_the_deadline(uv: bool) -> None:
    listener, fillers = full_listener()
    error = refused_connect(
        endpoint_of(listener.getsockname()[1]), uv, timeouts=replace(PATIENT, connect=0.2)
    )
    for each in (listener, *fillers):
        each.close()
    assert error.stage is Stage.CONNECT
    assert "does not answer within 0.2 s" in str(error)


def test_a_name_that_does_not_exist_is_refused(uv: bool) -> None:
    error = refused_connect(endpoint_of(25, host="no-such-host.invalid"), uv)
    assert error.stage is Stage.CONNECT
    assert "no address found" in str(error)


@pytest.mark.parametrize("code", [errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETUNREACH])
def test_a_system_error_is_handed_on_with_its_number(uv: bool, code: int) -> None:
    async def broken(endpoint: Endpoint, timeout_s: float) -> socket.socket:
        raise ConnectRefused("no way there", Stage.CONNECT, errno=code)

    assert refused_connect(endpoint_of(25), uv, dial=broken).errno == code


def test_no_file_descriptor_left_is_told_as_such(serve: Serve, uv: bool) -> None:
    server = serve(Script())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def main() -> ConnectRefused:
        await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 1)  # its thread is there now
        with socket.socket() as probe:
            lowest = probe.fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            with pytest.raises(ConnectRefused) as caught:
                await connect(endpoint_of(server.port), Postman(), limit=1, timeouts=PATIENT)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return caught.value

    assert run(main(), uv=uv).errno == errno.EMFILE


def test_an_ipv6_black_hole_costs_a_quarter_of_a_second(serve: Serve, uv: bool) -> None:
    server = serve(Script())
    listener, fillers = full_listener(socket.AF_INET6)

    async def main() -> str:
        made = await first_to_answer(
            [
                (socket.AF_INET6, listener.getsockname()),
                (socket.AF_INET, ("127.0.0.1", server.port)),
            ]
        )
        with made:
            return str(made.getpeername()[0])

    assert run(main(), uv=uv) == "127.0.0.1"
    for each in (listener, *fillers):
        each.close()


def test_the_families_take_turns() -> None:
    six = [(socket.AF_INET6, (str(n),)) for n in range(3)]
    four = [(socket.AF_INET, (str(n),)) for n in range(1)]
    assert in_turns([*six, *four]) == [six[0], four[0], six[1], six[2]]
    assert in_turns([]) == []


def test_a_connect_called_off_leaves_nothing_behind(serve: Serve, uv: bool) -> None:
    server = serve(Script(on("CONNECT", SILENCE)))

    async def main() -> None:
        task = asyncio.ensure_future(
            connect(endpoint_of(server.port), Postman(), limit=1, timeouts=PATIENT)
        )
        while not server.sessions:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main(), uv=uv)
    assert server.sessions[0].ended.wait(5)


def test_the_farewell_of_the_server_settles_no_letter(journey: Journey) -> None:
    postman, _ = journey(Script(on("QUIT", say("421 4.3.0 good riddance"))), 1)
    assert postman.sent == [1]
    assert postman.closings[0] == (Stage.QUIT, "finished", None)
