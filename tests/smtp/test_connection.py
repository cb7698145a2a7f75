"""Letters over one connection: what is written together, in which order, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from campaign.records import Letter, Reply, Stage
from campaign.smtp.connection import Connection
from campaign.smtp.opening.connect import connect
from fakes.mail.postman import PATIENT, Postman, endpoint_of, letter, run
from fakes.mail.scripted_smtp import Script, ScriptedServer, on, say

Journey = Callable[..., tuple[Postman, ScriptedServer]]
Serve = Callable[[Script], ScriptedServer]


def test_every_letter_arrives_once_and_is_told_once(journey: Journey) -> None:
    postman, server = journey(Script(), 60, connections=3)
    assert postman.sent == list(range(1, 61))
    assert sorted(int(x.recipient.split("@")[0]) for x in server.accepted) == postman.sent
    assert not postman.losses
    assert [closing.why for closing in postman.closings] == ["finished"] * 3


def test_the_body_arrives_as_it_was_and_only_the_dots_are_undone(journey: Journey) -> None:
    wire = b"Subject: dots\r\n\r\n..one\r\nx\r\n....\r\n"
    _, server = journey(Script(), [letter(1, wire=wire)])
    assert server.accepted[0].data == b"Subject: dots\r\n\r\n.one\r\nx\r\n...\r\n"


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_large_and_small_bodies_arrive_whole(journey: Journey, extensions: tuple[str]) -> None:
    lines = b"".join(b"line %07d of a long message\r\n" % n for n in range(60_000))
    letters = [letter(row, body=lines if row % 2 else b"small") for row in range(1, 6)]
    postman, server = journey(Script(extensions=extensions), letters)
    assert postman.sent == [1, 2, 3, 4, 5]
    assert [each.data for each in server.accepted] == [each.wire for each in letters]


def test_body_dot_and_next_envelope_go_out_in_one_write(journey: Journey) -> None:
    _, server = journey(Script(), 3)
    (middle,) = [c for c in server.sessions[0].chunks if c.startswith(b"Subject: letter 2")]
    assert middle == (
        letter(2).wire + b".\r\n"
        b"MAIL FROM:<ada@example.org> SIZE=28\r\nRCPT TO:<3@example.com>\r\nDATA\r\n"
    )


def test_nothing_rides_behind_the_dot_of_a_server_that_does_not_pipeline(journey: Journey) -> None:
    postman, server = journey(Script(extensions=("SIZE",)), 3)
    assert postman.sent == [1, 2, 3]
    assert all(
        chunk.count(b"\r\n") == 1 or b"Subject" in chunk for chunk in server.sessions[0].chunks
    )
    assert all(
        chunk.endswith(b"\r\n.\r\n") for chunk in server.sessions[0].chunks if b"Sub" in chunk
    )


async def settle(condition: Callable[[], bool]) -> None:
    """Wait for something that threads and sockets bring about."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def test_the_dot_waits_for_its_permission(serve: Serve, uv: bool) -> None:
    server = serve(Script())
    large = b"x" * 70 + b"\r\n"
    letters = [letter(1), letter(2, body=large * 2000)]

    async def main() -> None:
        postman = Postman(letters, hold=True)
        connection = await connect(endpoint_of(server.port), postman, limit=9, timeouts=PATIENT)
        postman._open = 1
        connection.wake()
        await settle(lambda: postman.asked == [1])
        assert not any(b"Subject" in chunk for chunk in server.sessions[0].chunks)
        postman.release()
        await settle(lambda: postman.asked == [1, 2])
        # A large body is on its way while the permission is still out; only its dot waits.
        await settle(lambda: sum(map(len, server.sessions[0].chunks)) > len(letters[1].wire))
        assert len(server.letters) == 1
        postman.release()
        await settle(lambda: len(postman.sent) == 2)
        await asyncio.wait_for(postman.is_over.wait(), 5)

    run(main(), uv=uv)
    assert [each.data for each in server.accepted] == [each.wire for each in letters]


