"""Mailboxes of files are read whole, in bounded memory, and emptied only after what they held is
durable."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.config.loader import Campaign
from campaign.errors import UsageError
from campaign.feedback.parsing.mail import LOOKED_AT
from campaign.feedback.sources.files import Afterwards, MboxFile, Postbox, open_files
from campaign.journal.reading.returned.events import count_events
from feedback import corpus
from feedback.mailbox import about, sent_campaign, suppressed

GONE = corpus.postfix("5.1.1", f"550 5.1.1 <{corpus.ADA}>: User unknown")
STAY = Afterwards()


@pytest.fixture
def spring(tmp_path: Path) -> Campaign:
    return sent_campaign(tmp_path / "spring")


def maildir(folder: Path, mails: Sequence[bytes], where: str = "new") -> Path:
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number, raw in enumerate(mails):
        flags = ":2,S" if where == "cur" else ""
        (folder / where / f"{1000 + number}.M1.host{flags}").write_bytes(raw)
    return folder


def mbox(file: Path, mails: Sequence[bytes]) -> Path:
    quoted = [raw.replace(b"\nFrom ", b"\n>From ") for raw in mails]
    file.write_bytes(b"".join(b"From x@y Mon\n" + raw + b"\n\n" for raw in quoted))
    return file


def all_of(box: Postbox) -> list[bytes]:
    return [mail.raw for batch in box.batches() for mail in batch]


def test_a_maildir_gives_what_is_new_and_what_was_seen(tmp_path: Path) -> None:
    maildir(tmp_path / "m", [b"A: 1\n\n"], "cur")
    (tmp_path / "m" / "cur" / "1000.M1.host:2,S").rename(
        tmp_path / "m" / "cur" / "0900.M1.host:2,S"
    )
    box = open_files(str(maildir(tmp_path / "m", [b"A: 2\n\n"])), STAY)
    assert all_of(box) == [b"A: 1\n\n", b"A: 2\n\n"]  # the older name first
    assert all_of(box) == []
    (tmp_path / "m" / "new" / "9999.M1.host").write_bytes(b"A: 3\n\n")
    (tmp_path / "m" / "new" / "1000.M1.host").rename(tmp_path / "m" / "cur" / "1000.M1.host:2,RS")
    assert all_of(box) == [b"A: 3\n\n"]


def test_a_folder_gives_its_eml_files(tmp_path: Path) -> None:
    (tmp_path / "b.eml").write_bytes(b"A: 2\n\n")
    (tmp_path / "a.EML").write_bytes(b"A: 1\n\n")
    (tmp_path / "note.txt").write_bytes(b"no mail")
    assert all_of(open_files(str(tmp_path), STAY)) == [b"A: 1\n\n", b"A: 2\n\n"]


def test_an_mbox_gives_its_mails_and_one_mail_itself(tmp_path: Path) -> None:
    mails = [b"A: 1\n\nFrom the start\n\nFrom here\n", b"A: 2\n\nx\n"]
    found = all_of(open_files(str(mbox(tmp_path / "box", mails)), STAY))
    assert [raw.rstrip(b"\n") for raw in found] == [raw.rstrip(b"\n") for raw in mails]
    (tmp_path / "one").write_bytes(mails[0])
    assert all_of(open_files(str(tmp_path / "one"), STAY)) == [mails[0]]


def test_an_mbox_that_grew_is_read_again(tmp_path: Path) -> None:
    box = open_files(str(mbox(tmp_path / "box", [b"A: 1\n\n"])), STAY)
    assert len(all_of(box)) == 1
    assert all_of(box) == []
    mbox(tmp_path / "box", [b"A: 1\n\n", b"A: 2\n\n"])
    assert len(all_of(box)) == 2


def test_of_a_large_mail_only_the_beginning_is_kept(tmp_path: Path) -> None:
    large = GONE + b"x" * 70 + b"\n" * 5_000_000
    (found,) = all_of(MboxFile(io.BytesIO(b"From x\n" + large), "large"))
    assert len(found) < LOOKED_AT + 70_000
    (found,) = all_of(open_files(str(maildir(tmp_path / "m", [large])), STAY))
    assert len(found) == LOOKED_AT + 1


@pytest.mark.parametrize("afterwards", [Afterwards("elsewhere"), Afterwards(deletes=True)])
def test_a_file_is_not_emptied(tmp_path: Path, afterwards: Afterwards) -> None:
    for place in (str(mbox(tmp_path / "box", [GONE])), "-"):
        with pytest.raises(UsageError, match="deleted"):
            open_files(place, afterwards)
    with pytest.raises(UsageError, match="no mailbox"):
        open_files(str(tmp_path / "nothing"), afterwards)


def test_the_command_takes_in_a_maildir_and_moves_it_away(
    tmp_path: Path, spring: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    ordinary = corpus.mail("Hello", "x", sender="a@b.example")
    box = maildir(tmp_path / "m", [about(GONE, spring, 1), ordinary, GONE, b"\0"])
    options = ["--campaign", str(spring.folder), "--move-to", str(tmp_path / "read")]
    assert main(["bounces", str(box), *options]) == 0
    said = capsys.readouterr().out
    for part in ("4 mails", "1 bounced", "1 no such mailbox: suppressed", "1 not ours",
                 "1 unreadable", "1 new event", "1 address suppressed"):  # fmt: skip
        assert part in said
    assert "it is about the message <0123456789abcdef0123456789abcdef@example.com>" in said
    assert list((box / "new").iterdir()) == []
    assert len(list((tmp_path / "read" / "cur").glob("*:2,S"))) == 4
    assert set(suppressed(spring)) == {"person1@example.org"}


def test_delete_deletes_and_without_it_all_stays(tmp_path: Path, spring: Campaign) -> None:
    box = maildir(tmp_path / "m", [about(GONE, spring, 1)])
    main(["bounces", str(box), "--campaign", str(spring.folder)])
    assert len(list((box / "new").iterdir())) == 1
    main(["bounces", str(box), "--campaign", str(spring.folder), "--delete"])
    assert list((box / "new").iterdir()) == []


def test_json_counts_everything(
    tmp_path: Path, spring: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    box = mbox(tmp_path / "box", [about(GONE, spring, 1), GONE, about(GONE, spring, 1)])
    assert main(["bounces", str(box), "--campaign", str(spring.folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["mails"], told["what"]) == (3, {"bounced": 2, "not ours": 1})
    assert (told["new_events"], told["known_events"], told["suppressed"]) == (1, 1, 1)
    assert told["bounced"] == {"hard": 2}
    assert told["known_by"] == {"Message-ID": 2}
    assert [each["what"] for each in told["not_taken"]] == ["not ours"]


def test_standard_input_and_verbose(
    spring: Campaign, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stdin:
        buffer = io.BytesIO(about(GONE, spring, 2))

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert main(["bounces", "-", "-v", "--campaign", str(spring.folder)]) == 0
    said = capsys.readouterr().out
    assert "standard input: bounced recipient-gone spring: person2@example.org (Message-ID)" in said


def test_the_source_of_the_config_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spring = sent_campaign(tmp_path / "spring", more='[bounces]\nsource = "../m"\n')
    maildir(tmp_path / "m", [about(GONE, spring, 1)])
    assert main(["bounces", "--campaign", str(spring.folder)]) == 0
    assert "1 bounced" in capsys.readouterr().out


def test_a_folder_of_campaigns_stands_for_those_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spring = sent_campaign(tmp_path / "all" / "spring")
    autumn = sent_campaign(tmp_path / "all" / "autumn", name="autumn")
    box = maildir(tmp_path / "m", [about(GONE, spring, 1), about(GONE, autumn, 2)])
    assert main(["bounces", str(box), "--campaign", str(tmp_path / "all")]) == 0
    assert count_events(*spring.journal) == count_events(*autumn.journal) == {"bounced": 1}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--move-to", "x", "--delete", "box"], "exclude each other"),
        ([], "nothing says where the mail is"),
        (["-", "--watch"], "standard input"),
        (["imaps://example.com/INBOX"], "does not name a mailbox"),
        (["imaps://u:secret@example.com/INBOX"], "a password does not belong"),
        (["imaps://u@example.com:99999/INBOX"], "does not name a mailbox"),
    ],
)
def test_what_does_not_go_together_is_refused(
    spring: Campaign, arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bounces", *arguments, "--campaign", str(spring.folder)]) == 64
    assert what in capsys.readouterr().err


def test_events_and_results_show_what_came_back(
    tmp_path: Path, spring: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    complaint = about(corpus.arf("abuse"), spring, 2)
    box = mbox(tmp_path / "box", [about(GONE, spring, 1), complaint])
    main(["bounces", str(box), "--campaign", str(spring.folder)])
    capsys.readouterr()
    assert main(["events", str(spring.folder), "--format", "jsonl"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert list(first) == ["at", "row", "address", "kind", "class", "evidence", "source",
                           "message_id"]  # fmt: skip
    assert {first["kind"], second["kind"]} == {"bounced", "complained"}
    assert main(["events", str(spring.folder), "--kind", "complained"]) == 0
    assert capsys.readouterr().out.count("person2@example.org") == 1
    output = tmp_path / "events.csv"
    assert main(["events", str(spring.folder), "-o", str(output)]) == 0
    assert len(output.read_text().splitlines()) == 3
    capsys.readouterr()
    assert main(["results", str(spring.folder), "--format", "jsonl"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[0]["state"] == "sent"
    assert (rows[0]["bounced_at"], rows[0]["bounce_class"]) == (
        "2026-11-10T09:15:00.000Z", "recipient-gone")  # fmt: skip
    assert (rows[1]["bounced_at"], rows[1]["complained_at"]) == ("", "2026-11-10T09:15:00.000Z")
    assert main(["results", str(spring.folder), "--format", "table"]) == 0
    assert "bounced (recipient-gone); 250" in capsys.readouterr().out
    assert main(["status", str(spring.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"] == {"bounced": 1, "complained": 1}
    assert main(["status", str(spring.folder)]) == 0
    assert "came back: 1 bounced, 1 complained" in capsys.readouterr().out
