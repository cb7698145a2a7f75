"""Campaigns with [[dkim]]: what is sent, tried out and looked at is signed, or is not sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.sandbox.server import Sandbox
from fakes.mail.dkim_keys import ed25519_key, records, rsa_key
from fakes.mail.dkim_verifiers import VERIFIERS, dkimpy
from fakes.mail.postfix import OPEN, can_run, private_postfix
from fakes.ports import own_port
from fakes.prepared.campaigns import TOML, write

DKIM = '\n[[dkim]]\ndomain = "example.com"\nselector = "s1"\nkey = { file = "keys/rsa.pem" }\n'
SECOND = '\n[[dkim]]\ndomain = "example.com"\nselector = "e1"\nkey = { env = "ED25519_KEY" }\n'
# "not an address" of the usual rows gets no letter.
SENT = 4


def campaign(folder: Path, more: str = DKIM, toml: str = TOML) -> Path:
    (folder / "keys").mkdir(parents=True)
    for name, pem in (("rsa", rsa_key().pem), ("ed", ed25519_key().pem)):
        path = folder / "keys" / f"{name}.pem"
        path.write_text(pem)
        path.chmod(0o600)
    return write(folder, toml=toml + more)


def wire(letter: bytes) -> bytes:
    """A stored letter as it travelled, without what the server put before it."""
    text = letter.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return text[text.index(b"DKIM-Signature: ") :]


def received(folder: Path) -> list[bytes]:
    return [wire(path.read_bytes()) for path in sorted((folder / "new").iterdir())]


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    made = Sandbox(tmp_path / "mail")
    made.start()
    return made


def test_everybody_gets_a_letter_with_a_signature_of_each_entry(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ED25519_KEY", ed25519_key().pem)
    toml = TOML.replace("port = 1", f"port = {sandbox.port}")
    folder = campaign(tmp_path / "spring", DKIM + SECOND, toml)
    assert main(["run", "--yes", str(folder)]) == 0
    sandbox.stop()
    letters = received(tmp_path / "mail")
    assert dkimpy(letters, records()) == [["pass", "pass"]] * SENT


def test_a_trial_is_signed(tmp_path: Path, sandbox: Sandbox) -> None:
    folder = campaign(tmp_path / "spring", toml=TOML.replace("port = 1", f"port = {sandbox.port}"))
    assert main(["plan", str(folder)]) == 0
    assert main(["test", "--to", "me@example.org", str(folder)]) == 0
    sandbox.stop()
    assert dkimpy(received(tmp_path / "mail"), records()) == [["pass"]]


def test_a_rehearsal_is_signed(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "spring")
    assert main(["run", "--sandbox", "--yes", str(folder)]) == 0
    letters = received(folder / "state" / "sandbox")
    assert dkimpy(letters, records()) == [["pass"]] * SENT


@pytest.mark.parametrize("arguments", [[], ["--sample", "2"], ["--row", "4"]])
def test_a_preview_shows_the_letter_that_goes(tmp_path: Path, arguments: list[str]) -> None:
    folder, out = campaign(tmp_path / "spring"), tmp_path / "out"
    assert main(["preview", str(folder), "--out", str(out), *arguments]) == 0
    letters = [wire(path.read_bytes()) for path in sorted(out.glob("**/*.eml"))]
    assert letters
    assert dkimpy(letters, records()) == [["pass"]] * len(letters)


def test_a_preview_shows_the_very_bytes_that_a_rehearsal_sends(tmp_path: Path) -> None:
    folder, out = campaign(tmp_path / "spring"), tmp_path / "out"
    assert main(["run", "--sandbox", "--yes", str(folder)]) == 0
    rehearsal = folder / "state" / "sandbox" / "journal.sqlite"
    (folder / "state" / "journal.sqlite").write_bytes(rehearsal.read_bytes())
    assert main(["preview", str(folder), "--row", "4", "--out", str(out)]) == 0
    (shown,) = (wire(path.read_bytes()) for path in out.glob("**/*.eml"))
    assert shown in received(folder / "state" / "sandbox")


def test_the_plan_counts_the_signatures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    sizes = []
    for name, more in (("unsigned", ""), ("signed", DKIM)):
        assert main(["plan", str(campaign(tmp_path / name, more)), "--json"]) == 0
        sizes.append(json.loads(capsys.readouterr().out)["size_bytes"])
    assert 600 < sizes[1] - sizes[0] < 1000


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.write_text("hello"), "not a private key in PEM"),
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.chmod(0o644), "can be read by others"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "not UTF-8"),
    ],
    ids=["no key", "missing", "open to all", "binary"],
)
def test_nothing_is_planned_with_a_bad_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil, why: str
) -> None:  # type: ignore[no-untyped-def]
    folder = campaign(tmp_path / "spring")
    spoil(folder / "keys" / "rsa.pem")
    assert main(["plan", str(folder)]) == 78
    said = capsys.readouterr().err
    assert why in said
    assert "s1" in said
    assert not (folder / "state").exists()


def test_nothing_is_sent_with_a_key_that_went_bad(
    tmp_path: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = campaign(tmp_path / "spring", toml=TOML.replace("port = 1", f"port = {sandbox.port}"))
    assert main(["plan", str(folder)]) == 0
    (folder / "keys" / "rsa.pem").write_text("hello")
    assert main(["run", "--yes", str(folder)]) == 78
    sandbox.stop()
    assert "not a private key" in capsys.readouterr().err
    assert not list((tmp_path / "mail" / "new").iterdir())


def test_who_has_no_key_still_sees_the_letters_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = campaign(tmp_path / "spring", SECOND), tmp_path / "out"
    os.environ.pop("ED25519_KEY", None)
    assert main(["preview", str(folder), "--out", str(out)]) == 0
    assert "ED25519_KEY is not set" in capsys.readouterr().err
    assert len(list(out.glob("**/*.eml"))) == SENT


def test_a_table_that_stands_alone_is_read_too(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "spring", DKIM.replace("[[dkim]]", "[dkim]"))
    assert main(["run", "--sandbox", "--yes", str(folder)]) == 0
    assert dkimpy(received(folder / "state" / "sandbox"), records()) == [["pass"]] * SENT


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('"example.com"\nselector', '"no domain"\nselector', "domain: "),
        ('"s1"', '"s_1"', "'s_1' is not a selector"),
    ],
)
def test_names_that_cannot_stand_in_the_dns_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, why: str
) -> None:
    folder = campaign(tmp_path / "spring", DKIM.replace(before, after))
    assert main(["plan", str(folder)]) == 78
    assert why in capsys.readouterr().err


def test_a_domain_in_other_letters_signs_under_its_name_in_the_dns(tmp_path: Path) -> None:
    more = DKIM.replace('"example.com"', '"münchen.example"')
    folder = campaign(tmp_path / "spring", more)
    assert main(["run", "--sandbox", "--yes", str(folder)]) == 0
    letters = received(folder / "state" / "sandbox")
    assert all(b" d=xn--mnchen-3ya.example;\r\n" in letter for letter in letters)
    known = records(domain="xn--mnchen-3ya.example")
    assert dkimpy(letters, known) == [["pass"]] * SENT


HARD = [
    ("bob@example.com", "李小龙 👩‍👩‍👧 " * 9, "gold"),
    ("eve@example.com", "=?utf-8?q?x?=  a;b", "x" * 900),
    ("ada@example.com", "Müller-Lüdenscheidt " * 6, " . ..  "),
    *((f"n{number}@example.com", f"N {number}", "x" * number * 9) for number in range(1, 21)),
]
UNSUBSCRIBE = '''url = "https://example.com/u"
secret = { command = "echo a-secret-nobody-guesses" }
mailto = "out@example.com"'''


@pytest.mark.skipif(not can_run(), reason="needs root and the package postfix")
def test_letters_verify_after_a_postfix(tmp_path: Path) -> None:
    with private_postfix(own_port(), OPEN) as postfix:
        toml = TOML.replace("port = 1", f"port = {postfix.port}")
        toml = toml.replace('mailto = "out@example.com"', UNSUBSCRIBE)
        folder = campaign(tmp_path / "spring", toml=toml)
        write(folder, toml=toml + DKIM, rows=HARD)
        assert main(["run", "--yes", str(folder)]) == 0
        letters = [wire(letter) for letter in postfix.delivered(len(HARD))]
    for name, verify in VERIFIERS.items():
        assert verify(letters, records()) == [["pass"]] * len(HARD), name
