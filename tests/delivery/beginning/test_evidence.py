"""A relay's log settles who was in doubt."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaign.delivery.beginning.evidence import read_log
from campaign.errors import DataError

NOW = datetime(2026, 11, 27, tzinfo=UTC).timestamp()
A, B, C = "<a.1@example.com>", "<b.2@example.com>", "<c.3@example.com>"


def read_evidence(path: Path, wanted: set[str]) -> dict[str, str]:
    return read_log(path, wanted, NOW).accepted


def log(tmp_path: Path, *lines: str, head: str = "Nov 21 10:00:00 mx ") -> Path:
    path = tmp_path / "mail.log"
    path.write_text("".join(f"{head}{line}\n" for line in lines))
    return path


def test_a_letter_that_postfix_delivered_was_accepted(tmp_path):
    path = log(
        tmp_path,
        "postfix/smtpd[7]: 4F2A9C0012: client=sender[192.0.2.1]",
        f"postfix/cleanup[8]: 4F2A9C0012: message-id={A}",
        "postfix/qmgr[9]: 4F2A9C0012: from=<ada@example.com>, size=900, nrcpt=1 (queue active)",
        "postfix/smtp[10]: 4F2A9C0012: to=<a@x.example>, relay=mx[192.0.2.2]:25, delay=1,"
        " dsn=2.0.0, status=sent (250 2.0.0 Ok)",
        "postfix/qmgr[9]: 4F2A9C0012: removed",
    )
    evidence = read_evidence(path, {A, B})
    assert list(evidence) == [A]
    assert "status=sent (250 2.0.0 Ok)" in evidence[A]


def test_a_message_id_alone_is_no_proof_since_it_is_logged_before_the_dot(tmp_path):
    path = log(
        tmp_path,
        f"postfix/cleanup[8]: 4F2A9C0012: message-id={A}",
        "postfix/smtpd[7]: lost connection after DATA (812 bytes) from sender[192.0.2.1]",
    )
    assert read_evidence(path, {A}) == {}


def test_a_letter_that_bounced_later_was_accepted_all_the_same(tmp_path):
    path = log(
        tmp_path,
        f"postfix/submission/cleanup[8]: 3XyZ12bCdEfG: message-id={A}",
        "postfix/smtp[10]: 3XyZ12bCdEfG: to=<a@x.example>, status=bounced (550 no such user)",
    )
    assert "status=bounced" in read_evidence(path, {A})[A]


def test_a_queue_id_that_is_used_again_speaks_of_the_new_letter_only(tmp_path):
    path = log(
        tmp_path,
        f"postfix/cleanup[8]: 4F2A9C0012: message-id={A}",
        "postfix/smtpd[7]: 4F2A9C0012: client=sender[192.0.2.1]",
        f"postfix/cleanup[8]: 4F2A9C0012: message-id={B}",
        "postfix/qmgr[9]: 4F2A9C0012: from=<ada@example.com>, size=900, nrcpt=1 (queue active)",
    )
    assert list(read_evidence(path, {A, B})) == [B]


def test_letters_of_others_are_not_kept(tmp_path):
    path = log(
        tmp_path,
        f"postfix/cleanup[8]: 4F2A9C0012: message-id={C}",
        "postfix/qmgr[9]: 4F2A9C0012: from=<x@example.com>, size=900, nrcpt=1 (queue active)",
    )
    assert read_evidence(path, {A}) == {}


def test_a_list_of_message_ids_with_or_without_brackets_settles_too(tmp_path):
    path = tmp_path / "accepted.txt"
    path.write_text(f"{A}\n{B[1:-1]}\n\n")
    assert read_evidence(path, {A, B, C}) == {
        A: "listed in accepted.txt, line 1",
        B: "listed in accepted.txt, line 2",
    }


def test_a_rotated_log_may_be_compressed(tmp_path):
    path = tmp_path / "mail.log.1.gz"
    path.write_bytes(gzip.compress(f"{A}\n".encode()))
    assert list(read_evidence(path, {A})) == [A]


@pytest.mark.parametrize("content", [b"", b"hello\nworld\n", b"\xff\xfe\x00\x01" * 40])
def test_a_file_that_is_neither_is_refused(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(DataError, match="neither"):
        read_evidence(path, {A})


def test_a_file_that_is_not_there_is_said_in_one_sentence(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_evidence(tmp_path / "nowhere", {A})
