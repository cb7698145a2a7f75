"""Replies cut out of bytes, whole and hostile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.records import Reply
from campaign.smtp.replies.parsing import MAX_REPLY_BYTES, MAX_REPLY_LINES, ReplyParser, make_reply


def feed(*chunks: bytes) -> tuple[list[Reply], str]:
    parser = ReplyParser()
    replies = [reply for chunk in chunks for reply in parser.feed(chunk)]
    return replies, parser.problem


def test_one_line_is_a_reply() -> None:
    assert feed(b"250 2.1.0 Ok\r\n") == ([Reply(250, ("2.1.0 Ok",), "2.1.0")], "")


def test_the_lines_of_a_multiline_reply_stay_together() -> None:
    replies, _ = feed(b"250-one\r\n250-two\r\n250 three\r\n")
    assert replies == [Reply(250, ("one", "two", "three"))]


def test_a_code_alone_is_a_reply() -> None:
    assert feed(b"250\r\n")[0] == [Reply(250, ("",))]


def test_a_bare_line_feed_ends_a_line() -> None:
    assert feed(b"250 ok\n354 go\r\n")[0] == [Reply(250, ("ok",)), Reply(354, ("go",))]


def test_the_enhanced_code_is_that_of_the_first_line_that_has_one() -> None:
    reply = feed(b"550-Sorry\r\n550-5.1.1 no such user\r\n550 5.7.1 really\r\n")[0][0]
    assert reply.enhanced == "5.1.1"


@pytest.mark.parametrize(
    ("text", "enhanced"),
    [
        ("5.7.606 banned", "5.7.606"),
        ("#5.1.0 Address rejected", "5.1.0"),
        ("(5.1.1) unknown", "5.1.1"),
        ("192.0.2.1 is blocked", ""),
        ("5.7.1234 no", ""),
        ("ok 5.1.1", ""),
    ],
)
def test_only_a_code_at_the_start_of_a_line_is_an_enhanced_code(text: str, enhanced: str) -> None:
    assert make_reply(550, (text,)).enhanced == enhanced


lines = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["C"]))


@given(
    st.lists(st.tuples(st.integers(200, 599), st.lists(lines, min_size=1, max_size=4)), max_size=5),
    st.lists(st.integers(1, 30)),
)
def test_replies_come_out_the_same_however_the_bytes_are_cut(
    replies: list[tuple[int, list[str]]], cuts: list[int]
) -> None:
    wire = b"".join(
        f"{code}{' ' if i == len(texts) - 1 else '-'}{text}\r\n".encode()
        for code, texts in replies
        for i, text in enumerate(texts)
    )
    parser = ReplyParser()
    got: list[Reply] = []
    rest = wire
    for cut in [*cuts, len(wire)]:
        got += parser.feed(rest[:cut])
        rest = rest[cut:]
    got += parser.feed(rest)
    assert not parser.problem
    assert [reply.code for reply in got] == [code for code, _ in replies]
    assert [len(reply.lines) for reply in got] == [len(texts) for _, texts in replies]
    assert parser.is_empty


@given(st.binary(max_size=300))
def test_any_bytes_make_replies_or_a_problem_and_no_control_character_gets_through(
    data: bytes,
) -> None:
    replies, _ = feed(data)
    for reply in replies:
        assert 200 <= reply.code <= 599
        assert all(line.isprintable() for line in reply.lines)


@pytest.mark.parametrize(
    "garbage",
    [b"25\r\n", b"\r\n", b"999 no\r\n", b"199 no\r\n", b"2500 no\r\n", b"abc\r\n", b"250_x\r\n",
     b"HTTP/1.1 400 Bad Request\r\n", b"\xb2\xb50 ok\r\n"],
)  # fmt: skip
def test_what_is_no_reply_is_a_problem(garbage: bytes) -> None:
    replies, problem = feed(garbage)
    assert not replies
    assert problem


def test_a_code_that_changes_within_a_reply_is_a_problem() -> None:
    assert "from 250 to 550" in feed(b"250-one\r\n550 two\r\n")[1]


def test_the_replies_before_garbage_count() -> None:
    replies, problem = feed(b"250 queued\r\nrubbish\r\n250 more\r\n")
    assert [reply.code for reply in replies] == [250]
    assert problem


def test_after_a_problem_nothing_is_understood() -> None:
    parser = ReplyParser()
    parser.feed(b"rubbish\r\n")
    assert parser.feed(b"250 ok\r\n") == []


def test_a_line_without_end_is_cut_off_at_64_kb() -> None:
    parser = ReplyParser()
    for _ in range(MAX_REPLY_BYTES // 1024 + 1):
        parser.feed(b"2" * 1024)
    assert "64 KB" in parser.problem


def test_an_endless_reply_is_cut_off_at_a_thousand_lines() -> None:
    assert feed(b"250-x\r\n" * (MAX_REPLY_LINES + 1))[1]
    assert not feed(b"250-x\r\n" * (MAX_REPLY_LINES - 1) + b"250 x\r\n")[1]


def test_long_lines_together_are_cut_off_at_64_kb() -> None:
    assert feed(*[b"250-" + b"x" * 8000 + b"\r\n"] * 9)[1]


def test_control_characters_and_broken_utf8_are_stored_escaped() -> None:
    reply = feed(b"550 \x1b[31mred\x00 caf\xc3\xa9 \xff\r\n")[0][0]
    assert reply.text == r"\x1b[31mred\x00 café \xff"


def test_an_incomplete_reply_is_no_reply() -> None:
    parser = ReplyParser()
    assert parser.feed(b"250 queue") == []
    assert not parser.is_empty
