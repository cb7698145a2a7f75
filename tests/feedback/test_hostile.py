"""Mails that are made to hurt their reader: bounded time and memory, and no exception."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.feedback.parsing.mail import read_mail
from campaign.feedback.parsing.meaning import class_of
from campaign.feedback.parsing.notices import Sort
from campaign.feedback.parsing.reading import digest_of, read
from feedback.corpus import ADA, CORPUS, MESSAGE_ID, SENDER, Sample, dsn, mail

_MEMORY = 60 << 20  # bytes, beside the mail itself
HEAD = "From: MAILER-DAEMON@mx.example.net\nTo: b@example.com\nSubject: Undelivered Mail\n"
HTML = HEAD.encode() + b"Content-Type: text/html\n\n"


def nested(levels: int) -> str:
    text = HEAD
    for level in range(levels):
        text += f'Content-Type: multipart/mixed; boundary="b{level}"\n\n--b{level}\n'
    return text


def nested_mails(levels: int) -> str:
    return HEAD + "Content-Type: message/rfc822\n\nFrom: a@b.example\n" * levels


HOSTILE: dict[str, Callable[[], bytes]] = {
    "50 MB": lambda: dsn("5.1.1", "smtp; 550 5.1.1 user unknown") + b"x" * 50_000_000,
    "50 MB of lines": lambda: HEAD.encode() + b"\n" + b"550 5.1.1 a@b.example\n" * 2_300_000,
    "10,000 parts": lambda: (HEAD + "Content-Type: multipart/mixed; boundary=b\n\n"
                             + "--b\nContent-Type: text/plain\n\nx\n" * 10_000).encode(),
    "10,000 levels": lambda: nested(10_000).encode(),
    "10,000 mails in mails": lambda: nested_mails(10_000).encode(),
    "headers without end": lambda: (HEAD + "X-A: b\n" * 3_000_000).encode(),
    "one header without end": lambda: (HEAD + "X-A: b" + "\n b" * 5_000_000).encode(),
    "one line without end": lambda: (HEAD + "X-A: " + "b" * 20_000_000).encode(),
    "a subject of encoded words": lambda: HEAD.encode() + b"Subject: " + b"=?utf-8?q?a?= " * 90_000,
    "carriage returns alone": lambda: HEAD.replace("\n", "\r").encode() + b"\r" * 1_000_000,
    "zeros": lambda: bytes(5_000_000),
    "a body of at signs": lambda: HEAD.encode() + b"\n" + b"@" * 1_000_000,
    "a body of addresses": lambda: HEAD.encode() + b"\n" + b"a@b.example " * 90_000,
    "a body of letters": lambda: HEAD.encode() + b"\n" + b"a" * 1_000_000,
    "a body of tokens": lambda: HEAD.encode() + b"\n" + (b"a" * 32 + b" ") * 30_000,
    "tags that never close": lambda: HTML + b"<" * 900_000,
    "scripts that never close": lambda: HTML + b"<script>" * 100_000,
    "recipients without end": lambda: (HEAD + "Content-Type: multipart/report; boundary=b\n\n--b\n"
        "Content-Type: message/delivery-status\n\n" + "Final-Recipient: rfc822; a@b.example\n"
        "Action: failed\nStatus: 5.1.1\n\n" * 20_000).encode(),
    "punycode": lambda: (HEAD + "Content-Type: text/plain; charset=punycode\n\n" + "a-" * 400_000
                         ).encode(),
    "spaces": lambda: HEAD.encode() + b"\n" + b" " * 900_000 + b"x",
    "colons": lambda: HEAD.encode() + b"\n" + b"550: " * 200_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_takes_bounded_time_and_memory(name: str) -> None:
    raw = HOSTILE[name]()
    began = time.process_time()
    found = read(raw)
    for notice in found.notices:
        class_of(notice)
    assert time.process_time() - began < 2.5
    assert len(found.notices) <= 50


@pytest.mark.parametrize("name", ["10,000 parts", "headers without end", "10,000 mails in mails"])
def test_memory_does_not_grow_with_a_hostile_mail(name: str) -> None:
    raw = HOSTILE[name]()
    tracemalloc.start()
    read(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < _MEMORY


def test_what_is_no_mail_is_unreadable() -> None:
    for raw in (b"", b"\n\n", b"\0\1\2", b"just text\nwithout fields\n", "é".encode() * 50):
        assert read(raw).sort is Sort.UNREADABLE


def test_a_mail_with_other_line_ends_is_the_same_mail() -> None:
    raw = CORPUS[0].raw
    other = raw.replace(b"\n", b"\r\n")
    assert digest_of(raw) == digest_of(other) == digest_of(raw + b"\n")
    assert read(other) == read(raw)


def test_a_mail_with_carriage_returns_alone_is_read() -> None:
    raw = CORPUS[0].raw
    assert read(raw.replace(b"\n", b"\r")).notices == read(raw).notices


@given(st.binary(max_size=3000))
def test_bytes_of_any_kind_are_read(raw: bytes) -> None:
    for notice in read(HEAD.encode() + raw).notices:
        class_of(notice)


@given(st.sampled_from(CORPUS), st.integers(0, 3000), st.integers(0, 3000), st.binary(max_size=30))
def test_a_bounce_that_was_damaged_on_its_way_is_read(
    sample: Sample, start: int, length: int, junk: bytes
) -> None:
    for notice in read(sample.raw[:start] + junk + sample.raw[start + length :]).notices:
        class_of(notice)


def test_charsets_that_do_not_exist_are_read_as_what_they_look_like() -> None:
    for charset in ("x-nobody-knows", "punycode", "idna", "zlib_codec", "rot13", "unicode_escape"):
        fields = f"MIME-Version: 1.0\nContent-Type: text/plain; charset={charset}\n"
        text = f"<{ADA}>: 550 user unknown é\n"
        raw = mail("Undelivered", text, sender="MAILER-DAEMON@x.example", fields=fields)
        assert "550 user unknown é" in read_mail(raw).pieces[0].text


def test_tokens_and_names_are_found_wherever_they_stand() -> None:
    raw = dsn("5.1.1", "smtp; 550 5.1.1 unknown", original="")
    assert SENDER.partition("+")[2].partition("@")[0] in read(raw).clues.senders
    text = f"Sorry. Your mail {MESSAGE_ID[1:20]}=\n{MESSAGE_ID[20:-1]} could not be delivered."
    found = read(mail("Undelivered", text, sender="MAILER-DAEMON@mx.example.net"))
    assert MESSAGE_ID.strip("<>") in found.clues.message_ids
