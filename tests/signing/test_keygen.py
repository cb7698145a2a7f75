"""`campaign dkim keygen`: a key in a file, and its record."""

from __future__ import annotations

import json
import shlex
import stat
from pathlib import Path

import pytest

from campaign.cli.commands.dkim.keygen import EXAMPLES, default_selector
from campaign.cli.main import main
from campaign.signing.keys import read_key
from campaign.signing.record import faults_of, read_record


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    assert main(["dkim", "keygen", *arguments, "--json"]) == 0
    found: dict[str, str] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("arguments", "kind", "bits"),
    [((), "rsa", 2048), (("--rsa", "3072"), "rsa", 3072), (("--ed25519",), "ed25519", 256)],
)
def test_the_record_is_that_of_the_key_in_the_file(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], kind: str, bits: int
) -> None:
    said = made(capsys, "--domain", "example.com", *arguments)
    key = read_key(Path(said["file"]).read_text())
    assert (said["kind"], said["bits"], key.kind, key.bits) == (kind, bits, kind, bits)
    assert not faults_of(read_record(said["value"]), key.kind, key.public)
    assert "".join(said["strings"]) == said["value"]
    assert said["name"] == f"{said['selector']}._domainkey.example.com"


def test_nobody_but_its_owner_can_read_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    said = made(capsys, "--domain", "example.com", "-o", "key.pem")
    assert stat.S_IMODE(Path(said["file"]).stat().st_mode) == 0o600


def test_a_key_is_never_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    Path("key.pem").write_text("old")
    assert main(["dkim", "keygen", "--domain", "example.com", "-o", "key.pem"]) == 64
    assert "never written over" in capsys.readouterr().err
    assert Path("key.pem").read_text() == "old"


def test_a_domain_in_other_letters_is_written_as_the_dns_has_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = made(capsys, "--domain", "münchen.example", "--selector", "S1", "--ed25519")
    assert said["name"] == "s1._domainkey.xn--mnchen-3ya.example"


@pytest.mark.parametrize(
    "arguments",
    [["--domain", "-"], ["--domain", "example.com", "--selector", "a b"],
     ["--domain", "example.com", "--selector", "a._b"],
     ["--domain", "example.com", "--rsa", "1024"]],
)  # fmt: skip
def test_what_cannot_be_signed_with_is_refused(arguments: list[str]) -> None:
    assert main(["dkim", "keygen", *arguments]) == 64
    assert not list(Path().iterdir())


def test_the_selector_is_that_of_the_month() -> None:
    assert default_selector(1_795_820_400.0) == "c202611"


def test_the_private_key_is_never_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dkim", "keygen", "--domain", "example.com", "-o", "key.pem"]) == 0
    said = capsys.readouterr()
    body = Path("key.pem").read_text().splitlines()[1:-1]
    assert not any(line in said.out + said.err for line in body)
    assert "IN TXT ( " in said.out
    assert 'key = { file = "key.pem" }' in said.out


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_work(example: str) -> None:
    assert main(shlex.split(example)[1:]) == 0
