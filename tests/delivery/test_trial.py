"""`campaign test`: one real message, and a journal that does not know of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from campaign.addresses.syntax import parse_address
from campaign.config.loader import Campaign, load
from campaign.delivery.trial import send_trial
from campaign.errors import RelayError, UsageError
from campaign.pages.letter import Opened, take_apart
from campaign.sandbox.server import Sandbox
from fakes.prepared.campaigns import TOML, planned

ME = parse_address("me@example.org")


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    made = Sandbox(tmp_path / "mail")
    made.start()
    return made


@pytest.fixture
def campaign(tmp_path: Path, sandbox: Sandbox) -> Campaign:
    toml = TOML.replace("port = 1", f"port = {sandbox.port}")
    return planned(tmp_path / "campaign", toml=toml)


def arrived(tmp_path: Path) -> list[Opened]:
    return [take_apart(path.read_bytes()) for path in sorted((tmp_path / "mail/new").iterdir())]


def test_it_is_the_recipients_message_sent_to_me(
    tmp_path: Path, campaign: Campaign, sandbox: Sandbox
) -> None:
    journal = campaign.folder / "state/journal.sqlite"
    before = hashlib.sha256(journal.read_bytes()).hexdigest()
    trial = send_trial(campaign, ME, 4, exact=False)
    sandbox.stop()
    (letter,) = arrived(tmp_path)
    assert trial.is_accepted
    assert trial.meant_for == "li@qq.example"
    assert letter.subject == "[test] 李小龙, your gold plan renews"
    assert letter.header("Delivered-To") == "me@example.org"
    assert letter.header("To") == "李小龙 <me@example.org>"
    assert hashlib.sha256(journal.read_bytes()).hexdigest() == before


def test_exact_leaves_the_subject_as_it_is_and_two_tests_are_two_messages(
    tmp_path: Path, campaign: Campaign, sandbox: Sandbox
) -> None:
    send_trial(campaign, ME, None, exact=True)
    send_trial(campaign, ME, None, exact=True)
    sandbox.stop()
    letters = arrived(tmp_path)
    assert [letter.subject for letter in letters] == ["Ada, your gold plan renews"] * 2
    assert len({letter.header("Message-ID") for letter in letters}) == 2


def test_a_refusal_is_told_with_its_stage(campaign: Campaign, sandbox: Sandbox) -> None:
    trial = send_trial(campaign, parse_address("bounce@example.org"), 1, exact=False)
    sandbox.stop()
    assert (trial.stage, trial.reply.code, trial.is_accepted) == ("rcpt", 550, False)


def test_a_lost_connection_is_an_error_with_its_stage(campaign: Campaign, sandbox: Sandbox) -> None:
    with pytest.raises(RelayError, match="lost at dot") as lost:
        send_trial(campaign, parse_address("drop@example.org"), 1, exact=False)
    sandbox.stop()
    assert lost.value.remedy == "the letter may have arrived: look into your mailbox"


def test_a_row_without_a_letter_cannot_be_tried(campaign: Campaign, sandbox: Sandbox) -> None:
    sandbox.stop()
    with pytest.raises(UsageError, match="row 3 has no letter"):
        send_trial(load(campaign.file), ME, 3, exact=False)
    with pytest.raises(UsageError, match="no row 99"):
        send_trial(load(campaign.file), ME, 99, exact=False)
