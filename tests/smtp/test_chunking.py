"""Letters that go whole: MAIL, RCPT, BDAT and the body in one write (RFC 3030)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.clock import SystemClock
from campaign.records import Letter, Stage
from campaign.smtp import traffic
from campaign.smtp.connection import connect
from campaign.smtp.protocol import Client, Phase
from campaign.smtp.transcript import Transcript
from fakes.certificates import Authority
from fakes.postman import Postman, endpoint_of, letter, run
from fakes.scripted_smtp import CHUNKING as OFFERED
from fakes.scripted_smtp import Act, Script, ScriptedServer, drop, on, say
from fakes.sessions import TAKEN, session, written

CHUNKING = ("PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "CHUNKING")


def client(*offered: str) -> Client:
    return session(dict.fromkeys(offered or CHUNKING, ""))


def sent_whole(c: Client, letter: Letter) -> bytes:
    assert c.envelope(letter, may_go_whole=True) is None
    assert c.phase is Phase.WHOLE
    assert not c.can_take
    assert written(c) == b""
    return b"".join(c.whole())


def test_a_letter_goes_whole_on_a_quiet_connection_that_chunks() -> None:
    c = client()
    assert sent_whole(c, letter(1)) == (
        b"MAIL FROM:<ada@example.org> SIZE=28\r\nRCPT TO:<1@example.com>\r\n"
        b"BDAT 28 LAST\r\nSubject: letter 1\r\n\r\nHello\r\n"
    )
    settled = c.receive(b"250 ok\r\n250 ok\r\n250 queued\r\n")
    assert [(s[0].row, s[1], s[2].code) for s in settled if s[0]] == [(1, Stage.DOT, 250)]
    assert c.is_quiet
    assert sent_whole(c, letter(2)).startswith(b"MAIL")  # accepted: no RSET


@pytest.mark.parametrize("missing", ["PIPELINING", "CHUNKING"])
def test_no_letter_goes_whole_without_both_extensions(missing: str) -> None:
    c = client(*(name for name in CHUNKING if name != missing))
    c.envelope(letter(1), may_go_whole=True)
    assert c.phase is Phase.ENVELOPE
    c = client()
    c.do_without(frozenset({missing}))
    c.envelope(letter(1), may_go_whole=True)
    assert c.phase is Phase.ENVELOPE


def test_no_letter_goes_whole_while_a_reply_is_awaited() -> None:
    c = client()
    c.envelope(letter(1))
    c.receive(TAKEN)
    c.end_data()
    c.envelope(letter(2), may_go_whole=True)
    assert c.phase is Phase.ENVELOPE


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (b"a\r\n..\r\n..b\r\n\r\n...\r\n", b"a\r\n.\r\n.b\r\n\r\n..\r\n"),
        (b"..a\r\nb..\r\n", b".a\r\nb..\r\n"),
        (b"a\r\n.. ..\r\n", b"a\r\n. ..\r\n"),
    ],
)
def test_dot_stuffing_is_taken_away_from_what_goes_whole(wire: bytes, body: bytes) -> None:
    c = client()
    assert sent_whole(c, letter(1, wire=wire)).endswith(b"BDAT %d LAST\r\n%b" % (len(body), body))


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"\r\n"]), max_size=12))
def test_what_goes_whole_is_the_message_before_it_was_stuffed(pieces: list[bytes]) -> None:
    message = b"".join(pieces) + b"\r\n"
    wire = b"".join(
        b"." + line if line.startswith(b".") else line for line in message.splitlines(True)
    )
    c = client()
    assert sent_whole(c, letter(1, wire=wire)).partition(b"LAST\r\n")[2] == message


def test_the_next_envelope_rides_behind_a_whole_letter_with_rset_before_it() -> None:
    c = client()
    sent_whole(c, letter(1))
    assert c.can_take
    c.envelope(letter(2))
    assert written(c).startswith(b"RSET\r\nMAIL FROM:")
    assert [(each.row, stage) for each, stage in c.under_way()] == [
        (1, Stage.DOT),
        (2, Stage.MAIL),
    ]
    settled = c.receive(b"250 ok\r\n250 ok\r\n250 queued\r\n250 reset\r\n" + TAKEN)
    assert [s[0].row for s in settled if s[0]] == [1]
    assert c.phase is Phase.BODY


@pytest.mark.parametrize(
    ("replies", "stage", "code"),
    [
        (b"451 no\r\n503 MAIL first\r\n503 MAIL first\r\n", Stage.MAIL, 451),
        (b"250 ok\r\n550 no\r\n554 no recipients\r\n", Stage.RCPT, 550),
        (b"250 ok\r\n550 no\r\n250 what a server\r\n", Stage.RCPT, 550),
        (b"250 ok\r\n250 ok\r\n552 full\r\n", Stage.DOT, 552),
    ],
)
@pytest.mark.parametrize("rides", [False, True])
def test_a_refusal_of_a_whole_letter_is_paired_and_touches_no_other(
    replies: bytes, stage: Stage, code: int, rides: bool
) -> None:
    c = client()
    sent_whole(c, letter(1))
    if rides:
        c.envelope(letter(2))
    settled = c.receive(replies)
    assert [(s[0].row, s[1], s[2].code) for s in settled if s[0]] == [(1, stage, code)]
    assert not c.broken
    if not rides:
        c.envelope(letter(2))
        assert written(c).startswith(b"RSET\r\nMAIL")
    assert c.receive(b"250 reset\r\n" + TAKEN) == []
    assert c.phase is Phase.BODY
    assert c.open is not None
    assert c.open.row == 2


def test_a_refusal_of_a_whole_letter_is_told_before_bdat_is_answered() -> None:
    c = client()
    sent_whole(c, letter(1))
    assert len(c.receive(b"250 ok\r\n550 no\r\n")) == 1
    assert c.under_way() == []
    assert not c.is_quiet


def test_rcpt_taken_after_mail_was_refused_breaks_a_session_with_a_whole_letter() -> None:
    c = client()
    sent_whole(c, letter(1))
    c.receive(b"550 no\r\n250 ok\r\n250 ok\r\n")
    assert c.broken
    assert c.led_astray_by == {"CHUNKING"}


def test_a_whole_letter_is_in_doubt_from_the_first_byte_and_not_before() -> None:
    c = client()
    c.envelope(letter(1), may_go_whole=True)
    assert [stage for _, stage in c.under_way()] == [Stage.MAIL]
    c.whole()
    for reply in (b"", b"250 ok\r\n", b"250 ok\r\n"):
        c.receive(reply)
        assert [stage for _, stage in c.under_way()] == [Stage.DOT]


REPLIES = [b"250 ok", b"354 go", b"550 no", b"421 bye", b"250-a", b"x", b"451 later"]


@given(st.lists(st.sampled_from(REPLIES), max_size=12))
def test_whatever_the_server_says_no_whole_letter_is_lost_or_settled_twice(
    replies: list[bytes],
) -> None:
    c = client()
    rows = iter(range(1, 100))
    taken, done = [], []
    for reply in replies:
        while c.can_take and not c.broken:
            row = next(rows)
            taken.append(row)
            assert c.envelope(letter(row), may_go_whole=True) is None
            if c.phase is Phase.WHOLE:
                assert c.sent is None
                c.whole()
        if c.phase is Phase.BODY and not c.broken:
            assert c.sent is None
            c.end_data()
        done += [each.row for each, _, _ in c.receive(reply + b"\r\n") if each]
        if c.broken:
            break
    open_ = [each.row for each, _ in c.under_way()]
    assert sorted(done + open_) == taken


# -- over a socket -----------------------------------------------------------------------------

Journey = Callable[..., tuple[Postman, ScriptedServer]]


def test_the_first_letter_goes_whole_and_the_flow_after_it_by_data(journey: Journey) -> None:
    postman, server = journey(Script(extensions=OFFERED), letters=5)
    assert postman.sent == [1, 2, 3, 4, 5]
    assert postman.asked == [1, 2, 3, 4, 5]
    assert [each.recipient for each in server.accepted] == [f"{n}@example.com" for n in range(1, 6)]
    assert server.whole == [letter(1).wire]
    first = next(chunk for chunk in server.sessions[0].chunks if chunk.startswith(b"MAIL"))
    assert first.count(b"MAIL FROM") == 2  # the second envelope rides behind the first letter


def test_nothing_of_a_whole_letter_is_written_before_its_permission(
    serve: Callable[[Script], ScriptedServer], uv: bool
) -> None:
    server = serve(Script(extensions=OFFERED))

    async def main() -> None:
        postman = Postman([letter(1)], hold=True)
        postman._open = 1
        connection = await connect(endpoint_of(server.port), postman, limit=10)
        connection.wake()
        assert postman.asked == [1]
        assert not connection.is_idle
        session = server.sessions[0]
        assert [line.split(" ")[0] for line in session.commands] == ["EHLO"]
        postman.release()
        await postman.is_over.wait()
        assert postman.sent == [1]

    run(main(), uv=uv)
    assert len(server.whole) == 1


def test_a_connection_lost_before_the_permission_leaves_no_doubt(
    serve: Callable[[Script], ScriptedServer], uv: bool
) -> None:
    server = serve(Script(extensions=OFFERED))

    async def main() -> Postman:
        postman = Postman([letter(1)], hold=True)
        postman._open = 1
        connection = await connect(endpoint_of(server.port), postman, limit=10)
        connection.wake()
        server.sessions[0].hang_up()
        await postman.is_over.wait()
        postman.release()
        return postman

    postman = run(main(), uv=uv)
    assert postman.lost_plainly == [1]
    assert not postman.in_doubt
    assert not server.letters


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "BDAT", "DOT"])
def test_a_whole_letter_whose_connection_is_lost_is_in_doubt(journey: Journey, stage: str) -> None:
    postman, _ = journey(Script(on(stage, drop()), extensions=OFFERED), letters=1)
    assert postman.in_doubt == [1]


@pytest.mark.parametrize(
    ("stage", "reply"),
    [("MAIL", "451 4.3.0 later"), ("RCPT", "550 5.1.1 nobody"), ("DOT", "554 5.6.0 what")],
)
@pytest.mark.parametrize("bdat", ["", "250 what a server"])
def test_a_refusal_settles_its_letter_only(
    journey: Journey, stage: str, reply: str, bdat: str
) -> None:
    rules = [on(stage, say(reply), nth=1)]
    if bdat and stage == "RCPT":
        rules.append(on("BDAT", say(bdat)))
    postman, server = journey(Script(*rules, extensions=OFFERED))
    assert postman.refused == {1: (stage.lower(), int(reply[:3]))}
    assert postman.sent == [2, 3]
    assert not postman.losses
    assert len(server.sessions) == 1


def test_a_server_that_does_not_know_bdat_after_all_ends_the_connection_only(
    journey: Journey,
) -> None:
    script = Script(extensions=OFFERED, knows_bdat=False)
    postman, server = journey(script, letters=2)
    assert postman.refused == {1: ("dot", 502)}
    assert postman.lost_plainly == [2]
    assert not server.letters


def test_a_large_body_goes_by_data(journey: Journey) -> None:
    big = letter(1, body=b"x" * traffic.LARGE_BODY)
    postman, server = journey(Script(extensions=OFFERED), letters=[big])
    assert postman.sent == [1]
    assert not server.whole


def test_a_connection_long_silent_takes_its_letter_by_data(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "FRESH_S", 0.0)
    postman, server = journey(Script(extensions=OFFERED))
    assert postman.sent == [1, 2, 3]
    assert not server.whole


def test_a_letter_goes_whole_over_tls(journey: Journey, authority: Authority) -> None:
    script = Script(extensions=OFFERED, certificate=authority.issue("localhost"))
    how = {"host": "localhost", "security": "starttls", "ca_file": authority.ca_file}
    postman, server = journey(script, letters=3, endpoint=how)
    assert postman.sent == [1, 2, 3]
    assert server.whole == [letter(1).wire]


def test_a_transcript_shows_the_lines_and_the_head_of_a_whole_letter(
    journey: Journey, tmp_path: Path
) -> None:
    file = (tmp_path / "t.txt").open("w")
    journey(Script(extensions=OFFERED), letters=1, transcript=Transcript(file, SystemClock()))
    lines = (tmp_path / "t.txt").read_text().splitlines()
    said = [line.partition("CLIENT -> SERVER: ")[2] for line in lines if "CLIENT ->" in line]
    assert said[1:] == [
        "MAIL FROM:<ada@example.org> SIZE=28",
        "RCPT TO:<1@example.com>",
        "BDAT 28 LAST",
        "Subject: letter 1",
        "QUIT",
    ]


def test_every_letter_that_finds_its_connection_quiet_goes_whole(
    serve: Callable[[Script], ScriptedServer], uv: bool
) -> None:
    server = serve(Script(extensions=OFFERED))
    postman = Postman([letter(row) for row in range(1, 6)], pauses=True)
    run(postman.travel(endpoint_of(server.port)), uv=uv)
    assert postman.sent == postman.whole == [1, 2, 3, 4, 5]
    letters = [chunk for chunk in server.sessions[0].chunks if chunk.startswith(b"MAIL")]
    assert [chunk.count(b"BDAT") for chunk in letters] == [1] * 5


def test_a_slow_bdat_reply_lets_no_second_end_of_data_out(journey: Journey) -> None:
    postman, server = journey(Script(on("DOT", Act(delay_s=0.05)), extensions=OFFERED), letters=4)
    assert postman.sent == [1, 2, 3, 4]  # the postman itself asserts one letter in doubt at most
    assert len(server.accepted) == 4
