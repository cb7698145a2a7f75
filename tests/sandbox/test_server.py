"""The sandbox over a real socket."""

from __future__ import annotations

import contextlib
import mailbox
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.errors import UsageError
from campaign.sandbox.mailbox import read_refusals
from campaign.sandbox.server import Sandbox
from campaign.sandbox.session import Counters
from campaign.sandbox.simulator import Simulator

LETTER = b"From: a@x.example\r\nSubject: Hi\r\n\r\nHello\r\n..dots\r\n"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    quick = Simulator(SystemClock(), greylist_s=0.0, slow_s=0.01)
    running = Sandbox(tmp_path / "mail", simulator=quick)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", sandbox.port, local_hostname="me.example", timeout=10) as smtp:
        smtp.ehlo()
        yield smtp


def kept(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted((folder / "mail" / "new").iterdir())]


def raw(port: int, *writes: bytes) -> bytes:
    """Everything the server says to these writes until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        for write in writes:
            link.sendall(write)
        said = b""
        while part := link.recv(65536):
            said += part
    return said


def codes(said: bytes) -> list[str]:
    """The code of each reply, with its enhanced code where there is one."""
    lines = [line for line in said.decode().split("\r\n") if line[3:4] == " "]
    return [" ".join(part for part in line.split()[:2] if part[:1].isdigit()) for line in lines]


def test_what_arrives_is_kept_byte_for_byte_with_its_envelope(
    sandbox: Sandbox, client: smtplib.SMTP, tmp_path: Path
) -> None:
    client.mail("news@x.example", ["BODY=8BITMIME"])
    client.rcpt("ada@y.example")
    client.rcpt("bob@y.example")
    assert client.data(LETTER)[0] == 250
    (letter,) = kept(tmp_path)
    assert letter.endswith(b"Z\r\n" + LETTER)
    assert letter.startswith(
        b"Return-Path: <news@x.example>\r\n"
        b"Delivered-To: ada@y.example\r\nDelivered-To: bob@y.example\r\n"
    )
    assert sandbox.counters == Counters(connections=1, messages=1)


def test_the_folder_is_a_maildir(sandbox: Sandbox, client: smtplib.SMTP, tmp_path: Path) -> None:
    for number in range(3):
        client.sendmail("news@x.example", f"ada+{number}@y.example", LETTER)
    folder = mailbox.Maildir(tmp_path / "mail", create=False)
    assert sorted(message["Delivered-To"] for message in folder) == [
        f"ada+{number}@y.example" for number in range(3)
    ]


def test_the_extensions_a_fast_sender_wants_are_offered(client: smtplib.SMTP) -> None:
    wanted = {"size", "8bitmime", "smtputf8", "pipelining", "enhancedstatuscodes"}
    assert set(client.esmtp_features) == wanted
    assert int(client.esmtp_features["size"]) > 10_000_000


def test_pipelined_commands_are_answered_in_order(sandbox: Sandbox, tmp_path: Path) -> None:
    envelope = b"MAIL FROM:<n@x.example> SIZE=20\r\nRCPT TO:<%s@y.example>\r\nDATA\r\n"
    said = raw(
        sandbox.port,
        b"EHLO me.example\r\n",
        envelope % b"ada",
        LETTER + b".\r\n" + envelope % b"bounce" + b"RSET\r\n" + envelope % b"bob",
        LETTER + b".\r\nQUIT\r\n",
    )
    assert codes(said) == [
        "220",
        "250",
        *("250 2.1.0", "250 2.1.5", "354", "250 2.0.0"),
        *("250 2.1.0", "550 5.1.1", "503 5.5.1", "250 2.0.0"),
        *("250 2.1.0", "250 2.1.5", "354", "250 2.0.0"),
        "221 2.0.0",
    ]
    assert len(kept(tmp_path)) == 2


def test_addresses_in_any_script_are_taken(sandbox: Sandbox, tmp_path: Path) -> None:
    raw(
        sandbox.port,
        b"EHLO me.example\r\nMAIL FROM:<n@x.example> BODY=8BITMIME SMTPUTF8\r\n"
        + "RCPT TO:<王小明@xn--fsqu00a.example>\r\nDATA\r\n".encode(),
        LETTER + b".\r\nQUIT\r\n",
    )
    (letter,) = kept(tmp_path)
    assert "Delivered-To: 王小明@xn--fsqu00a.example\r\n".encode() in letter


def test_the_null_sender_is_taken(client: smtplib.SMTP, tmp_path: Path) -> None:
    client.sendmail("", "ada@y.example", LETTER)
    (letter,) = kept(tmp_path)
    assert letter.startswith(b"Return-Path: <>\r\n")


def test_refusals_are_counted_and_noted(
    sandbox: Sandbox, client: smtplib.SMTP, tmp_path: Path
) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        client.sendmail("news@x.example", "bounce@y.example", LETTER)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        client.sendmail("news@x.example", "greylist@y.example", LETTER)
    with pytest.raises(smtplib.SMTPDataError):
        client.sendmail("news@x.example", "spam@y.example", LETTER)
    client.sendmail("news@x.example", "greylist@y.example", LETTER)
    assert sandbox.counters == Counters(connections=1, messages=1, refused=2, deferred=1)
    assert [(noted.stage, noted.recipients[0], noted.reply[:9]) for noted in sandbox.refusals] == [
        ("rcpt", "bounce@y.example", "550 5.1.1"),
        ("rcpt", "greylist@y.example", "450 4.7.1"),
        ("dot", "spam@y.example", "554 5.7.1"),
    ]
    assert read_refusals(tmp_path / "mail") == sandbox.refusals


def test_a_throttle_closes_the_connection_after_its_reply(sandbox: Sandbox) -> None:
    start = b"EHLO me.example\r\nMAIL FROM:<n@x.example>\r\nRCPT TO:<throttle@y.example>\r\n"
    assert codes(raw(sandbox.port, start + b"DATA\r\n"))[-1] == "421 4.7.0"
    assert codes(raw(sandbox.port, start + b"QUIT\r\n"))[-2:] == ["250 2.1.5", "221 2.0.0"]


def test_a_dropped_letter_is_kept_and_nobody_is_told(
    sandbox: Sandbox, client: smtplib.SMTP, tmp_path: Path
) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail("news@x.example", "drop@y.example", LETTER)
    assert len(kept(tmp_path)) == 1
    assert sandbox.counters.dropped == sandbox.counters.messages == 1
    (noted,) = sandbox.refusals
    assert noted.reply == ""
    assert (tmp_path / "mail" / "new" / noted.file).exists()


def test_a_slow_mailbox_takes_the_letter(client: smtplib.SMTP, tmp_path: Path) -> None:
    client.sendmail("news@x.example", "slow@y.example", LETTER)
    assert len(kept(tmp_path)) == 1


def test_a_line_longer_than_the_standard_allows_is_refused(
    client: smtplib.SMTP, tmp_path: Path
) -> None:
    with pytest.raises(smtplib.SMTPDataError):
        client.sendmail("news@x.example", "ada@y.example", b"Subject: x\r\n\r\n" + b"x" * 1001)
    assert kept(tmp_path) == []


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as link:
        link.sendall(b"EHLO me.example\r\nMAIL FROM:<n@x.example>\r\nRCPT TO:<a@y.example>\r\n")
        link.sendall(b"DATA\r\nSubject: half")
    assert codes(raw(sandbox.port, b"QUIT\r\n")) == ["220", "221 2.0.0"]
    assert kept(tmp_path) == []


def test_stopping_closes_the_connections_that_are_open(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as link:
        assert link.recv(100).startswith(b"220 ")
        sandbox.stop()
        with contextlib.suppress(ConnectionResetError):
            assert link.recv(100) == b""


def test_a_port_that_is_taken_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{sandbox.port}"):
        Sandbox(tmp_path, port=sandbox.port).start()
