"""What counts as a change of what was planned, and how it is named."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import load
from campaign.errors import DriftError
from campaign.journal.reading.reader import Reader
from campaign.planning.drift import differences, letter_settings
from campaign.planning.inputs import changes_since, refuse_drift
from campaign.planning.plan import make_plan, outdated
from fakes.prepared.journals import open_journal, sending

CONFIG = """
name = "planned"
[recipients]
files = ["list.csv"]
suppress = ["never.csv"]
[message]
from = "ada@example.com"
subject = "Hello {{ name }}"
text = "body.txt"
[relay]
host = "a.example"
"""
OTHERWISE_SENT = {
    "a comment": ("name =", "# of spring\nname ="),
    "the relay": ('"a.example"', '"b.example"\nport = 2525\nconnections = 3\nrates = ["5/s"]'),
    "limits": ("[relay]", '[limits."qq.com"]\nrates = ["1/s"]\n[relay]'),
    "retries": ("[relay]", '[delivery]\nretry = ["1s"]\nin_doubt = "hold"\n[relay]'),
    "name servers": ("[relay]", '[dns]\nnameservers = ["9.9.9.9"]\n[relay]'),
    "one more suppression list": ('["never.csv"]', '["never.csv", "gone.csv"]'),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaign.toml").write_text(CONFIG)
    (tmp_path / "body.txt").write_text("Dear {{ name }}")
    (tmp_path / "list.csv").write_text("email,name\na@example.com,Ada\nb@example.com,Bob\n")
    for name in ("never.csv", "gone.csv"):
        (tmp_path / name).write_text("email\nx@example.com\n")
    make_plan(load(tmp_path), clock=SystemClock(), render=False)
    return tmp_path


def changed(folder: Path) -> list[str]:
    with closing(Reader.open("sqlite:///state/journal.sqlite", folder)) as reader:
        return [str(each) for each in changes_since(load(folder), reader.plan_record())]


@pytest.mark.parametrize("change", OTHERWISE_SENT)
def test_what_only_says_how_letters_travel_is_no_change(folder: Path, change: str) -> None:
    (folder / "campaign.toml").write_text(CONFIG.replace(*OTHERWISE_SENT[change]))
    assert changed(folder) == []


def test_a_changed_setting_is_named_with_its_value_before_and_now(folder: Path) -> None:
    (folder / "campaign.toml").write_text(
        CONFIG.replace("Hello", "您好").replace('text = "body.txt"', 'text = "body.txt"\n'
        'reply_to = "bob@example.com"\nheaders = { "X-A" = "b" }')
    )  # fmt: skip
    assert changed(folder) == [
        '[message] headers.X-A: (not set) → "b"',
        '[message] reply_to: (not set) → "bob@example.com"',
        '[message] subject: "Hello {{ name }}" → "您好 {{ name }}"',
    ]


def test_a_secret_that_rotates_does_not_change_the_letters(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OLD", "NEW"):
        monkeypatch.setenv(name, name)
    table = '[unsubscribe]\nurl = "https://example.com/u"\nsecret = {}\n'
    settings = []
    for secret in ('{ env = "OLD" }', '[{ env = "NEW" }, { env = "OLD" }]'):
        (folder / "campaign.toml").write_text(CONFIG + table.format(secret))
        settings.append(letter_settings(load(folder).settings))
    assert settings[0] == settings[1]
    assert "[unsubscribe] url" in settings[0]


def test_changed_files_are_named(folder: Path) -> None:
    (folder / "body.txt").write_text("Good evening")
    (folder / "list.csv").write_text("email,name\na@example.com,Ada\n")
    assert changed(folder) == ["body.txt", "list.csv"]
    with (
        closing(Reader.open("sqlite:///state/journal.sqlite", folder)) as reader,
        pytest.raises(DriftError, match=r"since the plan was made: body\.txt, list\.csv"),
    ):
        refuse_drift(load(folder), reader.plan_record())


def test_a_plan_that_nobody_was_sent_to_by_is_outdated_and_one_of_a_begun_run_is_refused(
    folder: Path,
) -> None:
    assert outdated(load(folder)) == []
    (folder / "body.txt").write_text("Good evening")
    assert [each.name for each in outdated(load(folder))] == ["body.txt"]
    with closing(open_journal(folder)) as journal:
        journal.apply([sending(1)])
    with pytest.raises(DriftError, match=r"body\.txt"):
        outdated(load(folder))


def test_a_plan_that_kept_the_file_s_hash_alone_is_compared_by_that(folder: Path) -> None:
    now = {"campaign.toml": "2", "a.csv": "1", "[message] subject": '"a"'}
    old = {"campaign.toml": "1", "a.csv": "1"}
    assert [each.name for each in differences(old, now, "campaign.toml")] == ["campaign.toml"]
    assert differences(old, now | {"campaign.toml": "1"}, "campaign.toml") == []


def test_letters_are_made_from_the_tables_of_list_and_message_and_the_name(folder: Path) -> None:
    names = letter_settings(load(folder).settings)
    assert "[] name" in names
    assert {name.partition("] ")[0].strip("[") for name in names} == {"", "recipients", "message"}
