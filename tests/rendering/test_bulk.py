"""rendering.bulk: letters to a list say whose they are, and how to leave, without being asked."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from campaign.rendering.render import Renderer, UnsubscribeSpec
from fakes.prepared.letters import job, spec

LEAVING = UnsubscribeSpec("https://example.com/u", "out@example.com", "newsletter")
NAMES = ("List-ID", "Feedback-ID", "Auto-Submitted")


def letter(folder: Path, unsubscribe: UnsubscribeSpec | None, **message: Any) -> EmailMessage:
    made = Renderer(spec(folder, unsubscribe=unsubscribe, **message)).render(job(token="u" * 60))
    found = email.message_from_bytes(made.wire, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_letter_to_a_list_names_list_campaign_and_sender(tmp_path: Path) -> None:
    mail = letter(tmp_path, LEAVING)
    assert [mail[name] for name in NAMES] == [
        "<newsletter.example.com>",
        "spring:newsletter::example-com",
        "auto-generated",
    ]
    assert "<https://example.com/u?t=" in mail["List-Unsubscribe"]
    assert "<mailto:out@example.com?" in mail["List-Unsubscribe"]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_letter_that_one_leaves_with_everything_names_no_list(tmp_path: Path) -> None:
    mail = letter(tmp_path, UnsubscribeSpec("", "out@example.com"))
    assert "List-ID" not in mail
    assert mail["Feedback-ID"] == "spring:::example-com"
    assert "List-Unsubscribe-Post" not in mail


def test_a_single_letter_has_none_of_them(tmp_path: Path) -> None:
    assert not {name.lower() for name in letter(tmp_path, None)} & {n.lower() for n in NAMES}


@pytest.mark.parametrize("value", ["mine:own:one:sender", "{{ first_name }}:a:b:sender", ""])
def test_the_authors_own_field_takes_the_place(tmp_path: Path, value: str) -> None:
    mail = letter(tmp_path, LEAVING, headers={"feedback-id": value})
    wanted = value.replace("{{ first_name }}", "Ada")
    assert mail.get_all("Feedback-ID", []) == ([wanted] if value else [])
    assert mail["List-ID"] == "<newsletter.example.com>"


@pytest.mark.parametrize("domain", ["a.co", "newsletters.a-long-name.example"])
def test_a_sender_has_five_to_fifteen_characters(tmp_path: Path, domain: str) -> None:
    mail = letter(tmp_path, LEAVING, **{"from": f"ada@{domain}"})
    assert len(mail["Feedback-ID"].rpartition(":")[2]) in range(5, 16)