def test_permission_for_a_letter_is_not_asked_before_the_one_before_is_answered(
    journey: Journey,
) -> None:
    # The postman asserts it at every `permit_dot`; a slow reply to the dot gives it the chance.
    postman, _ = journey(Script(on("DOT", say("250 ok", delay_s=0.05))), 5)
    assert postman.asked == postman.sent == [1, 2, 3, 4, 5]


class Patient(Postman):
    """Lets a connection idle where there is no letter."""

    def next_letter(self, connection: Connection) -> Letter | None:
        return self.waiting.pop(0) if self.waiting else None


def test_an_idle_connection_takes_letters_again_when_woken(serve: Serve, uv: bool) -> None:
    server = serve(Script())

    async def main() -> None:
        postman = Patient()
        connection = await connect(endpoint_of(server.port), postman, limit=9, timeouts=PATIENT)
        assert connection.is_idle
        connection.wake()
        assert connection.is_idle
        for row in (1, 2):
            postman.waiting.append(letter(row))
            connection.wake()
            assert not connection.is_idle
            await settle(lambda: connection.is_idle)
        assert postman.sent == [1, 2]
        assert connection.letters == 2
        connection.finish()
        await settle(lambda: bool(postman.closings))
        assert not connection.is_idle

    run(main(), uv=uv)


def test_a_letter_that_comes_while_the_dot_is_unanswered_still_rides_behind_it(
    serve: Serve, uv: bool
) -> None:
    server = serve(Script(on("DOT", say("250 ok", delay_s=0.2), nth=1)))

    async def main() -> None:
        postman = Patient([letter(1)])
        connection = await connect(endpoint_of(server.port), postman, limit=9, timeouts=PATIENT)
        connection.wake()
        await settle(lambda: len(server.letters) == 1)
        postman.waiting.append(letter(2))
        connection.wake()
        assert connection.letters == 2
        assert postman.sent == []
        await settle(lambda: postman.sent == [1, 2])
        connection.abort("enough")

    run(main(), uv=uv)


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("PIPELINING", "LIMITS MAILMAX=2"), ()])
def test_a_connection_carries_no_more_letters_than_its_limit(
    journey: Journey, extensions: tuple[str]
) -> None:
    limit = 2 if len(extensions) == 2 else 3
    postman, server = journey(
        Script(extensions=extensions), 6, connections=2, limit=99 if limit == 2 else 3
    )
    assert [len(session.letters) for session in server.sessions] == [limit, limit]
    assert postman.sent == list(range(1, 2 * limit + 1))
    assert all(session.commands[-1] == "QUIT" for session in server.sessions)


def test_finish_lets_the_letters_under_way_go_out(serve: Serve, uv: bool) -> None:
    server = serve(Script(on("DOT", say("250 ok", delay_s=0.5))))

    async def main() -> Postman:
        postman = Patient([letter(row) for row in range(1, 9)])
        connection = await connect(endpoint_of(server.port), postman, limit=9, timeouts=PATIENT)
        connection.wake()
        await settle(lambda: len(server.letters) == 1)
        connection.finish()
        await settle(lambda: bool(postman.closings))
        return postman

    postman = run(main(), uv=uv)
    assert postman.sent == [1, 2]
    assert not postman.losses
    assert server.sessions[0].commands[-1] == "QUIT"


def test_abort_tells_every_loss_and_then_the_end_once(serve: Serve, uv: bool) -> None:
    server = serve(Script(on("DOT", say("250 ok", delay_s=5.0))))

    async def main() -> Postman:
        postman = Patient([letter(1), letter(2)])
        connection = await connect(endpoint_of(server.port), postman, limit=9, timeouts=PATIENT)
        connection.wake()
        await settle(lambda: len(server.letters) == 1)
        connection.abort("stopped by hand")
        assert not postman.losses
        await settle(lambda: bool(postman.closings))
        connection.abort("again")
        connection.finish()
        connection.wake()
        await asyncio.sleep(0.02)
        return postman

    postman = run(main(), uv=uv)
    assert [(x.row, x.stage, x.dot_written, x.why) for x in postman.losses] == [
        (1, Stage.DOT, True, "stopped by hand"),
        (2, Stage.MAIL, False, "stopped by hand"),
    ]
    assert len(postman.closings) == 1


