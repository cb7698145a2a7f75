"""Why letters cannot be kept is in the log, and not in what applications are told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from campaign.errors import BacklogFullError, BadLetterError, JournalError, KeyConflictError
from campaign.intake.troubles import AGAIN_S, Troubles
from fakes.clock import FakeClock
from fakes.prepared.open_campaigns import open_campaign
from fakes.processes.api_server import CODE_KEY, KEY, LETTER, SERVE, api_server
from fakes.processes.smtp_door import door

FULL = JournalError("the disk is full")


def test_each_kind_of_trouble_is_said_once_a_minute() -> None:
    said: list[str] = []
    clock = FakeClock()
    troubles = Troubles(said.append, clock)
    for error in (FULL, FULL, BacklogFullError("40,000 wait", retry_after_s=1), FULL):
        troubles.note(error)
    assert said == [
        "no letters are accepted: the disk is full",
        "no letters are accepted: 40,000 wait (come again in 1 s)",
    ]
    clock.sleep(AGAIN_S)
    troubles.note(FULL)
    assert said[2:] == ["no letters are accepted: the disk is full"]


def test_what_is_wrong_with_a_request_is_told_to_whoever_made_it_alone() -> None:
    said: list[str] = []
    troubles = Troubles(said.append, FakeClock())
    troubles.note(BadLetterError("no @"))
    troubles.note(KeyConflictError("used before"))
    assert said == []


def test_the_log_of_the_api_says_why_letters_are_not_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    campaign = open_campaign(tmp_path, more=SERVE)
    with api_server(campaign.folder) as server:
        _break(tmp_path)
        one = server.post(LETTER)
        many = server.post({"messages": [LETTER]}, path="/v1/messages/batch")
        asked = server.ask("GET", "/v1/messages/1234")
        assert (one.status, many.said["results"][0]["status"], asked.status) == (503, 503, 503)
        assert str(tmp_path) not in str([one, many, asked])
    log = capfd.readouterr().err
    assert "no letters are accepted: the intake" in log
    assert str(tmp_path) in log


def test_the_log_of_submissions_says_why_letters_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    monkeypatch.setenv("CODE_KEY", CODE_KEY)
    campaign = open_campaign(tmp_path, more=SERVE)
    with door(campaign.folder) as opened, opened.client() as client:
        client.login("shop", KEY)
        _break(tmp_path)
        client.mail("shop@example.com")
        client.rcpt("ada@example.com")
        code, reply = client.data(b"From: shop@example.com\r\nSubject: 1\r\n\r\n1\r\n")
        assert (code, str(tmp_path) in str(reply)) == (451, False)
        opened.end()
    assert "no letters are accepted: the intake" in opened.complaints


def _break(folder: Path) -> None:
    """No letter can be kept, or asked after."""
    with closing(sqlite3.connect(folder / "state" / "journal.sqlite.intake")) as intake:
        intake.execute("DROP TABLE arrivals")
        intake.commit()
