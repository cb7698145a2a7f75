"""The session without a socket: what is written when, and what each reply does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.records import Letter, Reply, Stage
from campaign.smtp.commands import CommandError, Notifications, command_line, xtext
from campaign.smtp.extensions import Extensions, read_extensions
from campaign.smtp.protocol import ANSWERS, Client, Phase, Step
from campaign.smtp.replies.parsing import make_reply
from fakes.mail.postman import letter
from fakes.mail.sessions import TAKEN, session, written

MODERN = {"PIPELINING": "", "SIZE": "100000", "8BITMIME": "", "SMTPUTF8": "", "DSN": ""}


def client(**keywords: str) -> Client:
    return session(keywords or MODERN)


def begun(client: Client, first: Letter) -> Client:
    """The server waits for the body of this letter."""
    assert client.envelope(first) is None
    client.receive(TAKEN)
    written(client)
    assert client.phase is Phase.BODY
    return client


def test_a_whole_envelope_is_one_write_where_the_server_pipelines() -> None:
    c = client()
    assert c.envelope(letter(1)) is None
    assert written(c) == (
        b"MAIL FROM:<ada@example.org> SIZE=28\r\nRCPT TO:<1@example.com>\r\nDATA\r\n"
    )


def test_one_command_at_a_time_where_it_does_not() -> None:
    c = client(SIZE="")
    c.envelope(letter(1))
    assert written(c) == b"MAIL FROM:<ada@example.org> SIZE=28\r\n"
    c.receive(b"250 ok\r\n")
    assert written(c) == b"RCPT TO:<1@example.com>\r\n"
    c.receive(b"250 ok\r\n")
    assert written(c) == b"DATA\r\n"
    c.receive(b"354 go\r\n")
    assert c.phase is Phase.BODY
    c.end_data()
    assert written(c) == b".\r\n"
    assert not c.can_take


def test_the_next_envelope_rides_behind_the_dot() -> None:
    c = begun(client(), letter(1))
    c.end_data()
    assert c.can_take
    c.envelope(letter(2))
    assert written(c).startswith(b".\r\nMAIL FROM:")
    assert not c.can_take


def test_a_session_told_to_wait_for_the_reply_to_the_dot_does_so() -> None:
    c = begun(client(), letter(1))
    c.step = Step.TOGETHER
    c.end_data()
    assert not c.can_take
    c.receive(b"250 queued\r\n")
    assert c.can_take
    written(c)
    c.envelope(letter(2))
    assert written(c).endswith(b"DATA\r\n")
    assert c.step_used(Stage.MAIL) is Step.TOGETHER


def test_a_step_changed_in_the_middle_of_an_envelope_holds_from_the_next_one_on() -> None:
    c = client()
    c.envelope(letter(1))
    c.step = Step.SINGLY
    written(c)
    c.receive(TAKEN)
    assert written(c) == b""
    assert c.phase is Phase.BODY
    c.end_data()
    c.receive(b"250 queued\r\n")
    c.envelope(letter(2))
    c.step = Step.BEHIND_DOT
    written(c)
    c.receive(b"250 ok\r\n")
    assert written(c).startswith(b"RCPT")


def test_a_ride_is_unanswered_until_the_first_reply_to_it() -> None:
    c = begun(client(), letter(1))
    c.end_data()
    assert not c.is_ride_unanswered
    c.envelope(letter(2))
    assert c.is_ride_unanswered
    c.receive(b"250 queued\r\n")
    assert c.is_ride_unanswered
    assert c.step_used(Stage.DOT) is Step.TOGETHER
    c.receive(b"250 ok\r\n")
    assert not c.is_ride_unanswered
    assert c.step_used(Stage.RCPT) is Step.BEHIND_DOT


def test_one_read_settles_a_letter_and_opens_the_next_body() -> None:
    c = begun(client(), letter(1))
    c.end_data()
    c.envelope(letter(2))
    settled = c.receive(b"250 queued\r\n" + TAKEN)
    assert [(s[0].row, s[1], s[2].code) for s in settled if s[0]] == [(1, Stage.DOT, 250)]
    assert c.phase is Phase.BODY
    assert c.open is not None
    assert c.open.row == 2


def test_no_second_dot_while_one_is_unanswered() -> None:
    c = begun(client(), letter(1))
    c.end_data()
    c.envelope(letter(2))
    c.receive(b"250 ")  # not yet a reply
    assert c.phase is Phase.ENVELOPE


@pytest.mark.parametrize(
    ("replies", "stage", "code"),
    [
        (b"250 ok\r\n550 no\r\n554 none\r\n", Stage.RCPT, 550),
        (b"250 ok\r\n250 ok\r\n451 no\r\n", Stage.DATA, 451),
    ],
)
def test_the_first_refusal_settles_and_rset_goes_before_the_next_mail(
    replies: bytes, stage: Stage, code: int
) -> None:
    c = client()
    c.envelope(letter(1))
    written(c)
    settled = c.receive(replies)
    assert [(s[1], s[2].code) for s in settled] == [(stage, code)]
    assert not c.broken
    assert c.can_take
    c.envelope(letter(2))
    assert written(c).startswith(b"RSET\r\nMAIL FROM:")
    c.receive(b"250 reset\r\n" + TAKEN)
    assert c.phase is Phase.BODY


def test_after_a_refused_mail_no_rset_is_needed() -> None:
    c = client()
    c.envelope(letter(1))
    c.receive(b"451 no\r\n503 bad\r\n503 bad\r\n")
    written(c)
    c.envelope(letter(2))
    assert written(c).startswith(b"MAIL FROM:")
    assert c.resets == 0


def test_a_refused_rset_is_told_and_leaves_the_letter_behind_it_open() -> None:
    c = client()
    c.envelope(letter(1))
    c.receive(b"250 ok\r\n550 no\r\n554 none\r\n")
    c.envelope(letter(2))
    settled = c.receive(b"554 Too many nonmail commands\r\n")
    assert [(each, stage, reply.code) for each, stage, reply in settled] == [
        (None, Stage.RSET, 554)
    ]
    assert not c.broken
    assert [(each.row, stage) for each, stage in c.under_way()] == [(2, Stage.MAIL)]
    assert c.resets == 1


def test_a_refusal_is_told_before_the_rest_of_the_replies_has_come() -> None:
    c = client()
    c.envelope(letter(1))
    assert len(c.receive(b"250 ok\r\n550 no\r\n")) == 1
    assert not c.can_take
    assert c.receive(b"554 none\r\n") == []
    assert c.can_take


def test_data_accepted_without_recipients_gets_a_lone_dot_whose_reply_says_nothing() -> None:
    c = client()
    c.envelope(letter(1))
    written(c)
    c.receive(b"250 ok\r\n550 no\r\n354 go\r\n")
    assert written(c) == b".\r\n"
    assert c.can_take
    c.envelope(letter(2))
    assert written(c).startswith(b"MAIL")  # the transaction is over: no RSET
    assert c.receive(b"554 empty\r\n" + TAKEN) == []
    assert c.phase is Phase.BODY


def test_data_accepted_after_mail_was_refused_and_rcpt_taken_breaks_the_session() -> None:
    c = client()
    c.envelope(letter(1))
    written(c)
    c.receive(b"550 no\r\n250 ok\r\n354 go\r\n")
    assert c.broken
    assert written(c) == b""


def test_a_refusal_while_the_body_is_on_its_way_is_the_verdict() -> None:
    c = begun(client(), letter(1))
    settled = c.receive(b"550 5.7.1 spam\r\n")
    assert [(s[0].row, s[2].code) for s in settled if s[0]] == [(1, 550)]
    assert c.broken


@pytest.mark.parametrize("extra", [b"250 ok\r\n", b"354 go\r\n", b"220 hi\r\n"])
def test_a_reply_to_nothing_breaks_the_session(extra: bytes) -> None:
    c = client()
    c.receive(extra)
    assert c.broken


def test_an_extra_reply_before_the_data_reply_is_noticed_before_a_dot_is_written() -> None:
    c = client()
    c.envelope(letter(1))
    c.receive(b"250 ok\r\n250 ok\r\n250 extra\r\n354 go\r\n")
    assert c.broken
    assert c.phase is not Phase.BODY


def test_what_came_before_the_break_is_still_settled() -> None:
    c = begun(client(), letter(1))
    c.end_data()
    settled = c.receive(b"250 queued\r\nrubbish\r\n")
    assert len(settled) == 1
    assert c.broken


def test_a_farewell_is_heard_while_idle() -> None:
    c = client()
    ((nobody, _, reply),) = c.receive(b"421 4.4.2 idle too long\r\n")
    assert nobody is None
    assert reply.code == 421
    assert c.broken


def test_letters_under_way_are_named_with_the_reply_they_miss() -> None:
    c = client()
    assert c.under_way() == []
    c.envelope(letter(1))
    assert [(each.row, stage) for each, stage in c.under_way()] == [(1, Stage.MAIL)]
    c.receive(b"250 ok\r\n")
    assert [stage for _, stage in c.under_way()] == [Stage.RCPT]
    c.receive(b"250 ok\r\n354 go\r\n")
    assert [stage for _, stage in c.under_way()] == [Stage.DATA]
    c.end_data()
    c.envelope(letter(2))
    assert [(each.row, stage) for each, stage in c.under_way()] == [
        (1, Stage.DOT),
        (2, Stage.MAIL),
    ]


def test_the_table_has_a_row_for_every_stage_with_a_reply() -> None:
    assert set(ANSWERS) == set(Stage) - {Stage.CONNECT}


# -- settled without asking the server ---------------------------------------------------------


def test_a_message_larger_than_size_allows_is_refused_unasked() -> None:
    c = client()
    refusal = c.envelope(letter(1, size_bytes=100001))
    assert refusal == (
        Stage.MAIL,
        Reply(552, ("message of 100001 bytes exceeds the server's limit of 100000",), "5.3.4"),
    )
    assert c.can_take
    assert written(c) == b""


def test_size_0_states_no_limit() -> None:
    c = client(PIPELINING="", SIZE="0")
    assert c.envelope(letter(1, size_bytes=10**9)) is None


def test_an_address_that_needs_smtputf8_is_refused_where_it_is_not_offered() -> None:
    c = client(PIPELINING="")
    refusal = c.envelope(letter(1, "用户@例子.example", needs_smtputf8=True))
    assert refusal is not None
    assert (refusal[0], refusal[1].code, refusal[1].enhanced) == (Stage.RCPT, 553, "5.6.7")


def test_an_address_that_needs_smtputf8_says_so_where_it_is_offered() -> None:
    c = client()
    assert c.envelope(letter(1, "用户@xn--fsqu00a.example", needs_smtputf8=True)) is None
    out = written(c).decode()
    assert out.startswith("MAIL FROM:<ada@example.org> SIZE=28 SMTPUTF8\r\n")
    assert "RCPT TO:<用户@xn--fsqu00a.example>\r\n" in out


GREETINGS = "Subject: Grüße\r\n\r\nGuten Tag\r\n".encode()


def test_smtputf8_is_not_said_for_an_ascii_address() -> None:
    c = client()
    c.envelope(letter(1))
    assert b"SMTPUTF8" not in written(c)


def test_an_8bit_message_asks_for_8bitmime_or_is_refused() -> None:
    c = client()
    assert c.envelope(letter(1, wire=GREETINGS, needs_smtputf8=True)) is None
    assert b" BODY=8BITMIME SMTPUTF8\r\n" in written(c)
    lame = client(SMTPUTF8="")
    refusal = lame.envelope(letter(1, wire=GREETINGS, needs_smtputf8=True))
    assert refusal is not None
    assert refusal[1].enhanced == "5.6.3"


def test_what_is_done_without_is_not_said() -> None:
    eight = letter(1, wire=GREETINGS, needs_smtputf8=True)
    c = Client(Notifications(("failure",), "hdrs", "spring"))
    c.extensions = Extensions("server", MODERN)
    assert c.parameters_used(eight) == {"SIZE", "DSN", "8BITMIME"}
    c.do_without(frozenset({"SIZE", "DSN", "8BITMIME"}))
    c.step = Step.SINGLY
    assert c.parameters_used(eight) == frozenset()
    assert c.envelope(eight) is None
    assert written(c) == b"MAIL FROM:<ada@example.org> SMTPUTF8\r\n"
    c.receive(b"250 ok\r\n")
    assert written(c) == b"RCPT TO:<1@example.com>\r\n"
    refusal = client().envelope(letter(2, size_bytes=100001))
    c.receive(b"451 later\r\n")
    assert c.envelope(letter(2, size_bytes=100001)) == refusal  # the limit holds all the same


def test_the_null_sender_is_written_empty() -> None:
    c = client()
    c.envelope(letter(1, sender=""))
    assert written(c).startswith(b"MAIL FROM:<> SIZE=")


def test_dsn_parameters_are_said_where_asked_and_offered() -> None:
    c = Client(Notifications(("failure", "delay"), "hdrs", "spring"))
    c.extensions = Extensions("server", MODERN)
    c.envelope(letter(7, "ada+spring@example.com"))
    out = written(c).decode()
    assert " RET=HDRS ENVID=spring.7\r\n" in out
    assert " NOTIFY=FAILURE,DELAY ORCPT=rfc822;ada+2Bspring@example.com\r\n" in out
    c = Client(Notifications(("never",)))
    c.extensions = Extensions("server", {"PIPELINING": ""})
    c.envelope(letter(7))
    assert b"NOTIFY" not in written(c)


@given(st.text(st.characters(max_codepoint=0x2FF)))
def test_xtext_is_printable_ascii_and_can_be_read_back(text: str) -> None:
    wire = xtext(text)
    assert wire.isascii()
    assert " " not in wire
    parts = wire.split("+")
    back = parts[0].encode() + b"".join(bytes.fromhex(p[:2]) + p[2:].encode() for p in parts[1:])
    assert back.decode() == text


# -- the gate ----------------------------------------------------------------------------------


@given(st.text(st.characters()), st.booleans())
def test_no_control_character_ever_passes_the_gate(text: str, utf8: bool) -> None:
    try:
        line = command_line(text, utf8=utf8)
    except CommandError:
        return
    assert line.endswith(b"\r\n")
    assert not any(octet < 32 or octet == 127 for octet in line[:-2])
    assert len(line) <= 512


@pytest.mark.parametrize("char", [*map(chr, range(32)), "\x7f"])
def test_each_control_character_is_refused_by_name(char: str) -> None:
    with pytest.raises(CommandError, match="control character"):
        command_line(f"RCPT TO:<a{char}@example.com>")


def test_a_command_ends_at_512_octets() -> None:
    assert len(command_line("x" * 510)) == 512
    with pytest.raises(CommandError, match="513 octets"):
        command_line("x" * 511)


@pytest.mark.parametrize(
    "recipient",
    [
        "a@b.example>\r\nRCPT TO:<eve@example.com",
        "a@b.example\nDATA",
        "a@b.example> NOTIFY=NEVER",
        "<a@b.example",
        "a b@c.example",
        "a\x00@b.example",
        "ü@b.example",
        "\ud800@b.example",
        "a" * 1000 + "@b.example",
    ],
)
def test_a_hostile_address_never_reaches_the_wire(recipient: str) -> None:
    c = client()
    refusal = c.envelope(letter(1, recipient))
    assert refusal is not None
    assert refusal[1].enhanced == "5.1.3"
    assert written(c) == b""
    assert c.can_take


def test_a_hostile_sender_never_reaches_the_wire() -> None:
    c = client()
    assert c.envelope(letter(1, sender="a@b.example\r\nRSET")) is not None
    assert written(c) == b""


# -- EHLO --------------------------------------------------------------------------------------


def test_extensions_are_read_in_any_case_and_in_the_old_form_of_auth() -> None:
    reply = make_reply(
        250,
        ("mx.example greets you", "pipelining", "SIZE 35882577", "AUTH=LOGIN PLAIN",
         "AUTH CRAM-MD5", "LIMITS RCPTMAX=20 MAILMAX=5"),
    )  # fmt: skip
    extensions = read_extensions(reply)
    assert extensions.name == "mx.example"
    assert "PIPELINING" in extensions
    assert extensions.max_size_bytes == 35882577
    assert extensions.login_mechanisms == {"login", "plain", "cram-md5"}
    assert extensions.letters_per_connection == 5


@pytest.mark.parametrize("size", ["", "abc", "-5", "１２"])  # noqa: RUF001
def test_a_size_that_is_no_number_states_no_limit(size: str) -> None:
    assert Extensions("", {"SIZE": size}).max_size_bytes == 0


@given(st.lists(st.sampled_from([b"250 ok\r\n", b"354 go\r\n", b"550 no\r\n", b"421 bye\r\n",
                                 b"250-a\r\n", b"x\r\n", b"451 later\r\n"]), max_size=12),
       st.booleans())  # fmt: skip
def test_whatever_the_server_says_no_letter_is_lost_or_settled_twice(
    replies: list[bytes], pipelining: bool
) -> None:
    c = client(PIPELINING="") if pipelining else client(SIZE="")
    rows = iter(range(1, 100))
    taken, done = [], []
    for reply in replies:
        if c.can_take and not c.broken:
            row = next(rows)
            taken.append(row)
            assert c.envelope(letter(row)) is None
        if c.phase is Phase.BODY and c.sent is None and not c.broken:
            c.end_data()
        done += [each.row for each, _, _ in c.receive(reply) if each]
        if c.broken:
            break
    open_ = [each.row for each, _ in c.under_way()]
    assert sorted(done + open_) == taken


def test_without_pipelining_mail_waits_for_the_answer_to_rset() -> None:
    client = Client()
    client.extensions = Extensions("server", {"SIZE": ""})
    client.envelope(letter(1))
    client.receive(b"250 ok\r\n")
    client.receive(b"550 5.1.1 no\r\n")
    client.out.clear()
    client.envelope(letter(2))
    assert client.out == [b"RSET\r\n"]
    client.out.clear()
    client.receive(b"250 ok\r\n")
    assert [line[:4] for line in client.out] == [b"MAIL"]
    client.out.clear()
    client.receive(b"250 ok\r\n")
    assert [line[:4] for line in client.out] == [b"RCPT"]