def test_a_permission_that_comes_after_the_end_does_nothing(serve: Serve, uv: bool) -> None:
    server = serve(Script())

    async def main() -> Postman:
        postman = Patient([letter(1)])
        postman._hold = True
        connection = await connect(endpoint_of(server.port), postman, limit=9, timeouts=PATIENT)
        connection.wake()
        await settle(lambda: postman.asked == [1])
        connection.abort("gone")
        postman.release()
        await settle(lambda: bool(postman.closings))
        postman.release()
        return postman

    postman = run(main(), uv=uv)
    assert [(x.row, x.stage, x.dot_written) for x in postman.losses] == [(1, Stage.DATA, False)]
    assert server.letters == []


class Hasty(Postman):
    """Permits at once, in the same breath."""

    def permit_dot(self, connection: Connection, letter: Letter, go: Callable[[], None]) -> None:
        self.asked.append(letter.row)
        go()


def test_a_permission_given_at_once_is_as_good(serve: Serve, uv: bool) -> None:
    server = serve(Script())
    letters = [letter(1), letter(2, body=b"y" * 900_000), letter(3)]
    postman = run(Hasty(letters).travel(endpoint_of(server.port)), uv=uv)
    assert postman.sent == [1, 2, 3]
    assert [each.data for each in server.accepted] == [each.wire for each in letters]


def test_a_letter_too_large_is_settled_without_a_word_to_the_server(journey: Journey) -> None:
    letters = [letter(1), letter(2, size_bytes=500_000), letter(3)]
    postman, server = journey(Script(extensions=("PIPELINING", "SIZE 100000")), letters)
    assert postman.sent == [1, 3]
    assert postman.refused == {2: ("mail", 552)}
    assert postman.asked == [1, 3]
    assert not any("<2@" in command for command in server.commands)


def test_an_idle_connection_says_quit_before_the_middlebox_forgets_it(
    serve: Serve, uv: bool
) -> None:
    server = serve(Script())

    async def main() -> Postman:
        postman = Patient([letter(1)])
        timeouts = replace(PATIENT, idle=0.05)
        connection = await connect(endpoint_of(server.port), postman, limit=9, timeouts=timeouts)
        connection.wake()
        await settle(lambda: bool(postman.closings))
        return postman

    postman = run(main(), uv=uv)
    assert server.sessions[0].commands[-1] == "QUIT"
    assert postman.closings[0].why == "finished"


def test_the_end_of_an_idle_connection_is_noticed_at_once(serve: Serve, uv: bool) -> None:
    server = serve(Script())

    async def main() -> Postman:
        postman = Patient()
        connection = await connect(endpoint_of(server.port), postman, limit=9, timeouts=PATIENT)
        server.sessions[0].hang_up()
        await settle(lambda: bool(postman.closings))
        assert not connection.is_idle
        return postman

    assert run(main(), uv=uv).closings[0].why == "the server closed the connection"


def test_a_farewell_to_an_idle_connection_is_handed_on(serve: Serve, uv: bool) -> None:
    server = serve(Script())

    async def main() -> Postman:
        postman = Patient()
        await connect(endpoint_of(server.port), postman, limit=9, timeouts=PATIENT)
        server.sessions[0]._sock.sendall(b"421 4.4.2 idle too long\r\n")
        await settle(lambda: bool(postman.closings))
        return postman

    assert run(main(), uv=uv).closings[0].reply == Reply(421, ("4.4.2 idle too long",), "4.4.2")
